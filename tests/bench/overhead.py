"""What the scheduler and the executor cost per agent, against a bare anyio driver doing the same work.

Both call a provider that answers at once, with the same composed prompt, and keep the answers.
"""

from __future__ import annotations

import statistics
from collections.abc import Awaitable, Callable, Mapping
from time import perf_counter

import anyio

from llm_orc.domain.completion import Choice, Completion, Message, Request
from llm_orc.domain.ensemble import Agent, Ensemble, Llm
from llm_orc.domain.events import Event, Observer
from llm_orc.domain.model import Model
from llm_orc.domain.usage import Usage
from llm_orc.plan.task_typing import task_of
from llm_orc.run.run import run_ensemble
from llm_orc.strategies.single import Single
from tests.treated import treated

from .dags import Dag, chain, fan, layered

MODEL = Model(name="instant", provider="instant", wire_name="instant")
REPLY = "x" * 200


class Instant:
    """Answers at once."""

    async def complete(self, request: Request) -> Completion:
        return Completion(choices=(Choice(text=REPLY),), usage=Usage(input_tokens=1, output_tokens=1))


def prompt(name: str, dependencies: Mapping[str, str]) -> str:
    """The prompt that an agent without one gets."""
    if not dependencies:
        return "go"
    return "\n\n".join(["go", *(f"## {name}\n{text}" for name, text in dependencies.items())])


async def bare(dag: Dag) -> dict[str, str]:
    """The baseline: one task per node, each waits for its dependencies' events."""
    done = {name: anyio.Event() for name in dag}
    outputs: dict[str, str] = {}
    provider = Instant()

    async def node(name: str) -> None:
        for need in dag[name]:
            await done[need].wait()
        text = prompt(name, {need: outputs[need] for need in dag[name]})
        completion = await provider.complete(Request(model=MODEL, messages=(Message("user", text),)))
        outputs[name] = completion.text
        done[name].set()

    async with anyio.create_task_group() as tasks:
        for name in dag:
            tasks.start_soon(node, name)
    return outputs


def ensemble_of(dag: Dag) -> Ensemble:
    """The DAG as an ensemble of llm agents."""
    needed = {need for needs in dag.values() for need in needs}
    return Ensemble(
        name="bench",
        agents={n: Agent(name=n, work=Llm(models=(MODEL,)), depends_on=needs) for n, needs in dag.items()},
        outputs=tuple(name for name in dag if name not in needed),
    )


async def ours(ensemble: Ensemble, observers: list[Observer]) -> object:
    provider, strategy = Instant(), Single()
    return await run_ensemble(
        ensemble,
        {"input": "go"},
        treatment=treated(provider),
        strategy_of=lambda name: strategy,
        task_of=task_of,
        observers=observers,
    )


def median_us(
    function: Callable[..., Awaitable[object]], *arguments: object, nodes: int, rounds: int
) -> float:
    """Median microseconds per node over `rounds` runs in one event loop, after one warm-up."""

    async def measure() -> list[float]:
        taken = []
        for _ in range(rounds + 1):
            began = perf_counter()
            await function(*arguments)
            taken.append((perf_counter() - began) / nodes * 1e6)
        return taken[1:]

    return statistics.median(anyio.run(measure))


SHAPES: dict[str, Dag] = {
    "fan-out 1-500-1": fan(500),
    "chain of 100": chain(100),
    "ten layers of 50, 3 deps": layered(10, 50, 3),
    "ten layers of 50, full": layered(10, 50, 50),
}


def main(rounds: int = 15) -> None:
    """Print a table: microseconds per agent, and the ratio to the bare driver."""
    seen: list[Event] = []
    titles = f"{'bare us':>9} {'ours us':>9} {'ratio':>6} {'watched us':>12} {'ratio':>6}"
    print(f"{'overhead per agent':28} {titles}")
    for name, dag in SHAPES.items():
        ensemble = ensemble_of(dag)
        base = median_us(bare, dag, nodes=len(dag), rounds=rounds)
        plain = median_us(ours, ensemble, [], nodes=len(dag), rounds=rounds)
        seen.clear()
        watched = median_us(ours, ensemble, [seen.append], nodes=len(dag), rounds=rounds)
        print(f"{name:28} {base:9.1f} {plain:9.1f} {plain / base:6.2f} {watched:12.1f} {watched / base:6.2f}")
    sizes = (100, 1000, 5000)
    print(f"\n{'growth, us per agent (fan-out)':32}" + "".join(f"{size:>9}" for size in sizes))
    bases = [median_us(bare, fan(n), nodes=n + 2, rounds=7) for n in sizes]
    costs = [median_us(ours, ensemble_of(fan(n)), [], nodes=n + 2, rounds=7) for n in sizes]
    for name, row in (("bare", bases), ("ours", costs)):
        print(f"{name:32}" + "".join(f"{cost:9.1f}" for cost in row))


if __name__ == "__main__":
    main()
