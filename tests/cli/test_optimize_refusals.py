"""What would be of no use is refused in a line, with what to do instead."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_orc.answers.functions import user_function
from llm_orc.errors import UsageFailed
from tests.optimize.projects import colour_rows

from .command_line import CommandLine, agent


@pytest.mark.parametrize(
    ("flags", "error", "hint"),
    [
        (["--instructions", "empty.txt"], "empty.txt has no instructions", "one per line"),
        (["--dry-run", "--output", "o.yaml"], "--dry-run and --output: one of them", ""),
        (["--optimizer", "auto -> labeled"], "unknown optimizer 'auto'", "known: labeled"),
        (["--metric", "syn.py:ok"], "syn.py:2:", "Python cannot read the file"),
        (["--trials", "3"], "--trials needs --tune", ""),
    ],
)
def test_what_is_of_no_use_is_refused(flags: list[str], error: str, hint: str, llm_orc: CommandLine):
    llm_orc.ensemble(agent("a", "red"))
    llm_orc.file("rows.jsonl", "\n".join(json.dumps(row) for row in colour_rows(40)))
    llm_orc.file("empty.txt", "\n \n")
    llm_orc.file("syn.py", "def ok(row, output):\n    return (\n")

    done = llm_orc("optimize", "e.yaml", "--trainset", "rows.jsonl", "--quiet", *flags)

    assert done.returncode == 2
    first, *rest = done.stderr.splitlines()
    assert error in first
    assert hint in "\n".join(rest)


def test_an_empty_text_is_contained_in_everything_and_so_refused(llm_orc: CommandLine):
    llm_orc.ensemble(agent("a", "red"))
    llm_orc.file("rows.jsonl", json.dumps({"input": "a", "expected": " "}))

    done = llm_orc("eval", "e.yaml", "--dataset", "rows.jsonl", "--metric", "contains")

    assert done.returncode == 2
    assert "rows.jsonl:1:1: the expected text is empty (every output contains it" in done.stderr


def test_a_module_that_is_a_file_of_that_name_is_hinted_at(tmp_path: Path):
    (tmp_path / "of_mine.py").write_text("def ok(row, output):\n    return 1\n")

    with pytest.raises(UsageFailed) as refused:
        user_function("of_mine:ok", tmp_path)

    assert refused.value.hint == "did you mean of_mine.py:ok?"
