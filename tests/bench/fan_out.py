"""A fan-out of 1,000 calls of an embedded model against the same prompts given to the provider directly,
and what a fan-out of 10,000 items keeps in memory."""

from __future__ import annotations

import json
import resource
from dataclasses import replace
from time import perf_counter

import anyio

from llm_orc.domain.completion import Message, Request
from llm_orc.domain.ensemble import Agent, Ensemble, FanOut, Llm
from llm_orc.domain.model import Model, Sampling
from llm_orc.orchestrator import Orchestrator
from llm_orc.providers.llamacpp import LlamaCpp
from llm_orc.providers.scripted import Scripted
from llm_orc.run.flow import AT_ONCE

QUESTION = "Ann has {n} cards. She buys 7 more cards. How many cards does Ann have now?"
CALLS = 1000
SAMPLING = Sampling(max_tokens=60)


def ensemble(model: Model, items: list[str]) -> Ensemble:
    """A list, and an agent that runs once per item."""
    answers = Sampling(options={"answers": [json.dumps(items)]})
    scripted = Model(name="list", provider="scripted", wire_name="list", sampling=answers)
    return Ensemble(
        name="fan-out",
        agents={
            "list": Agent(name="list", work=Llm(models=(scripted,))),
            "each": Agent(
                name="each",
                work=Llm(models=(replace(model, sampling=SAMPLING),)),
                depends_on=("list",),
                fan_out=FanOut(over=()),
            ),
        },
        outputs=("each",),
    )


async def directly(model: Model, items: list[str]) -> float:
    """Seconds for the same prompts, as many at once as a fan-out has."""
    provider, limit = LlamaCpp(), anyio.CapacityLimiter(AT_ONCE)

    async def one(text: str) -> None:
        async with limit:
            await provider.complete(
                Request(model=model, messages=(Message("user", text),), sampling=SAMPLING)
            )

    await one(items[0])
    began = perf_counter()
    async with anyio.create_task_group() as tasks:
        for item in items:
            tasks.start_soon(one, item)
    taken = perf_counter() - began
    await provider.aclose()
    return taken


async def fanned_out(model: Model, items: list[str]) -> float:
    """Seconds for the fan-out, the model already loaded."""
    async with Orchestrator() as orchestrator:
        await orchestrator.invoke(ensemble(model, items[:1]), "go")
        result = await orchestrator.invoke(ensemble(model, items), "go")
    return result.duration_s


def peak_mb() -> float:
    """The most memory that this process has used."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


async def memory(items: int) -> float:
    """What a fan-out over scripted answers adds to the peak, in megabytes."""
    before = peak_mb()
    model = Model(name="echo", provider="scripted", wire_name="echo")
    async with Orchestrator(providers={"scripted": Scripted()}) as orchestrator:
        await orchestrator.invoke(ensemble(model, [f"item {n}" for n in range(items)]), "go")
    return peak_mb() - before


def main() -> None:
    """Print the ratio of the times, and the growth of memory."""
    # Before the models are loaded: what they take would hide what the list takes.
    grown = [anyio.run(memory, count) for count in (1_000, 10_000)]
    print(f"{'fan-out memory, 1,000 items':28} {grown[0]:8.1f} MB   10,000 items {grown[1]:6.1f} MB")
    model = Orchestrator().model("tiny-medium")
    items = [QUESTION.format(n=n) for n in range(2, CALLS + 2)]
    rounds = [(anyio.run(directly, model, items), anyio.run(fanned_out, model, items)) for _ in range(3)]
    base, ours = sorted(rounds, key=lambda pair: pair[1] / pair[0])[1]
    print(
        f"{'fan-out of 1,000 calls':28} {ours:8.2f} s    provider    {base:7.2f} s   ratio {ours / base:5.2f}"
    )


if __name__ == "__main__":
    main()
