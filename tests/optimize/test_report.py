"""What is made of evaluations: classes, gates, JUnit."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.domain.cause import Cause
from llm_orc.errors import NotFound, UsageFailed
from llm_orc.optimize.confusion import OTHER, confusion_of
from llm_orc.optimize.evaluation import Evaluation, ScoredRow
from llm_orc.optimize.gate import Regression, read_baseline, reasons, regression
from llm_orc.optimize.junit import junit
from llm_orc.optimize.report import Report, compared, exit_code, report_json
from llm_orc.optimize.sequential import Betting
from llm_orc.optimize.statistics import difference

from .cases import row

BROKEN = Cause(kind="server_failed", message="it broke\x1b[31m\x00", hint="try again")


def answered(*pairs: tuple[object, object]) -> list[ScoredRow]:
    """A row per pair of expected and answered."""
    return [
        ScoredRow(row=row(str(place), wanted), output=got, score=float(wanted == got))
        for place, (wanted, got) in enumerate(pairs)
    ]


def scored(*scores: float, name: str = "e", ids: str = "") -> Evaluation:
    rows = tuple(
        ScoredRow(row=row(ids + str(place)), output="x", score=score) for place, score in enumerate(scores)
    )
    return Evaluation(name=name, rows=rows, asked=len(rows))


def report(*evaluations: Evaluation, failures: tuple[str, ...] = ()) -> Report:
    return Report(
        dataset="d.jsonl", metric="exact", seed=0, tolerance=None, evaluations=evaluations, regressions=(),
        failures=failures,
    )  # fmt: skip


def test_a_confusion_matrix_says_what_was_taken_for_what():
    rows = answered(
        ("cat", "cat"), ("cat", "It is a Dog."), ("cat", "The answer is cat."), ("dog", "dog"),
        ("dog", "DOG"), ("dog", "cat or dog"),
    )  # fmt: skip
    found = confusion_of(rows)
    assert found is not None
    assert found.counts == {
        ("cat", "cat"): 2, ("cat", "dog"): 1, ("dog", "dog"): 2, ("dog", OTHER): 1,
    }  # fmt: skip
    assert (found.precision("cat"), found.recall("cat"), found.f1("cat")) == (1.0, 2 / 3, 0.8)
    assert found.macro_f1 == pytest.approx((0.8 + 2 * 2 / (3 + 3)) / 2)


@pytest.mark.parametrize(
    "expected",
    [
        ["a"] * 9, list("abcdefghi"), ["x" * 50, "y"] * 5, [1.5, 2.5] * 5, [None, "a"] * 5, [["a"], "b"] * 5,
    ],
)  # fmt: skip
def test_what_is_no_set_of_classes_has_no_matrix(expected):
    assert confusion_of(answered(*((each, each) for each in expected))) is None


@given(st.lists(st.tuples(st.sampled_from("ab"), st.sampled_from("abc")), min_size=6, max_size=30))
def test_a_confusion_matrix_counts_every_row_once(pairs):
    found = confusion_of(answered(*pairs))
    if found is not None:
        assert sum(found.counts.values()) == len(pairs)
        assert all(0.0 <= found.f1(name) <= 1.0 for name in found.classes)


def baseline(folder: Path, *evaluations: Evaluation) -> Path:
    path = folder / "before.json"
    path.write_text(json.dumps(report_json(report(*evaluations))))
    return path


def test_a_regression_is_one_that_is_beyond_chance(tmp_path):
    before = read_baseline(baseline(tmp_path, scored(*[1.0] * 30)), "exact")
    for wrong, worse in ((1, False), (4, False), (8, True)):
        now = scored(*[0.0] * wrong, *[1.0] * (30 - wrong))
        found = regression(before, now, seed=0)
        assert bool(reasons(now, min_score=None, found=found, tolerance=None)) == worse


def test_few_rows_fail_only_by_the_tolerance(tmp_path):
    before = read_baseline(baseline(tmp_path, scored(*[1.0] * 10)), "exact")
    now = scored(*[0.0] * 5, *[1.0] * 5)
    found = regression(before, now, seed=0)
    assert reasons(now, min_score=None, found=found, tolerance=None) == []
    assert reasons(now, min_score=None, found=found, tolerance=0.4) == [
        "e: -0.5000 against the baseline, worse than --tolerance 0.4"
    ]
    assert reasons(now, min_score=None, found=found, tolerance=0.5) == []


def test_rows_are_paired_by_name_and_the_others_counted(tmp_path):
    before = read_baseline(baseline(tmp_path, scored(1.0, 1.0, 0.0)), "exact")
    found = regression(before, scored(0.0, 1.0), seed=0)
    assert (found.apart.rows, found.apart.worse, found.unpaired) == (2, 1, 1)
    with pytest.raises(UsageFailed, match="no row is in the baseline"):
        regression(before, scored(1.0, ids="other"), seed=0)


def test_one_candidate_pairs_with_one_whatever_its_name_several_by_name(tmp_path):
    one = read_baseline(baseline(tmp_path, scored(1.0, name="old")), "exact")
    assert regression(one, scored(1.0, name="new"), seed=0).apart.mean == 0.0
    two = read_baseline(baseline(tmp_path, scored(1.0, name="a"), scored(0.0, name="b")), "exact")
    assert regression(two, scored(1.0, name="b"), seed=0).apart.mean == 1.0
    with pytest.raises(UsageFailed, match="has no candidate 'c'"):
        regression(two, scored(1.0, name="c"), seed=0)


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"metric": "exact", "candidates": []}', '{"metric": "exact", "candidates": [{}]}',
     '{"metric": "exact", "candidates": [{"name": "a", "rows": [{"id": 1, "score": 1}]}]}',
     '{"metric": "exact", "candidates": [{"name": "a", "rows": [{"id": "1", "score": "x"}]}]}'],
)  # fmt: skip
def test_what_is_no_baseline_is_refused(tmp_path, text):
    path = tmp_path / "b.json"
    path.write_text(text)
    with pytest.raises(UsageFailed, match="is not what `llm-orc eval --json` printed"):
        read_baseline(path, "exact")


def test_a_baseline_of_another_metric_or_of_no_file_is_refused(tmp_path):
    with pytest.raises(UsageFailed, match="was scored by 'exact', not by 'f1'"):
        read_baseline(baseline(tmp_path, scored(1.0)), "f1")
    with pytest.raises(NotFound, match="cannot read the baseline"):
        read_baseline(tmp_path / "none.json", "exact")


def test_exit_codes_follow_from_the_failures():
    lost = ScoredRow(row=row("a"), error=Cause(kind="unreachable", message="", exit_code=4))
    gone = Evaluation(name="e", rows=(lost,), asked=1)
    mixed = Evaluation(name="e", rows=(lost, *scored(1.0).rows), asked=2)
    assert exit_code(report(scored(0.0))) == 0
    assert exit_code(report(scored(0.0), failures=("why",))) == 1
    assert exit_code(report(gone, failures=("why",))) == 4
    assert exit_code(report(mixed, failures=("why",))) == 1


def test_several_are_compared_pair_by_pair_with_adjusted_p_values():
    first, second = scored(*[0.0] * 30, name="a"), scored(*[1.0] * 10, *[0.0] * 20, name="b")
    third = scored(*[1.0] * 30, name="c")
    found = compared([first, second, third], seed=0)
    assert [(one.name, two.name, apart.mean) for one, two, apart, _ in found] == [
        ("a", "b", pytest.approx(1 / 3)), ("a", "c", 1.0), ("b", "c", pytest.approx(2 / 3)),
    ]  # fmt: skip
    assert all(p is not None and apart.p is not None and p >= apart.p for _, _, apart, p in found)


CHILDREN = {"testsuites": ["testsuite"], "testsuite": ["properties", "testcase", "system-out", "system-err"]}
NEEDED = {
    "testsuite": {"name", "package", "id", "timestamp", "hostname", "tests", "failures", "errors", "time"},
    "property": {"name", "value"},
    "testcase": {"name", "classname", "time"},
    "failure": {"type", "message"},
    "error": {"type", "message"},
}


def test_junit_has_the_elements_and_attributes_of_the_usual_schema():
    rows = (
        *answered(("x", "x"), ("x", "y\x1b[0m & <b>")),
        ScoredRow(row=row('q"\ud83d\ufffe'), error=BROKEN),
    )
    found = Evaluation(name="a & b", rows=rows, asked=3)
    text = junit([found, scored(1.0)], "exact", 0.0, "host")
    root = ElementTree.fromstring(text.encode("utf-8"))
    for element in root.iter():
        assert set(element.attrib) == NEEDED.get(element.tag, set())
        tags = [child.tag for child in element]
        if element.tag in CHILDREN:
            order = [CHILDREN[element.tag].index(tag) for tag in tags]
            assert order == sorted(order)
    first = root[0].attrib
    assert (first["tests"], first["failures"], first["errors"], first["id"]) == ("3", "1", "1", "0")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", first["timestamp"])
    assert root[0][3][0].attrib == {"type": "server_failed", "message": "it broke"}
    assert root[0][2][0].text == '{\n  "input": "1"\n}\n\noutput:\ny & <b>'


def test_every_key_of_the_json_is_explained():
    pairs = [("cat", "cat"), ("cat", "dog"), ("dog", "dog")] * 7
    found = Evaluation(name="e", rows=tuple(answered(*pairs)), asked=21)
    both = (found, replace(found, name="f"))
    whole = replace(
        report(*both), regressions=(Regression(name="e", apart=difference([0.0], [1.0]), unpaired=0),)
    )
    printed = report_json(whole)
    raced = report_json(replace(whole, betting=Betting()))
    text = (
        (Path(__file__).parents[2] / "docs" / "eval.md").read_text(encoding="utf-8").split("## `--json`")[1]
    )
    explained = set(re.findall(r"`(\w+)`", text))
    candidate = printed["candidates"][0]
    classes = candidate["confusion"]["classes"]["cat"]
    shapes = (
        printed, candidate, candidate["rows"][0], candidate["confusion"], classes, printed["comparisons"][0],
        printed["baseline"][0], raced["sequential"],
    )  # fmt: skip
    assert {key for shape in shapes for key in shape} - explained == set()
