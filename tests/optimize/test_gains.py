"""The tasks that `bench optimize` measures with."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_orc.bench.optimizing import TASKS, Task
from llm_orc.domain.ensemble import Llm
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.optimizing import Optimizing, parted

from .projects import in_project


@pytest.mark.parametrize("task", TASKS, ids=lambda task: task.name)
def test_each_task_holds_out_rows_that_its_file_does_not_show(task: Task, tmp_path: Path):
    path = in_project(tmp_path, task.ensemble, task.rows())
    optimizing = Optimizing(Orchestrator(tmp_path), path)
    rows = optimizing.rows(tmp_path / "rows.jsonl")

    shown = {
        text
        for agent in optimizing.ensemble.agents.values()
        if isinstance(agent.work, Llm)
        for demo in agent.work.demos
        for text in demo.inputs.values()
    }
    assert not shown & {row.inputs["input"] for row in rows}
    assert len(parted(rows, 0).held_out) >= 30
    assert set(task.instructions) == set(optimizing.agents)
