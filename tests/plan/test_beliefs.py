"""What is believed of models, and how it changes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.domain.evidence import Evidence
from llm_orc.domain.model import Model
from llm_orc.plan.beliefs import Belief, Beliefs, prior_of


def model(name: str = "m", **keys) -> Model:
    return Model(name=name, provider="scripted", wire_name=name, **keys)


def scored(score: float, *, source="metric", of: str = "m", task: str = "reasoning") -> Evidence:
    return Evidence(model=of, task=task, source=source, score=score)


def test_what_the_catalogue_says_comes_first_and_counts_like_twelve_observations():
    belief = prior_of(model(capabilities={"reasoning": 0.75}), "reasoning")
    assert (belief.mean, belief.good + belief.bad) == (0.75, 12)


def test_a_guess_counts_less():
    guessed = prior_of(model(capabilities={"reasoning": 0.8, "extraction": 0.6}), "creative")
    assert (guessed.mean, guessed.good + guessed.bad) == (pytest.approx(0.7), 8)
    assert prior_of(model(), "creative").mean == 0.5


def test_the_router_is_given_the_mean_and_half_a_deviation():
    belief = Belief.from_prior(0.5, 8)
    assert belief.optimistic == pytest.approx(0.5 + 0.5 * (0.25 / 9) ** 0.5)


@given(st.lists(st.floats(0, 1), max_size=200), st.floats(0.05, 0.95))
def test_a_belief_stays_a_belief(scores, prior):
    belief = Belief.from_prior(prior, 12)
    for score in scores:
        belief = belief.scored(score)
        assert 0 < belief.mean < 1
        assert 0 <= belief.optimistic <= 1
    assert belief.good + belief.bad <= 12 + 1 / 0.02 + 1


def test_a_model_that_changed_is_learned_anew():
    belief = Belief.from_prior(0.5, 12)
    for score in [1.0] * 500 + [0.0] * 100:
        belief = belief.scored(score)
    assert belief.mean < 0.3


def test_agreement_counts_half():
    beliefs = Beliefs([scored(1.0, source="agreement")])
    whole = Beliefs([scored(1.0)])
    half = beliefs.of(model(), "reasoning")
    assert 0.5 < half.mean < whole.of(model(), "reasoning").mean
    assert half.observed == 0.5


def test_that_a_call_did_not_fail_says_nothing_about_quality():
    usage = Evidence(model="m", task="reasoning", source="usage", token_ratio=2.0, seconds_per_token=0.1)
    belief = Beliefs([usage]).of(model(), "reasoning")
    assert (belief.mean, belief.observed, belief.seconds_per_token) == (0.5, 0, 0.1)
    assert belief.tokens > 1


def test_tokens_come_close_to_what_is_used():
    belief = Belief.from_prior(0.5, 12)
    for _ in range(200):
        belief = belief.used(3.0, 0.02)
    assert belief.tokens == pytest.approx(3.0, rel=0.05)
    assert belief.used(1e9, None).tokens < 10


def test_evidence_about_one_model_and_task_is_about_no_other():
    beliefs = Beliefs([scored(1.0)])
    assert beliefs.of(model("other"), "reasoning").mean == 0.5
    assert beliefs.of(model(), "extraction").mean == 0.5


def test_a_model_with_other_weights_starts_anew():
    beliefs = Beliefs([scored(1.0, of="sha256:old")])
    assert beliefs.of(model(digest="sha256:old"), "reasoning").observed == 1
    assert beliefs.of(model(digest="sha256:new"), "reasoning").observed == 0
