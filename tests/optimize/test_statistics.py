"""The statistics beside brute force, published figures and simulation."""

from __future__ import annotations

from fractions import Fraction
from itertools import product
from math import comb
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_orc.optimize.statistics import (
    LEAST_ROWS,
    bounded_interval,
    detectable,
    difference,
    holm,
    mcnemar,
    needed,
    share_interval,
    sign_flip,
)

pytestmark = pytest.mark.slow

SCORES = st.lists(st.sampled_from([0.0, 0.25, 0.5, 1.0]), min_size=1, max_size=9)


@given(st.integers(0, 30), st.integers(0, 30))
@settings(deadline=None)
def test_mcnemar_is_the_sum_of_the_tails(better, worse):
    rows = better + worse
    chances = [Fraction(comb(rows, k), 2**rows) for k in range(rows + 1)]
    assert mcnemar(better, worse) == pytest.approx(float(sum(c for c in chances if c <= chances[better])))


@given(st.lists(st.integers(-4, 4), min_size=1, max_size=9))
@settings(deadline=None, max_examples=40)
def test_sign_flips_are_all_of_them_where_they_can_be(quarters):
    differences = [quarter / 4 for quarter in quarters]
    sums = [sum(sign * q for sign, q in zip(signs, quarters, strict=True))
            for signs in product((1, -1), repeat=len(quarters))]  # fmt: skip
    above = sum(s >= sum(quarters) for s in sums) / len(sums)
    below = sum(s <= sum(quarters) for s in sums) / len(sums)
    assert sign_flip(differences) == pytest.approx(min(1.0, 2 * min(above, below)))


def test_drawn_sign_flips_agree_with_mcnemar():
    differences = [1.0] * 30 + [-1.0] * 14 + [0.0] * 20
    assert sign_flip(differences) == pytest.approx(mcnemar(30, 14), abs=0.01)
    assert sign_flip(differences, seed=4) == sign_flip(differences, seed=4)


def test_intervals_of_shares_are_the_published_ones():
    # Newcombe 1998, Statistics in Medicine 17:857, table I.
    assert share_interval(81, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert share_interval(81, 263, "exact") == pytest.approx((0.2527, 0.3676), abs=5e-5)
    assert share_interval(0, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert share_interval(0, 20, "exact") == pytest.approx((0.0, 0.1684), abs=5e-5)


@given(st.integers(1, 60), st.data())
@settings(deadline=None)
def test_the_exact_interval_is_where_the_tails_are_a_fortieth(rows, data):
    successes = data.draw(st.integers(0, rows))
    low, high = share_interval(successes, rows, "exact")

    def at_least(share: float) -> float:
        return sum(comb(rows, k) * share**k * (1 - share) ** (rows - k) for k in range(successes, rows + 1))

    def at_most(share: float) -> float:
        return sum(comb(rows, k) * share**k * (1 - share) ** (rows - k) for k in range(successes + 1))

    assert low == 0.0 if successes == 0 else at_least(low) == pytest.approx(0.025, rel=1e-6)
    assert high == 1.0 if successes == rows else at_most(high) == pytest.approx(0.025, rel=1e-6)


@given(SCORES)
@settings(deadline=None, max_examples=30)
def test_an_interval_holds_the_mean_and_stays_within_the_bounds(scores):
    low, high = bounded_interval(scores)
    assert 0.0 <= low <= sum(scores) / len(scores) + 1e-9
    assert sum(scores) / len(scores) - 1e-9 <= high <= 1.0


def test_rows_that_all_agree_leave_room_for_doubt():
    low, high = bounded_interval([0.0] * 40, -1.0, 1.0)
    # A difference in one row of 12 stays unseen in 40 rows once in 33 times.
    assert low == pytest.approx(-1 / 12, abs=0.02)
    assert high == pytest.approx(1 / 12, abs=0.02)


@pytest.mark.parametrize(("rows", "better", "worse"), [(20, 8, 0), (50, 2, 0), (100, 8, 0), (50, 30, 12)])
def test_intervals_hold_the_truth_also_where_few_rows_differ(rows, better, worse):
    random, held, worlds = Random(7), 0, 100
    for world in range(worlds):
        draws = random.choices([1.0, 0.0, 0.5], weights=[better, worse, 100 - better - worse], k=rows)
        apart = difference([0.5] * rows, draws, seed=world)
        assert apart.low is not None
        assert apart.high is not None
        held += apart.low <= (better - worse) / 200 <= apart.high
    # 95 % would be 95 of 100, give or take 2.
    assert held >= 90


def test_where_there_is_no_difference_one_is_claimed_once_in_twenty_times_at_most():
    random, claimed, worlds = Random(3), 0, 200
    for _ in range(worlds):
        claimed += (
            sign_flip([random.choice([0.0, 0.3, 1.0]) - random.choice([0.0, 0.3, 1.0]) for _ in range(14)])
            < 0.05
        )
    assert claimed / worlds <= 0.08


def test_few_rows_claim_nothing():
    apart = difference([0.0] * (LEAST_ROWS - 1), [1.0] * (LEAST_ROWS - 1))
    assert (apart.mean, apart.low, apart.high, apart.p, apart.known) == (1.0, None, None, None, False)
    assert difference([0.0] * LEAST_ROWS, [1.0] * LEAST_ROWS).known


def test_the_test_follows_from_the_scores():
    ones = [0.0, 1.0] * 15
    assert difference(ones, ones[::-1]).test == "mcnemar"
    assert difference(ones, [0.5] * 30).test == "sign-flip"


def test_rows_and_effects_are_two_sides_of_one_formula():
    # (1.96 + 0.8416)² · 0.5² / 0.1² = 196.2
    assert needed(0.5, 0.1) == 197
    assert detectable(0.5, 197) == pytest.approx(0.1, abs=3e-4)


def test_what_is_called_detectable_is_detected_four_times_of_five():
    random, found, worlds, rows = Random(5), 0, 200, 100
    # Of the rows, 30 % turn right and 12 % turn wrong: 0.18 apart with a spread of 0.62.
    for _ in range(worlds):
        draws = random.choices([1.0, -1.0, 0.0], weights=[30, 12, 58], k=rows)
        found += mcnemar(draws.count(1.0), draws.count(-1.0)) < 0.05
    assert detectable(0.623, rows) == pytest.approx(0.1745, abs=1e-3)
    assert 0.7 <= found / worlds <= 0.9


def test_several_p_values_are_adjusted_as_holm_says():
    # The example of Holm 1979 as it is usually given.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=8))
def test_adjusting_only_makes_p_values_larger_and_keeps_their_order(ps):
    adjusted = holm(ps)
    assert all(p <= a <= 1 for p, a in zip(ps, adjusted, strict=True))
    ordered = [a for _, a in sorted(zip(ps, adjusted, strict=True))]
    assert ordered == sorted(ordered)
