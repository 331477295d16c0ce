"""How long the agents of recorded runs took, also where there are too many events to go through."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_orc import Orchestrator
from llm_orc.providers.scripted import Scripted
from llm_orc.run import journal_work


async def test_of_a_large_run_the_first_and_last_moments_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    agents = [{"name": "a", "model": "scripted/m"}, {"name": "b", "model": "scripted/m", "depends_on": ["a"]}]
    (tmp_path / "e.yaml").write_text(json.dumps({"name": "e", "agents": agents}))
    orchestrator = Orchestrator(tmp_path, providers={"scripted": Scripted()}, runs=tmp_path / "runs.db")
    async with orchestrator:
        await orchestrator.invoke(tmp_path / "e.yaml", "hi")
    exact = orchestrator.runs.detail("last").agents

    monkeypatch.setattr(journal_work, "MANY", 1)
    coarse = orchestrator.runs.detail("last").agents

    assert [(each.agent, each.calls, each.status) for each in coarse] == [
        (each.agent, each.calls, each.status) for each in exact
    ]
    for one, other in zip(exact, coarse, strict=True):
        assert one.duration_s is not None
        assert other.duration_s == pytest.approx(one.duration_s, abs=0.005)
        assert len(other.stretches) == 1
