"""Wordings compared: the tests against published figures, and what is concluded from trials."""

from __future__ import annotations

import json
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_orc.domain.trial import Trial
from llm_orc.optimize.split_test import split_test_json, split_tests
from llm_orc.optimize.unpaired import needed_of_each, of_scores, of_shares


def trials(variant: str, scores=(), ends=(), *, wording: str = "w", agent: str = "a", began: float = 0):
    for place in range(max(len(scores), len(ends))):
        yield Trial(
            run_id=f"{variant}{wording}{place}", agent=agent, variant=variant, wording=wording,
            started_at=began + place,
            score=scores[place] if place < len(scores) else None,
            succeeded=ends[place] if place < len(ends) else None,
        )  # fmt: skip


def test_welch_agrees_with_its_formulae():
    # Variances 0.025 and 0.01, five values each.
    found = of_scores([0.1, 0.2, 0.3, 0.4, 0.5], [0.4, 0.4, 0.5, 0.6, 0.6])
    assert found.test == "welch"
    assert found.mean == pytest.approx(0.2)
    assert found.statistic == pytest.approx(0.2 / (0.025 / 5 + 0.01 / 5) ** 0.5)
    # 6.68 degrees of freedom: (0.007 ** 2) / (0.005 ** 2 / 4 + 0.002 ** 2 / 4).
    assert found.p == pytest.approx(0.0497, abs=5e-4)
    assert (found.low, found.high) == (pytest.approx(0.0003, abs=5e-4), pytest.approx(0.3997, abs=5e-4))


def test_fisher_agrees_with_the_lady_who_tasted_tea():
    found = of_shares((1, 4), (3, 4))
    assert (found.test, found.p) == ("fisher", pytest.approx(34 / 70))


def test_large_tables_are_tested_by_chi_square_with_newcombes_interval():
    # Newcombe 1998, table II, example (a): 56/70 against 48/80, method 10.
    found = of_shares((48, 80), (56, 70))
    assert found.test == "chi-square"
    assert found.statistic == pytest.approx(7.0, abs=0.05)
    assert found.p == pytest.approx(0.0081, abs=2e-4)
    assert (round(found.low, 4), round(found.high, 4)) == (0.0524, 0.3339)


def test_scores_that_are_yes_or_no_are_shares():
    assert of_scores([1.0, 0.0, 1.0], [1.0, 1.0]).test == "fisher"


@pytest.mark.parametrize(("first", "second"), [([0.5], [0.7, 0.8]), ([0.5, 0.5], [0.7, 0.7])])
def test_what_cannot_be_tested_is_not(first, second):
    found = of_scores(first, second)
    assert (found.test, found.p, found.low) == ("", None, None)


def test_what_is_needed_agrees_with_cohen():
    # Cohen 1988, table 2.4.1: 64 of each by the t distribution, one less by the normal one.
    assert needed_of_each((1.0, 1.0), 0.5) == 63
    assert needed_of_each((0.4, 0.4), 0.0) is None
    assert needed_of_each((0.0, 0.0), 0.5) is None


def test_as_many_runs_as_are_needed_find_the_difference_four_times_of_five():
    random, found = Random(1), 0
    needed = needed_of_each((0.15, 0.15), 0.1)
    for _ in range(200):
        one = [random.gauss(0.5, 0.15) for _ in range(needed)]
        two = [random.gauss(0.6, 0.15) for _ in range(needed)]
        found += of_scores(one, two).p < 0.05
    assert 0.7 <= found / 200 <= 0.9


@settings(deadline=None, max_examples=50)
@given(
    rows=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    shares=st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
def test_a_comparison_turned_round_says_the_opposite(rows, shares):
    one, two = ((round(share * n), n) for share, n in zip(shares, rows, strict=True))
    there, back = of_shares(one, two), of_shares(two, one)
    assert there.p == pytest.approx(back.p)
    assert (there.mean, there.low, there.high) == pytest.approx((-back.mean, -back.high, -back.low))
    assert there.low - 1e-9 <= there.mean <= there.high + 1e-9
    assert 0 <= there.p <= 1 + 1e-9


def test_wordings_are_measured_and_the_better_one_is_named():
    bad, good = [0.2, 0.3, 0.4] * 8, [0.7, 0.8, 0.9] * 8
    (test,) = split_tests([*trials("b", good, [True] * 24), *trials("a", bad, [True, False] * 12)])
    assert [(each.variant, each.runs, each.scored, each.success) for each in test.variants] == [
        ("a", 24, 24, 0.5), ("b", 24, 24, 1.0),
    ]  # fmt: skip
    score, success = test.compared
    assert (score.measure, score.apart.test, score.better, score.missing) == ("score", "welch", "b", (0, 0))
    assert (success.measure, success.apart.test, success.better) == ("success", "chi-square", "b")
    low, high = test.variants[0].score_interval
    assert low < 0.3 < high


def test_only_the_newest_text_of_a_variant_counts():
    old = trials("x", [0.0] * 5, wording="old")
    new = trials("x", [1.0] * 3, wording="new", began=100)
    (test,) = split_tests([*new, *old, *trials("y", [1.0, 0.5])])
    assert [(each.variant, each.runs) for each in test.variants] == [("x", 3), ("y", 2)]
    assert test.outdated == 5


def test_what_is_missing_is_said_for_the_difference_that_matters():
    values = [0.3, 0.5, 0.7] * 4
    several = [*trials("x", values), *trials("y", [each + 0.05 for each in values])]
    (pair,) = split_tests(several)[0].compared
    assert pair.better is None
    assert pair.missing == (pair.needed - 12, pair.needed - 12)
    (wider,) = split_tests(several, effect=0.1)[0].compared
    assert wider.needed == pytest.approx(pair.needed / 4, abs=1)


def test_of_three_wordings_each_two_are_compared_and_corrected_for():
    values = {"x": [0.1, 0.2] * 10, "y": [0.15, 0.2] * 10, "z": [0.8, 0.9] * 10}
    (test,) = split_tests([trial for name, scores in values.items() for trial in trials(name, scores)])
    assert [(pair.first, pair.second) for pair in test.compared] == [("x", "y"), ("x", "z"), ("y", "z")]
    assert all(pair.p >= pair.apart.p for pair in test.compared)
    assert [pair.better for pair in test.compared][1:] == ["z", "z"]


def test_agents_are_told_apart_and_nothing_known_is_nothing_said():
    found = split_tests([*trials("x", ends=[None], agent="b"), *trials("x", [0.5], agent="a")])
    assert [(test.agent, test.compared) for test in found] == [("a", ()), ("b", ())]
    assert found[1].variants[0].success is None
    json.dumps([split_test_json(test) for test in found], allow_nan=False)
