"""`runs cost`: a table for people, JSON and CSV for scripts."""

from __future__ import annotations

import csv
import io
import json

import pytest

from .command_line import CommandLine

MODELS = """\
default: cheap
models:
  cheap: {provider: scripted, price: {input: 1000, output: 1000}, supports: [sampling]}
  unpriced: {provider: scripted}
"""


@pytest.fixture
def project(llm_orc: CommandLine) -> CommandLine:
    llm_orc.file(".llm-orc/models.yaml", MODELS)
    agreeing = {"type": "self_consistency", "samples": 10, "early_stop": {"window": 2}}
    llm_orc.ensemble({"name": "a", "strategy": agreeing}, {"name": "b", "model": "unpriced"})
    assert llm_orc("invoke", "e.yaml", "hi").returncode == 0
    return llm_orc


def test_what_runs_cost_is_a_table_with_a_total(project):
    done = project("runs", "cost", "--by", "model", "--by", "agent")
    assert done.returncode == 0, done.stderr
    table, saved = done.stdout.split("\n\n")
    rows = [[cell.strip() for cell in line.split("  ") if cell] for line in table.splitlines()]
    assert rows[0] == [
        "model", "agent", "runs", "calls", "failed", "tokens in", "tokens out", "cost", "without price",
    ]  # fmt: skip
    assert rows[1] == ["cheap", "a", "1", "2", "0", "2", "2", "$0.0040", "-"]
    assert rows[2] == ["unpriced", "b", "1", "1", "0", "1", "1", "unknown", "1"]
    assert rows[3] == ["total", "1", "3", "0", "3", "3", "at least $0.0040", "1"]
    assert saved.splitlines()[1] == "saved by early stopping: $0.0160 (8 samples)"


def test_json_and_csv_are_for_scripts(project):
    found = json.loads(project("runs", "cost", "--by", "model", "--json").stdout)
    assert found["rows"][0]["model"] == "cheap"
    assert found["total"]["cost_usd"] == pytest.approx(0.004)
    assert found["saved"]["early_stopping"]["count"] == 8
    written = project("runs", "cost", "--by", "day", "--by", "model", "--csv").stdout
    rows = list(csv.DictReader(io.StringIO(written)))
    assert [(row["model"], row["cost_usd"], row["unpriced"]) for row in rows] == [
        ("cheap", "0.004", "0"), ("unpriced", "", "1"),
    ]  # fmt: skip


def test_wrong_usage_is_said(project):
    wrong = {
        ("runs", "cost", "--by", "moon"): "'moon' is not one of",
        ("runs", "cost", "--json", "--csv"): "give --json or --csv, not both",
        ("runs", "cost", "--since", "soon"): "write 30d, 12h or 2026-01-31",
    }
    for command, done in project.together(wrong).items():
        assert (done.returncode, done.stdout) == (2, ""), command
        assert wrong[command] in done.stderr
