"""What the journal costs a run of 500 agents with 50 ms calls, and whether a million events stay readable."""

from __future__ import annotations

import statistics
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio

from llm_orc.cli.main import SWITCH_SECONDS
from llm_orc.domain.completion import Choice, Completion, Request
from llm_orc.domain.ensemble import Agent, Ensemble, Llm
from llm_orc.domain.events import AgentFinished, AgentStarted, Event, ModelAnswered, ModelCalled
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import Answered, Effort
from llm_orc.domain.usage import Usage
from llm_orc.orchestrator import Orchestrator
from llm_orc.providers.scripted import Scripted
from llm_orc.run.journal import Journal, Opening
from llm_orc.run.journal_reading import Runs

from .dags import Dag, chain, layered

CALL_SECONDS = 0.05
MODEL = Model(name="slow", provider="slow", wire_name="slow")
ROUNDS = 9
EVENTS = 1_000_000


class Slow(Scripted):
    """Answers after 50 ms."""

    async def complete(self, request: Request) -> Completion:
        await anyio.sleep(CALL_SECONDS)
        return Completion(choices=(Choice(text="x" * 400),), usage=Usage(input_tokens=9, output_tokens=9))


def ensemble_of(dag: Dag) -> Ensemble:
    """The DAG as an ensemble of llm agents."""
    needed = {need for needs in dag.values() for need in needs}
    return Ensemble(
        name="bench",
        agents={n: Agent(name=n, work=Llm(models=(MODEL,)), depends_on=needs) for n, needs in dag.items()},
        outputs=tuple(name for name in dag if name not in needed),
    )


async def seconds(ensemble: Ensemble, concurrency: int | None, folder: Path) -> tuple[float, float]:
    """Medians of runs that are not recorded and of runs that are, taken in turn."""
    taken: dict[bool, list[float]] = {False: [], True: []}
    provider = {"slow": Slow()}
    async with (
        Orchestrator(folder, providers=provider, runs=False) as plain,
        Orchestrator(folder, providers=provider, runs=folder / "runs.db") as recorded,
    ):
        for turn in range(ROUNDS + 1):
            for with_journal, orchestrator in ((False, plain), (True, recorded)):
                began = perf_counter()
                await orchestrator.invoke(ensemble, "go", concurrency=concurrency)
                if turn:
                    taken[with_journal].append(perf_counter() - began)
    return statistics.median(taken[False]), statistics.median(taken[True])


async def fill(path: Path) -> str:
    """A run of 500 agents with a million events; its id."""
    journal = Journal(path)
    opening = Opening(ensemble="large", source="", text="", inputs={"input": "go"}, settings={})
    usage, seq = Usage(input_tokens=100, output_tokens=50), 0
    effort = Effort(model="m", strategy="single", usage=usage, started_at=1.0, duration_s=1.0)
    answered = Answered(output="x" * 100, effort=effort)
    async with await journal.begin(opening) as recorder:
        for number in range(EVENTS // 4):
            agent = f"agent-{number % 500}"
            for what in (
                AgentStarted(agent=agent, model="m"),
                ModelCalled(agent=agent, call=number + 1, model="m", n=1),
                ModelAnswered(
                    agent=agent,
                    call=number + 1,
                    model="m",
                    usage=usage,
                    cost_usd=0.1,
                    duration_s=1.0,
                    load_seconds=None,
                ),
                AgentFinished(agent=agent, outcome=answered),
            ):
                seq += 1
                recorder.observe(Event(seq, float(seq), what))
            if number % 10_000 == 0:
                await recorder.flush()
    journal.close()
    return recorder.run_id


def main() -> None:
    """Print the cost of the journal by shape of the DAG, and how long its verbs take on a large one."""
    shapes: dict[str, tuple[Dag, int | None]] = {
        "25 layers of 20": (layered(25, 20, 3), None),
        "500 agents, 16 at once": (layered(1, 500, 0), 16),
        "500 agents, 8 at once": (layered(1, 500, 0), 8),
        "500 agents, all at once": (layered(1, 500, 0), None),
        "chain of 50": (chain(50), None),
    }
    sys.setswitchinterval(SWITCH_SECONDS)  # as the command line does
    print(f"{'journal, 50 ms calls':28} {'plain s':>9} {'recorded':>9} {'cost':>8}")
    with TemporaryDirectory() as name:
        for title, (dag, concurrency) in shapes.items():
            plain, recorded = anyio.run(seconds, ensemble_of(dag), concurrency, Path(name))
            print(f"{title:28} {plain:9.3f} {recorded:9.3f} {recorded / plain - 1:8.1%}")
    with TemporaryDirectory() as name:
        path = Path(name) / "runs.db"
        began = perf_counter()
        run = anyio.run(fill, path)
        took = perf_counter() - began
        size = path.stat().st_size / 1e6
        print(f"\n{'a million events':28} written in {took:.0f} s, {size:.0f} MB")
        for verb in (["show", run], ["show", run, "--json"], ["list"]):
            times = []
            for _ in range(ROUNDS):
                began = perf_counter()
                command = [sys.executable, "-m", "llm_orc", "runs", *verb, "--runs", str(path)]
                subprocess.run(command, check=True, capture_output=True)
                times.append(perf_counter() - began)
            shown = " ".join(each for each in verb if each != run)
            print(f"{'runs ' + shown:28} {statistics.median(times):9.3f} s")
        began = perf_counter()
        Runs(path).detail(run)
        print(f"{'of these, the query':28} {perf_counter() - began:9.3f} s")


if __name__ == "__main__":
    main()
