"""Self-consistency with 40 samples against the provider's own batch of 40."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import anyio

from llm_orc import Orchestrator
from llm_orc.domain.completion import Message, Request
from llm_orc.domain.ensemble import Agent, Ensemble, Llm, RoutingSpec, StrategySpec
from llm_orc.domain.model import Sampling

PROBLEM = "Mia starts with 34 cards. She buys 33 more cards. How many cards does Mia have now?"
SAMPLES, ROUNDS = 40, 15


def main() -> None:
    anyio.run(compare)


async def compare() -> None:
    """Side by side, in turn."""
    async with Orchestrator() as orchestrator:
        model = orchestrator.model("tiny-medium")
        provider = orchestrator.provider_of(model)
        spec = StrategySpec(type="self_consistency", settings={"samples": SAMPLES, "temperature": 0.7})
        agent = Agent(name="a", work=Llm(models=(model,), strategy=spec, task="reasoning"))
        ensemble = Ensemble(name="bench", agents={"a": agent}, outputs=("a",))
        fixed = RoutingSpec(router="fixed", learning=False)
        request = Request(
            model=model, messages=(Message("user", PROBLEM),), n=SAMPLES, sampling=Sampling(temperature=0.7)
        )
        await provider.complete(request)
        ours, theirs = [], []
        for _ in range(ROUNDS):
            began = perf_counter()
            await provider.complete(request)
            theirs.append(perf_counter() - began)
            began = perf_counter()
            await orchestrator.invoke(ensemble, PROBLEM, routing=fixed)
            ours.append(perf_counter() - began)
    ratios = sorted(a / b for a, b in zip(ours, theirs, strict=True))
    print(
        f"self-consistency of {SAMPLES} against a batch of {SAMPLES}: {median(ratios):.2f}x "
        f"({ratios[0]:.2f} to {ratios[-1]:.2f}), {median(theirs) * 1000:.0f} ms a batch"
    )
