"""100,000 agents in one process, through the Python API: does memory stay flat, and do files get closed?

Strategies, a fan-out, an inner ensemble, failures with defaults and fallbacks, now and then scripts; the
journal and the cache are on. `python -m tests.torture.soak --agents 20000` is a shorter one.
"""

from __future__ import annotations

import argparse
import gc
import json
import math
import os
import sys
from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio

from llm_orc import Orchestrator
from llm_orc.domain.completion import Request
from llm_orc.domain.events import AgentFinished, Event, ItemFinished
from llm_orc.errors import Unreachable
from llm_orc.providers.scripted import Script, Scripted

WARM_UP = 0.5
"""The share of the run that is not looked at: modules, the cache in memory and SQLite's pages fill first, of
which the four connections to journal and cache keep 2 MB each."""

STEP = 0.125
"""MiB by which glibc's heap grows at once: resident memory rises by whole steps, or not at all."""
POINTS = 150
AT_ONCE = 4
MODELS = """
default: small
models:
  small: {provider: scripted, price: {input: 1, output: 1}, supports: [sampling, seed]}
  large: {provider: scripted, price: {input: 9, output: 9}, supports: [sampling, seed]}
"""
MIXED = """
name: mixed
agents:
  - {name: list, prompt: "LIST {{ input }}"}
  - {name: each, depends_on: [list], prompt: "{{ item }}", fan_out: {over: list}}
  - name: vote
    prompt: "VOTE {{ input }}"
    strategy: {type: self_consistency, samples: 6, temperature: 0.7, early_stop: {window: 3}}
  - name: climb
    prompt: "VOTE {{ vote }}"
    depends_on: [vote]
    strategy: {type: cascade, models: [small, large], confidence: agreement, samples: 3, threshold: 0.9}
  - {name: think, strategy: chain_of_thought}
  - {name: talk, strategy: {type: debate, models: [small, large]}}
  - {name: better, strategy: refine}
  - {name: broken, prompt: "FAIL", retries: {max: 0}, on_failure: {default: none}}
  - {name: saved, prompt: "FAIL {{ input }}", retries: {max: 0}, fallback: [large]}
  - {name: inner, ensemble: inner.yaml, depends_on: [vote]}
  - {name: maybe, depends_on: [vote], when: "vote == 'no such'"}
  - {name: end, depends_on: [each, climb, inner, broken, saved], temperature: 0}
output: end
"""
INNER = "name: inner\nagents: [{name: a}, {name: b, depends_on: [a]}]\n"
SCRIPT = """
name: script
agents:
  - {name: work, script: "python -c 'print(1)'"}
  - {name: wrong, script: "python -c 'raise SystemExit(1)'", on_failure: skip}
"""
BROKEN = """
name: broken
agents: [{name: a, prompt: "FAIL", retries: {max: 0}}, {name: b, depends_on: [a]}]
"""


class Measured:
    """After so many agents: resident memory in MiB, blocks of memory that Python uses, open files.

    What it keeps itself does not grow.
    """

    def __init__(self) -> None:
        room = POINTS + AT_ONCE
        self.count = 0
        self.agents = array("q", [0] * room)
        self.memory = array("d", [0.0] * room)
        self.blocks = array("q", [0] * room)
        self.files = array("q", [0] * room)

    def add(self, agents: int) -> None:
        """What the process holds now, garbage left out."""
        gc.collect()
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])
        self.agents[self.count] = agents
        self.memory[self.count] = pages * os.sysconf("SC_PAGE_SIZE") / 2**20
        self.blocks[self.count] = sys.getallocatedblocks()
        self.files[self.count] = sum(1 for _ in Path("/proc/self/fd").iterdir())
        self.count += 1


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--agents", type=int, default=100_000)
    options, _ = parser.parse_known_args()
    began = perf_counter()
    with TemporaryDirectory(prefix="llm-orc-soak-") as folder:
        measured = anyio.run(soak, make_project(Path(folder)), options.agents)
        recorded = (Path(folder) / ".llm-orc" / "runs.db").stat().st_size / 2**20
    end = measured.count
    first = next(place for place in range(end) if measured.agents[place] >= WARM_UP * options.agents)
    agents, memories, blocks, opened = (
        each[first:end] for each in (measured.agents, measured.memory, measured.blocks, measured.files)
    )
    memory, used, files = (trend(agents, each) for each in (memories, blocks, opened))
    print(f"{agents[-1]} agents in {perf_counter() - began:.0f} s; the journal has {recorded:.0f} MiB")
    print(f"memory: {memories[0]:.1f} MiB after the warm-up, {memories[-1]:.1f} at the end")
    print(f"  slope {memory} MiB per 100,000 agents")
    print(f"open files: {opened[0]} after the warm-up, {opened[-1]} at the end; slope {files}")
    print(f"blocks in use: {blocks[0]} after the warm-up, {blocks[-1]} at the end; slope {used}")
    if memory.least > STEP / (agents[-1] - agents[0]) * 1e5 or used.least > 0 or files.least > 0:
        print("it grows")
        sys.exit(1)


def make_project(folder: Path) -> Path:
    """A project with the ensembles of the soak."""
    (folder / ".llm-orc").mkdir()
    (folder / ".llm-orc" / "models.yaml").write_text(MODELS, encoding="utf-8")
    texts = {"mixed": MIXED, "inner": INNER, "script": SCRIPT, "broken": BROKEN}
    for name, text in texts.items():
        (folder / f"{name}.yaml").write_text(text, encoding="utf-8")
    return folder


async def soak(folder: Path, agents: int) -> Measured:
    """Run until so many agents have ended, a few runs at once."""
    finished = 0
    measured = Measured()
    chance = Random(1)
    provider = Scripted(answer(chance))

    def count(event: Event) -> None:
        nonlocal finished
        finished += isinstance(event.what, AgentFinished | ItemFinished)

    async with Orchestrator(folder, providers={"scripted": provider}) as orchestrator:
        loaded = orchestrator.load(folder / "mixed.yaml")

        async def work() -> None:
            run = 0
            while finished < agents:
                run += 1
                name = "script" if run % 200 == 0 else "broken" if run % 10 == 0 else "mixed"
                # From the file as often as not: both ways must forget.
                ensemble = loaded if name == "mixed" and run % 2 else folder / f"{name}.yaml"
                await orchestrator.invoke(ensemble, f"input {chance.random()}", observers=[count])
                # It keeps every request, for tests.
                provider.requests.clear()
                if finished >= measured.count * agents / POINTS:
                    measured.add(finished)

        async with anyio.create_task_group() as tasks:
            for _ in range(AT_ONCE):
                tasks.start_soon(work)
    return measured


def answer(chance: Random) -> Script:
    """A model that lists, votes, fails and talks."""

    def reply(request: Request) -> str | Unreachable:
        asked = request.messages[-1].content
        if asked.startswith("LIST"):
            return json.dumps([f"item {number}" for number in range(8)])
        if asked.startswith("FAIL") and request.model.name == "small":
            return Unreachable("the server is gone")
        if asked.startswith("VOTE"):
            return f"The answer is {chance.choice('AAAAB')}"
        return f"{asked[:200]} ACCEPT. Answer: yes"

    return reply


@dataclass(frozen=True)
class Trend:
    """A slope per 100,000 agents with its 95 % interval."""

    slope: float
    least: float
    most: float

    def __str__(self) -> str:
        return f"{self.slope:+.2f} [{self.least:+.2f}, {self.most:+.2f}]"


def trend(x: Sequence[float], y: Sequence[float]) -> Trend:
    """Least squares. One measurement resembles the next, so that the error of the slope is that of Newey and
    West (Econometrica 55, 1987), with a lag that grows with the cube root of their number."""
    count = len(x)
    mean_x, mean_y = sum(x) / count, sum(y) / count
    away = [each - mean_x for each in x]
    spread = sum(each**2 for each in away)
    slope = sum(a * (each - mean_y) for a, each in zip(away, y, strict=True)) / spread
    score = [a * (each - mean_y - slope * a) for a, each in zip(away, y, strict=True)]
    lags = math.ceil(count ** (1 / 3))
    total = sum(s**2 for s in score)
    for lag in range(1, lags + 1):
        weight = 1 - lag / (lags + 1)
        total += 2 * weight * sum(one * other for one, other in zip(score, score[lag:], strict=False))
    error = math.sqrt(max(total, 0.0)) / spread
    return Trend(slope * 1e5, (slope - 1.96 * error) * 1e5, (slope + 1.96 * error) * 1e5)


if __name__ == "__main__":
    main()
