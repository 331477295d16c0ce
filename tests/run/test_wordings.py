"""The split of runs over an agent's wordings."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_orc.domain.ensemble import Agent, Llm
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.wording import Variant
from llm_orc.run.attempt import Attempt
from llm_orc.run.budget import Purses
from llm_orc.run.stream import EventStream
from llm_orc.run.view import View
from llm_orc.run.wordings import Wordings, share_out

WEIGHTS = st.lists(st.just(0.0) | st.floats(1e-6, 100), min_size=1, max_size=6).filter(any)


def variants(*weights: float) -> tuple[Variant, ...]:
    return tuple(
        Variant(name=f"v{place}", weight=weight, system_prompt=f"p{place}", prompt=None)
        for place, weight in enumerate(weights)
    )


async def chosen(
    run: str, agent: str = "a", *, weights=(1, 1), seed: int | None = None, text: str = "hi"
) -> str:
    model = Model(name="m", provider="scripted", wire_name="m", sampling=Sampling(seed=seed))
    llm = Llm(models=(model,), variants=variants(*weights))
    attempt = Attempt(Agent(name=agent, work=llm), agent, Purses())
    inputs = {"input": text}
    view = View(inputs=inputs, dependencies={}, own=text)
    worded, _ = await Wordings(run, inputs, None, EventStream([])).of(llm, view, None, attempt)
    assert worded.system_prompt == f"p{attempt.variant[1:]}"
    return attempt.variant


@given(weights=WEIGHTS, point=st.floats(0, 1, exclude_max=True))
def test_each_point_belongs_to_a_variant_that_takes_part(weights, point):
    assert share_out(variants(*weights), point).weight > 0


@settings(deadline=None, max_examples=50)
@given(weights=WEIGHTS, scale=st.floats(0.01, 100))
def test_shares_are_in_proportion_to_the_weights(weights, scale):
    steps = 1_000
    counts = Counter(share_out(variants(*weights), (n + 0.5) / steps).name for n in range(steps))
    scaled = Counter(
        share_out(variants(*(weight * scale for weight in weights)), (n + 0.5) / steps).name
        for n in range(steps)
    )
    for place, weight in enumerate(weights):
        share = weight / sum(weights)
        assert abs(counts[f"v{place}"] / steps - share) <= 1 / steps
        assert abs(scaled[f"v{place}"] - counts[f"v{place}"]) <= 2


@pytest.mark.parametrize("weights", [(1, 1), (3, 1), (1, 0, 2), (1, 1, 1, 1)])
async def test_runs_are_split_by_weight(weights):
    runs = 4_000
    counts = Counter([await chosen(f"run-{n}", weights=weights) for n in range(runs)])
    for place, weight in enumerate(weights):
        share = weight / sum(weights)
        # Five standard deviations.
        assert abs(counts[f"v{place}"] / runs - share) <= 5 * (share * (1 - share) / runs) ** 0.5


async def test_a_run_keeps_its_wording_and_agents_have_their_own():
    runs = [f"run-{n}" for n in range(200)]
    first = [await chosen(run) for run in runs]
    assert [await chosen(run) for run in runs] == first
    other = [await chosen(run, "b") for run in runs]
    agreeing = sum(one == two for one, two in zip(first, other, strict=True))
    assert 60 <= agreeing <= 140


async def test_a_seed_makes_the_wording_repeatable_and_still_splits_over_inputs():
    texts = [f"input {n}" for n in range(200)]
    first = [await chosen("one", seed=7, text=text) for text in texts]
    assert [await chosen("two", seed=7, text=text) for text in texts] == first
    assert 60 <= first.count("v0") <= 140
    assert [await chosen("one", seed=8, text=text) for text in texts] != first
