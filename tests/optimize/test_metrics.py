"""What outputs are worth."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.errors import InvalidFile, NotAvailable, OrcError, ScriptFailed, UsageFailed
from llm_orc.optimize.metrics import check_rows, metric_of
from llm_orc.optimize.text_scores import token_f1
from llm_orc.optimize.tree_score import tree_score

from .cases import row

pytestmark = pytest.mark.anyio
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("metric", "expected", "output", "score"),
    [
        ("exact", "yes", " yes\n", 1.0),
        ("exact", "yes", "Yes", 0.0),
        ("exact", "80", 80, 1.0),
        ("exact", 1, True, 0.0),
        ("exact", 1, 1.0, 1.0),
        ("exact", "caf\u00e9", "cafe\u0301", 1.0),
        ("exact", ["yes", "ja"], "ja", 1.0),
        ("exact", ["a", "b"], ["a", "b"], 1.0),
        ("contains", "Paris", "It is PARIS, I think.", 1.0),
        ("contains", "Rome", "It is Paris.", 0.0),
        ("contains", ["Rome", "Paris"], "It is Paris.", 1.0),
        ("numeric", 1000, "So there are 1,000 of them.", 1.0),
        ("numeric", 1000, "First 1,000, then 20.", 0.0),
        ("numeric", "-3", "The answer is −3.", 1.0),
        ("numeric", 80, {"answer": 80, "item": "cards 12"}, 1.0),
        ("numeric", 80, "no idea", 0.0),
        ("numeric", 3.14, "3.1416", 0.0),
        ("numeric:0.01", 3.14, "3.1416", 1.0),
        ("f1", "the cat sat", "A cat sat!", 1.0),
        ("f1", "cat sat", "cat ran", 0.5),
        ("f1", ["dog", "cat sat"], "cat ran", 0.5),
        ("json", {"a": 1, "b": [1, 2]}, '```json\n{"a": 1, "b": [1, 3]}\n```', 2 / 3),
        ("json", {"a": 1}, {"a": 1, "b": 2}, 0.5),
        ("json", {"a": 1}, "not json", 0.0),
        ("json", "[1, 2]", [1, 2], 1.0),
        ("regex", r"^\d+$", "42", 1.0),
        ("regex", r"^\d+$", "42 or so", 0.0),
        ("regex:^yes", None, "yes, it is", 1.0),
        ("regex:a:b", None, "a:b", 1.0),
    ],
)
async def test_scores(metric, expected, output, score):
    found = await metric_of(metric)(row(expected=expected), output)
    assert found.score == pytest.approx(score)
    assert bool(found.feedback) == (score < 1)


async def test_mathematics_is_compared_by_meaning():
    try:
        metric = metric_of("math")
    except NotAvailable:
        pytest.skip("math-verify is not installed")
    assert (await metric(row(expected="1/2"), r"The answer is \boxed{\frac{1}{2}}.")).score == 1.0
    assert (await metric(row(expected="x + 1"), "the answer is 1 + x")).score == 1.0
    assert (await metric(row(expected="x + 1"), "the answer is x - 1")).score == 0.0


async def test_feedback_says_what_is_wrong():
    found = await metric_of("json")(row(expected={"a": "x", "b": {"c": 1}}), {"a": "y", "d": 2})
    assert (
        found.feedback == "wrong: a expected 'x', got 'y'; b.c is missing, expected 1; d should not be there"
    )
    assert (await metric_of("numeric")(row(expected=4), "five 5")).feedback == "expected '4', got '5.0'"


@given(VALUES)
def test_every_value_is_wholly_like_itself(value):
    assert tree_score(value, value) == (1.0, "")


@given(VALUES, VALUES)
def test_a_tree_score_is_a_share_and_the_same_both_ways(one, other):
    score, feedback = tree_score(one, other)
    assert 0.0 <= score <= 1.0
    assert score == pytest.approx(tree_score(other, one)[0])
    assert bool(feedback) == (score < 1.0)


@given(st.text(), st.text())
def test_token_f1_is_a_share_and_the_same_both_ways(one, other):
    assert 0.0 <= token_f1(one, other)[0] <= 1.0
    assert token_f1(one, other)[0] == token_f1(other, one)[0]
    assert token_f1(one, one)[0] == 1.0


@given(st.lists(st.sampled_from("uvwxyz"), min_size=1), st.lists(st.sampled_from("uvwxyz"), min_size=1))
def test_token_f1_is_what_counting_by_hand_gives(wanted, found):
    left, shared = list(wanted), 0
    for word in found:
        if word in left:
            left.remove(word)
            shared += 1
    precision, recall = shared / len(found), shared / len(wanted)
    by_hand = 2 * precision * recall / (precision + recall) if shared else 0.0
    assert token_f1(" ".join(wanted), " ".join(found))[0] == pytest.approx(by_hand)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("exat", "unknown metric 'exat'"),
        ("exact:1", "unknown metric 'exact:1'"),
        ("regex:(", "not a regular expression"),
        ("numeric:much", "'much' is not a tolerance"),
        ("numeric:-1", "'-1' is not a tolerance"),
        ("judge", "a judge is an ensemble"),
        ("judge:", "a judge is an ensemble"),
        ("nowhere.py:f", "nowhere.py cannot be loaded"),
        ("json:dumpz", "unknown metric 'json:dumpz'"),
        ("os:nothing", "os has no function 'nothing'"),
    ],
)
def test_a_metric_that_is_none_is_refused_with_a_reason(spec, said):
    with pytest.raises(UsageFailed, match=said.replace("(", r"\(")):
        metric_of(spec)


async def test_rows_that_a_metric_cannot_score_are_found_before_anything_is_run():
    rows = [row("a", "12"), row("b", "many"), row("c", None)]
    with pytest.raises(InvalidFile) as raised:
        await check_rows(rows, metric_of("numeric"))
    assert [problem.message for problem in raised.value.problems] == [
        "'many' is no number", "the row has no expected answer",
    ]  # fmt: skip
    await check_rows(rows, metric_of("regex:x"))


OWN = {
    "number": ("0.25", 0.25, ""),
    "boolean": ("True", 1.0, ""),
    "pair": ("(0.5, 'half')", 0.5, "half"),
    "object": ("{'score': 1, 'reason': 'fine'}", 1.0, "fine"),
    "row": ("row.inputs['input'] == 'r' and output == 'o'", 1.0, ""),
}


@pytest.mark.parametrize("kind", OWN)
@pytest.mark.parametrize("define", ["def", "async def"])
async def test_a_function_of_the_users_scores(tmp_path, kind, define):
    code, score, feedback = OWN[kind]
    (tmp_path / "own.py").write_text(f"{define} score(row, output):\n    return {code}\n")
    found = await metric_of("own.py:score", folder=tmp_path)(row(), "o")
    assert (found.score, found.feedback) == (score, feedback)


@pytest.mark.parametrize(
    "code", ["2", "-0.1", "float('nan')", "None", "'0.5'", "(1, 2)", "{}", "1 / 0", "[]"]
)
@pytest.mark.parametrize("define", ["def", "async def"])
async def test_what_is_no_score_is_an_error_of_the_row(tmp_path, code, define):
    (tmp_path / "own.py").write_text(f"{define} score(row, output):\n    return {code}\n")
    with pytest.raises(
        ScriptFailed, match=r"own\.py:score (\(.*own\.py:1\) gave no score|failed at .*own\.py:2)"
    ):
        await metric_of("own.py:score", folder=tmp_path)(row(), "o")


@given(spec=st.sampled_from(["exact", "contains", "f1", "json", "regex:x", "numeric"]), output=VALUES)
async def test_no_output_breaks_a_metric(spec, output):
    expected = 3 if spec == "numeric" else "x"
    try:
        found = await metric_of(spec)(row(expected=expected), output)
    except OrcError as error:
        pytest.fail(str(error))
    assert 0.0 <= found.score <= 1.0
