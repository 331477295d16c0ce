"""What tracing costs a run of 500 agents with 50 ms calls: as ratios to runs without, taken in turn."""

from __future__ import annotations

import os
import statistics
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio

from llm_orc.domain.events import ModelAnswered, ModelCalled, RunStarted
from llm_orc.domain.outcome import NO_USAGE
from llm_orc.orchestrator import Orchestrator
from llm_orc.run.stream import EventStream
from tests.servers.otlp import Collector, collecting

from .dags import Dag, layered
from .journal import Slow, ensemble_of

ROUNDS = 15
EVENTS = 20_000


async def seconds(dag: Dag, concurrency: int | None, folder: Path) -> dict[str, list[float]]:
    """What runs took by how they were traced, and with `sent` until all spans were at the collector."""
    ensemble = ensemble_of(dag)
    places = {"off": "none", "off again": "none", "otlp": "otlp", "file": str(folder / "spans.jsonl")}
    taken: dict[str, list[float]] = {name: [] for name in (*places, "otlp, sent")}
    # The first round is not counted: it imports and connects.
    for turn in range(ROUNDS + 1):
        for name, place in places.items():
            orchestrator = Orchestrator(
                folder, providers={"slow": Slow()}, runs=False, flags={"trace": place}
            )
            await orchestrator.invoke(ensemble_of({"a": ()}), "go")
            began = perf_counter()
            await orchestrator.invoke(ensemble, "go", concurrency=concurrency)
            took = perf_counter() - began
            await orchestrator.aclose()
            if turn:
                taken[name].append(took)
                if name == "otlp":
                    taken["otlp, sent"].append(perf_counter() - began)
    return taken


def told(taken: list[float], plain: list[float]) -> str:
    """The median of the ratios, and the quartiles around it."""
    ratios = [one / other for one, other in zip(taken, plain, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:6.3f} ({low:.3f} to {high:.3f})"


def microseconds(emit: Callable[[], None]) -> float:
    began = perf_counter()
    emit()
    return (perf_counter() - began) / EVENTS * 1e6


def an_event() -> float:
    """Microseconds that a call's event takes in the stream when nobody observes."""
    stream = EventStream()
    stream(RunStarted(run_id="r", ensemble="e", layers=(), depends_on={}))
    called = ModelCalled(agent="a", call=1, model="m", n=1)
    answered = ModelAnswered(
        agent="a", call=1, model="m", usage=NO_USAGE, cost_usd=0.0, duration_s=0.0, load_seconds=None
    )

    def emit() -> None:
        for _ in range(EVENTS // 2):
            stream(called)
            stream(answered)

    return min(microseconds(emit) for _ in range(5))


def measured(collector: Collector) -> None:
    os.environ["OTEL_EXPORTER_OTLP_ENDPOINT"] = collector.http
    shapes: dict[str, tuple[Dag, int | None]] = {
        "25 layers of 20": (layered(25, 20, 3), None),
        "500 agents, 16 at once": (layered(1, 500, 0), 16),
        "500 agents, all at once": (layered(1, 500, 0), None),
    }
    print(f"{'tracing, 50 ms calls':26} {'off s':>7}  ratio to off: median (quartiles)")
    with TemporaryDirectory() as name:
        for title, (dag, concurrency) in shapes.items():
            taken = anyio.run(seconds, dag, concurrency, Path(name))
            plain = taken.pop("off")
            print(f"{title:26} {statistics.median(plain):7.3f}")
            for how, each in taken.items():
                print(f"  {how:24} {statistics.median(each):7.3f}  {told(each, plain)}")


def main() -> None:
    """Print the ratios, and what an event takes that nobody observes."""
    with collecting() as collector:
        measured(collector)
    print(f"{'an event, nobody observes':26} {an_event():6.2f} µs")


if __name__ == "__main__":
    main()
