"""Metrics that hang or print harm nobody: a row fails, and standard output stays the result."""

from __future__ import annotations

import json

import pytest

from tests.optimize.projects import colour_rows

from .command_line import CommandLine, agent

HANGS = "a" * 40 + "!"


@pytest.fixture
def said(llm_orc: CommandLine) -> CommandLine:
    llm_orc.ensemble(agent())
    return llm_orc


def test_a_pattern_that_takes_for_ever_fails_its_row_alone(said: CommandLine):
    said.file("rows.jsonl", "\n".join(json.dumps({"input": i}) for i in (HANGS, "aaa")))

    done = said("eval", "e.yaml", "--dataset", "rows.jsonl", "--metric", "regex:^(a+)+$", "--json", "--quiet")

    assert done.returncode == 1
    hung, fine = json.loads(done.stdout)["candidates"][0]["rows"]
    assert hung["error"]["kind"] == "deadline_passed"
    assert "takes too long on 'aaaa" in hung["error"]["message"]
    assert fine["score"] == 1.0


@pytest.mark.parametrize("define", ["def", "async def"])
def test_what_a_metric_prints_is_no_result(define: str, said: CommandLine):
    said.file("mf.py", f"print('LOADED')\n{define} loud(row, output):\n    print('NOISE')\n    return True\n")
    said.file("rows.jsonl", "\n".join(json.dumps(row) for row in colour_rows(40)))

    scored = said("eval", "e.yaml", "--dataset", "rows.jsonl", "--metric", "mf.py:loud", "--json")
    dry = said("optimize", "e.yaml", "--trainset", "rows.jsonl", "--metric", "mf.py:loud", "--optimizer",
               "labeled", "--quiet", "--dry-run")  # fmt: skip
    tuned = said("optimize", "e.yaml", "--trainset", "rows.jsonl", "--metric", "mf.py:loud", "--tune",
                 "temperature", "--trials", "2", "--json")  # fmt: skip

    assert json.loads(scored.stdout)["passed"]
    assert "NOISE" in scored.stderr
    assert dry.stdout == ""
    assert dry.returncode == 0, dry.stderr
    assert json.loads(tuned.stdout)["tried"] == 2
