"""A run that failed or could not be scored is told of wherever it counts, also in the last test."""

from __future__ import annotations

import json
from pathlib import Path

from llm_orc import Orchestrator
from llm_orc.optimize.failing import failing_json
from llm_orc.optimize.optimization import Findings
from llm_orc.orchestrator.optimizing import Optimizing, parted
from llm_orc.providers.scripted import Scripted

from .projects import LABELS, colour_rows, in_project, optimized
from .test_money import colours

METRIC = """\
import json, pathlib
held_out = json.loads(pathlib.Path(__file__).with_name("held.json").read_text())
def score(row, output):
    if row.inputs["input"] in held_out:
        raise KeyError("x")
    return output == row.expected
"""


async def ended(tmp_path: Path, held: int) -> Findings:
    """What comes of it where the metric cannot score so many of the held-out rows."""
    path = in_project(tmp_path, LABELS, colour_rows(80))
    async with Orchestrator(tmp_path) as orchestrator:
        parts = parted(Optimizing(orchestrator, path).rows(tmp_path / "rows.jsonl"), 0)
    broken = [row.inputs["input"] for row in parts.held_out][:held]
    (tmp_path / "held.json").write_text(json.dumps(broken), encoding="utf-8")
    (tmp_path / "m.py").write_text(METRIC, encoding="utf-8")
    found, _, _ = await optimized(
        path, {"scripted": Scripted(colours)}, metric=f"{tmp_path / 'm.py'}:score", optimizer="labeled"
    )
    return found.findings


async def test_held_out_rows_that_cannot_be_scored_are_counted(tmp_path: Path):
    findings = await ended(tmp_path, 3)

    assert findings.verdict == "better"
    told = failing_json(findings.failing)
    assert [(each["runs"], each["failed"]) for each in told] == [
        ("held-out rows before", 3),
        ("held-out rows after", 3),
    ]
    assert "m.py:5: KeyError" in told[0]["cause"]


async def test_where_no_held_out_row_can_be_scored_nothing_is_claimed(tmp_path: Path):
    findings = await ended(tmp_path, 1000)

    assert findings.verdict == "stopped"
    assert findings.stop is not None
    assert findings.stop.exit_code == 2
    assert "held-out rows failed" in findings.stop.message
