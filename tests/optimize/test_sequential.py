"""The test that may look after every row."""

from __future__ import annotations

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_orc.optimize.sequential import Betting

pytestmark = pytest.mark.slow


def after(differences: list[float]) -> Betting:
    """Until it is decided."""
    betting = Betting()
    for each in differences:
        betting.add(each)
        if betting.verdict:
            break
    return betting


def test_where_there_is_no_difference_it_is_rarely_decided_although_one_always_looks():
    random = Random(11)
    decided = [
        after(random.choices([1.0, -1.0, 0.0], weights=[20, 20, 60], k=120)).verdict for _ in range(120)
    ]
    # At most 5 % in the long run; 12 of 120 would be twice that.
    assert sum(map(bool, decided)) <= 10


@pytest.mark.parametrize(("better", "worse", "verdict"), [(45, 5, "better"), (5, 45, "worse")])
def test_a_large_difference_is_found_before_the_rows_are_used_up(better, worse, verdict):
    random = Random(2)
    for _ in range(20):
        betting = after(random.choices([1.0, -1.0, 0.0], weights=[better, worse, 50], k=200))
        assert betting.verdict == verdict
        assert betting.rows < 200


def test_its_intervals_hold_the_truth_at_every_row():
    random, missed = Random(4), 0
    for _ in range(60):
        betting = Betting()
        for each in random.choices([1.0, -1.0, 0.0], weights=[40, 20, 40], k=80):
            betting.add(each)
            low, high = betting.interval
            if not low <= 0.2 <= high:
                missed += 1
                break
    assert missed <= 6


def test_the_evidence_is_the_capital_of_the_bets():
    betting = Betting()
    betting.add(1.0)
    # The first stake is bounded to half the capital over the mean of 1/2, and the value is 1/2 above it.
    assert betting.evidence == pytest.approx((1.5 + 0.5) / 2)
    betting.add(1.0)
    assert betting.evidence == pytest.approx((1.5 * 1.5 + 0.5 * 0.5) / 2)


@given(st.lists(st.floats(-1, 1), max_size=60))
@settings(deadline=None)
def test_turning_the_differences_around_turns_the_verdict_around(differences):
    there, back = Betting(), Betting()
    for each in differences:
        there.add(each)
        back.add(-each)
    assert there.evidence == pytest.approx(back.evidence)
    assert {there.verdict, back.verdict} in ({""}, {"better", "worse"})
    low, high = there.interval
    assert -1.0 <= low <= high <= 1.0
    assert back.interval == pytest.approx((-high, -low), abs=0.011)


@given(st.lists(st.floats(-1, 1), min_size=1, max_size=30))
@settings(deadline=None)
def test_the_mean_is_that_of_the_differences(differences):
    betting = Betting()
    for each in differences:
        betting.add(each)
    assert betting.mean == pytest.approx(sum(differences) / len(differences), abs=1e-9)


def test_equal_ones_are_known_to_be_equal_within_a_tolerance():
    betting = Betting()
    for _ in range(200):
        betting.add(0.0)
    assert betting.verdict == ""
    assert betting.within(0.1)
    assert not betting.within(0.01)
    assert not betting.within(None)
