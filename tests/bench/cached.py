"""Answers per second that come from the cache, through the Python API, with runs recorded."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter

import anyio

from llm_orc import Orchestrator
from llm_orc.domain.policy import Policy
from llm_orc.providers.scripted import Scripted

ANSWERS, ROUNDS = 2_000, 5
PROJECT = Policy(cache="project")


async def measure(folder: Path) -> None:
    """One run with many agents, then many runs with one; each was answered once before."""
    agents = [
        {"name": f"a{n}", "model": "scripted/m", "prompt": f"{{{{ input }}}} {n}", "temperature": 0}
        for n in range(ANSWERS)
    ]
    (folder / "many.yaml").write_text(json.dumps({"name": "many", "agents": agents}))
    (folder / "one.yaml").write_text(json.dumps({"name": "one", "agents": agents[:1]}))
    provider = Scripted(lambda request: "x" * 400)
    async with Orchestrator(folder, providers={"scripted": provider}, runs=True) as orchestrator:
        many, one = orchestrator.load(folder / "many.yaml"), orchestrator.load(folder / "one.yaml")
        await orchestrator.invoke(many, "go", policy=PROJECT)
    # Another process would begin like this: nothing is in memory.
    async with Orchestrator(folder, providers={"scripted": provider}, runs=True) as orchestrator:
        asked = len(provider.requests)
        best = 0.0
        for _ in range(ROUNDS):
            began = perf_counter()
            await orchestrator.invoke(many, "go", policy=PROJECT)
            best = max(best, ANSWERS / (perf_counter() - began))
        began = perf_counter()
        for _ in range(ANSWERS // 4):
            await orchestrator.invoke(one, "go", policy=PROJECT)
        runs = ANSWERS // 4 / (perf_counter() - began)
        assert len(provider.requests) == asked
    print(f"cached answers: {best:,.0f} per second in one run, {runs:,.0f} runs of one per second")


def main() -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        (folder / ".llm-orc").mkdir()
        anyio.run(measure, folder)
