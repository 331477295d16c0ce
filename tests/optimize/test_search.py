"""What is searched, what stays as it is, and what may be said of the outcome."""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from llm_orc import Orchestrator
from llm_orc.domain.completion import Request
from llm_orc.errors import NotFound, UsageFailed
from llm_orc.orchestrator.optimizing import Optimized, Optimizing, parted
from llm_orc.providers.scripted import Scripted

from .projects import LABELS, Json, colour_rows, follows_examples, in_project, optimized

pytestmark = pytest.mark.slow

MODEL = "{provider: scripted, name: m}"
PAIR = f"""\
name: pair
agents:
  - {{name: first, model: {MODEL}, system_prompt: Repeat.}}
  - {{name: labeller, depends_on: [first], model: {MODEL}, prompt: "{{{{ input }}}}", system_prompt: Name.}}
"""


def colours(request: Request) -> str:
    return follows_examples([{"role": m.role, "content": m.content} for m in request.messages])


def by_wording(request: Request) -> str:
    """Right where the system prompt says so."""
    system = next((m.content for m in request.messages if m.role == "system"), "")
    return "red" if "well" in system else "grey"


async def outcome(path: Path, answers: Any = colours, **wish: Any) -> Optimized:
    return (await optimized(path, {"scripted": Scripted(answers)}, **wish))[0]


async def test_examples_that_teach_are_found_and_proven(tmp_path: Path):
    path = in_project(tmp_path, LABELS, colour_rows(90))

    found = await outcome(path, optimizer="random-search")

    assert found.findings.verdict == "better"
    assert found.findings.best is not None
    assert {demo.output for demo in found.findings.best["labeller"].demos} >= {"red", "blue", "green"}
    (change,) = found.changes
    assert b"# nobody knows which" in change.after


async def test_nothing_is_claimed_of_fewer_than_twenty_rows(tmp_path: Path):
    path = in_project(tmp_path, LABELS, colour_rows(19))

    found = await outcome(path, optimizer="random-search")

    assert found.findings.verdict == "no claim"
    assert found.split.held_out == ()


async def test_where_nothing_helps_the_file_stays(tmp_path: Path):
    path = in_project(tmp_path, LABELS, colour_rows(60))

    found = await outcome(path, lambda request: "grey", optimizer="random-search -> simba")

    assert found.findings.verdict == "no gain"
    assert found.changes == ()


async def test_luck_on_the_validation_rows_is_not_proven(tmp_path: Path):
    rows = [{"input": str(number), "expected": "ab"[number % 2]} for number in range(120)]
    path = in_project(tmp_path, LABELS, rows)

    def guesses(request: Request) -> str:
        return "ab"[sha256(repr(request.messages).encode()).digest()[2] % 2]

    found = await outcome(path, guesses, optimizer="random-search", effort="heavy")

    assert found.findings.winner is not None
    assert found.findings.baseline is not None
    assert found.findings.winner.mean > found.findings.baseline.mean
    assert found.findings.verdict == "not proven"


@pytest.mark.parametrize("agents", [["first"], ["labeller"], []])
async def test_only_the_named_agents_change(agents: list[str], tmp_path: Path):
    path = in_project(tmp_path, PAIR, colour_rows(60))
    (tmp_path / "i.txt").write_text("Do it well.\n", encoding="utf-8")

    found = await outcome(
        path, by_wording, optimizer="miprov2", instructions=tmp_path / "i.txt", agents=agents
    )

    best = found.findings.best or {}
    assert set(found.findings.origin) == set(agents or ["first", "labeller"])
    changed = {name for name, prompting in best.items() if prompting != found.findings.origin[name]}
    assert changed <= set(agents or ["first", "labeller"])
    assert ("labeller" in changed) == (agents != ["first"])


async def test_an_agent_that_says_no_is_left_alone(tmp_path: Path):
    path = in_project(tmp_path, PAIR.replace("name: first,", "name: first, optimize: false,"), colour_rows(9))
    async with Orchestrator(tmp_path) as orchestrator:
        assert Optimizing(orchestrator, path).agents == ("labeller",)
        with pytest.raises(UsageFailed, match="optimize: false"):
            Optimizing(orchestrator, path, ["first"])
        with pytest.raises(NotFound, match="no llm agent 'second'"):
            Optimizing(orchestrator, path, ["second"])


@pytest.mark.parametrize("strategy", ["sequential", "alternating"])
async def test_agents_are_changed_one_after_the_other(strategy: str, tmp_path: Path):
    path = in_project(tmp_path, PAIR, [{**row, "expected": "red"} for row in colour_rows(60)])
    (tmp_path / "i.json").write_text(json.dumps({"labeller": ["Do it well."]}), encoding="utf-8")

    found = await outcome(
        path, by_wording, optimizer="miprov2", instructions=tmp_path / "i.json", graph_strategy=strategy
    )

    assert found.findings.best is not None
    assert found.findings.best["labeller"].system_prompt == "Do it well."
    assert found.findings.best["first"].system_prompt == "Repeat."


async def test_a_teacher_makes_the_examples(tmp_path: Path):
    rows = [{"input": f"{number}", "expected": f"<{number}>"} for number in range(60)]
    path = in_project(tmp_path, LABELS, rows)

    def answers(request: Request) -> str:
        last = request.messages[-1].content
        if request.model.name == "scripted/teacher":
            return f"<{last}>"
        shown = [m.content for m in request.messages if m.role == "assistant"]
        return f"<{last}>" if any(text.startswith("<") for text in shown) else last

    found = await outcome(path, answers, optimizer="bootstrap", teacher="scripted/teacher", labeled=4)

    assert found.findings.verdict == "better"
    assert found.lessons


async def test_a_model_that_proposes_is_asked_for_prompts(tmp_path: Path):
    rows: list[Json] = [{"input": str(number), "expected": "red"} for number in range(60)]
    path = in_project(tmp_path, LABELS, rows)

    def answers(request: Request) -> str:
        if request.model.name == "scripted/p":
            return "<think>Hm.</think>\n```\nDo it well.\n```"
        return by_wording(request)

    for optimizer in ("gepa", "copro", "miprov2"):
        found = await outcome(path, answers, optimizer=optimizer, proposer="scripted/p")
        assert found.findings.verdict == "better", (optimizer, found.findings.notes)
        assert found.findings.best is not None
        assert found.findings.best["labeller"].system_prompt == "Do it well."


async def test_the_models_are_chosen_once(tmp_path: Path):
    (tmp_path / "models.yaml").write_text(
        "models:\n  a: {provider: scripted, name: a}\n  b: {provider: scripted, name: b}\n", encoding="utf-8"
    )
    path = in_project(tmp_path, LABELS.replace(f"model: {MODEL}", "models: [a, b]"), colour_rows(40))
    model = Scripted(colours)

    found, *_ = await optimized(path, {"scripted": model}, optimizer="bootstrap")

    assert {request.model.name for request in model.requests} == set(found.assigned.values())


async def test_a_failing_row_is_a_wrong_answer(tmp_path: Path):
    text = LABELS + "    output_format: json\n"
    path = in_project(tmp_path, text, colour_rows(40))

    found = await outcome(path, lambda request: "no json", optimizer="bootstrap")

    assert found.findings.verdict == "no gain"
    assert found.findings.stop is None


async def test_a_judge_that_cannot_score_ends_it_with_its_reason(tmp_path: Path):
    path = in_project(tmp_path, LABELS, [{"input": str(n)} for n in range(30)])

    with pytest.raises(Exception, match="no expected answer"):
        await outcome(path, optimizer="bootstrap")


async def test_few_rows_are_still_parted(tmp_path: Path):
    path = in_project(tmp_path, LABELS, colour_rows(5))
    async with Orchestrator(tmp_path) as orchestrator:
        rows = Optimizing(orchestrator, path).rows(tmp_path / "rows.jsonl")
    for seed in range(20):
        parts = parted(rows, seed)
        assert parts.train
        assert parts.validation
        assert parts.held_out == ()
    with pytest.raises(UsageFailed, match="3 distinct rows are too few"):
        parted(rows[:3], 0)
