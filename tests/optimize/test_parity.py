"""What is measured is what `invoke` sends: byte by byte, whatever is in prompts, inputs and examples."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from llm_orc import Orchestrator
from llm_orc.orchestrator.optimized import write_in_place

from .projects import Json, in_project, optimized, recording

pytestmark = pytest.mark.slow

HOSTILE = "\tTab,  two blanks \r\nCRLF,\u2028a line\u2029 break, 🦜 {x} {{ input }} ---\n  - yes: null #"
NEW = "Say magic.\n\t- {tab} and 🦜\u2028 {{ x }}\n\n  'quotes' \"too\": #\n\n\n  end"
ENSEMBLE = """\
name: hostile-{{content}}
description: "Three \\"agents\\""
inputs:
  the question: {{type: string}}
agents:
  - name: 1st
    model: &m {{provider: openai, name: m, base_url: {url}}}
    system_prompt: {prompt}
    prompt: "{{{{ input }}}}"
  - name: fact-check
    description: checks "facts"
    depends_on: [1st]
    model: *m
    prompt: "{{{{ _1st }}}} / {{{{ input }}}}"
  - name: history
    depends_on: [1st, fact-check]
    model: *m
    system_prompt: |2

        Indented,	with a tab.
      Less.
  - name: frozen
    optimize: false
    depends_on: [history]
    model: *m
    system_prompt: Repeat.
"""
ROWS = [
    "",
    " ",
    "\t",
    "yes",
    "null",
    "{x}",
    "{{ input }}",
    "a\u2028b",
    "🦜",
    "1e3",
    "~",
    "- a",
    "a: b",
    "# no",
    "%x",
]


def answer(body: Json) -> str:
    """Depends on every byte; `magic` where the prompt or an example says so, and warm models find it."""
    messages = body["messages"]
    said = json.dumps(messages, ensure_ascii=False)
    mark = sum(said.encode())
    warm = body.get("temperature") == 1.0 and (mark + body.get("seed", 0)) % 3 == 0
    magic = "magic" if warm or "magic" in said or "labelled" in said else "plain"
    return f"{magic}\t{mark % 997} \u2028{messages[-1]['content'][:40]}"


def quoted(text: str) -> str:
    """As a quoted scalar of YAML, which takes U+2028 for a line break."""
    escaped = json.dumps(text, ensure_ascii=False)
    return escaped.replace("\u2028", "\\u2028").replace("\u2029", "\\u2029")


def hostile_rows() -> list[Json]:
    return [
        {
            "the question": f"{text}{number or ''}",
            "expected": "labelled",
            "agents": {"1st": f"labelled {text}"},
        }
        for number in range(2)
        for text in ROWS
    ]


@pytest.mark.parametrize(
    ("optimizer", "more"),
    [
        ("labeled", {}),
        ("bootstrap", {}),
        ("random-search", {}),
        ("bootstrap-optuna", {}),
        ("simba", {}),
        ("miprov2", {"instructions": [NEW, HOSTILE]}),
        ("miprov2", {"instructions": [f"{NEW}\n", f"{NEW}\r\n\n"], "demos": 0, "labeled": 0}),
        ("copro", {"proposer": "scripted/p"}),
        ("gepa", {"proposer": "scripted/p"}),
        ("infer-rules", {"proposer": "scripted/p"}),
    ],
)
async def test_invoke_sends_what_was_measured(optimizer: str, more: dict[str, Any], tmp_path: Path):
    from llm_orc.providers.scripted import Scripted

    with recording(answer) as server:
        text = ENSEMBLE.format(url=server.url, prompt=quoted(HOSTILE))
        path = in_project(tmp_path, text, hostile_rows())
        (tmp_path / "magic.py").write_text("def scored(row, output):\n    return 'magic' in output\n")
        if "instructions" in more:
            (tmp_path / "new.json").write_text(json.dumps(more["instructions"]), encoding="utf-8")
            more = {"instructions": tmp_path / "new.json"}
        found, _, parts = await optimized(
            path, {"scripted": Scripted(lambda request: NEW)}, optimizer=optimizer,
            metric=f"{tmp_path / 'magic.py'}:scored", **more,
        )  # fmt: skip
        assert found.findings.best is not None, found.findings.notes
        assert found.findings.after is not None
        measured = set(server.bodies)
        server.bodies.clear()

        write_in_place(found.changes)
        async with Orchestrator(tmp_path, runs=False) as orchestrator:
            for row in parts.held_out:
                await orchestrator.invoke(path, variables=row.inputs)

        assert len(server.bodies) == 4 * len(parts.held_out)
        assert [body for body in server.bodies if body not in measured] == []
