"""Files that are made to harm are refused while they are read."""

from __future__ import annotations

import tracemalloc

import pytest

from llm_orc.domain.model import Fleet
from llm_orc.errors import InvalidFile
from llm_orc.spec.composer import MAX_DEPTH, MAX_NODES, Composer
from llm_orc.spec.ensemble_file import check_ensemble


def _bomb(levels: int) -> str:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, levels)]
    return "\n".join(lines)


def _refusal(text: str) -> str:
    with pytest.raises(InvalidFile) as caught:
        Composer(text, "f").compose()
    return str(caught.value)


def test_aliases_that_multiply_are_refused_before_they_are_expanded() -> None:
    tracemalloc.start()
    said = _refusal(_bomb(40))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()

    assert said == f"f:6:10: the file holds more than {MAX_NODES:,} values, aliases counted as often as used"
    assert peak < 5_000_000


def test_aliases_that_multiply_in_merges_are_refused() -> None:
    lines = ["a0: &a0 {x: [1, 2, 3, 4, 5, 6, 7, 8, 9]}"]
    lines += [f"a{i}: &a{i} {{<<: *a{i - 1}, b{i}: *a{i - 1}, c{i}: *a{i - 1}}}" for i in range(1, 40)]

    assert "more than 100,000 values" in _refusal("\n".join(lines))


def test_a_file_with_too_many_values_is_refused() -> None:
    assert "more than 100,000 values" in _refusal("a:\n" + "- 1\n" * (MAX_NODES + 1))


@pytest.mark.parametrize("opening", ["[", "{a: ", "- ", "? "])
def test_deep_nesting_ends_at_the_limit(opening: str) -> None:
    said = _refusal("a:\n " + opening * 100_000)

    assert f"nested more than {MAX_DEPTH} levels deep" in said


def test_nesting_within_the_limit_is_read() -> None:
    depth = MAX_DEPTH - 1
    value = Composer(f"a: {'[' * depth}{']' * depth}", "f").compose().value

    for _ in range(depth):
        assert isinstance(value, dict | list)
        value = value["a"] if isinstance(value, dict) else value[0]
    assert value == []


def test_of_thousands_of_problems_the_first_are_told(tmp_path) -> None:
    file = tmp_path / "other.yaml"
    file.write_text("".join(f"k{number}: v\n" for number in range(5_000)), encoding="utf-8")
    problems = check_ensemble(file, Fleet(models={}))
    assert len(problems) == 1_001
    assert problems[0].message == "there are more than 1,000 problems"


def test_a_wrong_item_is_found_among_items_that_were_looked_at_before(tmp_path) -> None:
    file = tmp_path / "e.yaml"
    agents = "  - {name: a}\n  - {name: b, depends_on: [a]}\n  - {name: c, depends_on: [a, 5, a, '']}\n"
    file.write_text(f"name: e\nagents:\n{agents}", encoding="utf-8")
    assert [problem.column for problem in check_ensemble(file, Fleet(models={})) if problem.line == 5] == [
        31,
        37,
    ]
