"""Copies of a row are no evidence: they are warned of, and each distinct row counts once."""

from __future__ import annotations

import json

import pytest

from tests.optimize.projects import colour_rows

from .command_line import CommandLine


@pytest.fixture
def copied(llm_orc: CommandLine) -> CommandLine:
    """Eight rows, twelve times each, the last copies with other spaces and ids."""
    model = {"provider": "scripted", "name": "m"}
    llm_orc.ensemble({"name": "a", "model": model, "options": {"answers": ["red"]}})
    rows = [
        {**row, "id": f"{place}-{copy}", "input": row["input"] + " " * (copy == 11)}
        for copy in range(12)
        for place, row in enumerate(colour_rows(8))
    ]
    llm_orc.file("rows.jsonl", "\n".join(map(json.dumps, rows)))
    return llm_orc


WARNING = "warning: 88 of 96 rows of rows.jsonl are copies and prove nothing more: the 8 distinct ones count"


def test_optimize_counts_each_distinct_row_once(copied: CommandLine):
    done = copied(
        "optimize", "e.yaml", "--trainset", "rows.jsonl", "--optimizer", "labeled", "--quiet", "--json"
    )

    assert WARNING in done.stderr
    rows = json.loads(done.stdout)["rows"]
    assert sum(rows.values()) == 8
    assert rows["held_out"] == 0


def test_eval_counts_each_distinct_row_once(copied: CommandLine):
    done = copied("eval", "e.yaml", "--dataset", "rows.jsonl", "--metric", "exact", "--quiet", "--json")

    assert WARNING in done.stderr
    (found,) = json.loads(done.stdout)["candidates"]
    assert (found["asked"], found["interval"]) == (8, None)


def test_leaks_are_told_in_one_line(copied: CommandLine):
    done = copied(
        "optimize", "e.yaml", "--trainset", "rows.jsonl", "--testset", "rows.jsonl", "--optimizer", "labeled",
        "--quiet",
    )  # fmt: skip

    (leak,) = [line for line in done.stderr.splitlines() if "held-out rows ask" in line]
    assert leak.startswith(
        "warning: 8 held-out rows ask what rows to learn from or to choose by ask, and are left out: 0-0, "
    )
    assert "better on" not in done.stdout
