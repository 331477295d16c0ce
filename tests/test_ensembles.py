"""The ensembles that come with the package: each loads, and runs from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from llm_orc import Orchestrator
from llm_orc.domain.completion import Request
from llm_orc.domain.outcome import Answered, RunResult, Skipped
from llm_orc.providers.scripted import Scripted

FOLDER = Path(__file__).parents[1] / "ensembles"
FILES = sorted(FOLDER.glob("*.yaml"))
NAMES = {
    "quickstart",
    "code-review",
    "document-qa",
    "fact-check",
    "critique-revise",
    "decision",
    "commit-message",
}
FOUND = "the warranty LASTS two years"
MISSING = "not in there"
SOLUTION = "3 + 4 = 7. The answer is 7."
INPUTS = {
    "document-qa": {"document": "The warranty lasts two years. Keep the receipt.", "question": "How long?"},
}


def instance(schema: dict) -> object:
    """A value that satisfies a schema of the simple kind that our ensembles use."""
    if "enum" in schema:
        return schema["enum"][-1]
    if schema["type"] == "object":
        return {key: instance(value) for key, value in schema["properties"].items()}
    if schema["type"] == "array":
        strings = schema["items"]["type"] == "string"
        return [FOUND, MISSING] if strings else [instance(schema["items"])]
    return {"string": "apples", "integer": 7}[schema["type"]]


def answer(request: Request) -> str:
    """What a model might say: JSON where it is asked for, a solution otherwise."""
    if request.schema is not None:
        return json.dumps(instance(dict(request.schema)))
    return SOLUTION


async def run(file: Path) -> tuple[Scripted, RunResult]:
    """Run an ensemble on a scripted model; the provider keeps what was asked."""
    provider = Scripted(answer)
    async with Orchestrator(FOLDER.parent, providers={"scripted": provider}) as orchestrator:
        ensemble = orchestrator.load(file, model="scripted/test")
        inputs = INPUTS.get(file.stem) or dict.fromkeys(ensemble.inputs, "some text")
        return provider, await orchestrator.invoke(ensemble, variables=inputs)


def objects(schema: dict) -> list[dict]:
    """The object schemas in a schema of the simple kind that our ensembles use, itself included."""
    inner = [*schema.get("properties", {}).values(), *([schema["items"]] if "items" in schema else [])]
    here = [schema] if schema["type"] == "object" else []
    return [*here, *(found for part in inner for found in objects(part))]


def test_the_ensembles_that_the_manual_promises_are_there():
    assert {file.stem for file in FILES} >= NAMES


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_it_runs_from_end_to_end(file):
    _, result = await run(file)
    assert result.status == "succeeded", result.agents
    assert result.output
    assert all(isinstance(agent, Answered) and not agent.replaced for agent in result.agents.values())


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_its_first_lines_help_editors_and_people(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# yaml-language-server: $schema=../schemas/ensemble.schema.json"
    assert any(line.startswith("#   ") and f"llm-orc invoke {file.stem}" in line for line in lines[:8])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_where_it_asks_for_json_it_asks_for_every_property_and_no_other(file):
    provider, _ = await run(file)
    for request in provider.requests:
        for schema in objects(dict(request.schema)) if request.schema is not None else []:
            assert schema["additionalProperties"] is False
            assert set(schema["required"]) == set(schema["properties"])


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_only_the_quickstart_names_its_models(file):
    document = yaml.safe_load(file.read_text(encoding="utf-8"))
    named = [agent["name"] for agent in document["agents"] if "model" in agent or "model_profile" in agent]
    assert bool(named) is (file.stem == "quickstart")
    assert "model" not in document
    assert "model" not in document.get("defaults", {})


async def test_the_answer_to_a_document_is_written_from_the_quotes_that_are_in_it():
    provider, result = await run(FOLDER / "document-qa.yaml")
    assert result.output["check"] == {"found": [FOUND], "missing": [MISSING]}
    asked = provider.requests[-1].messages[-1].content
    assert f"[1] {FOUND}" in asked
    assert MISSING not in asked


async def test_the_report_of_a_fact_check_sees_every_verdict():
    provider, _ = await run(FOLDER / "fact-check.yaml")
    assert "1. apples\n   Verdict: false. apples" in provider.requests[-1].messages[-1].content


async def test_the_synthesis_of_a_review_sees_the_change_and_three_reviews():
    provider, _ = await run(FOLDER / "code-review.yaml")
    assert len(provider.requests) == 4
    asked = provider.requests[-1].messages[-1].content
    assert "some text" in asked
    assert asked.count(SOLUTION) == 3


async def test_a_quickstart_whose_arithmetic_is_wrong_stops_before_the_report():
    provider = Scripted(lambda request: "3 + 4 = 8. The answer is 8." if request.schema is None else "{}")
    async with Orchestrator(FOLDER.parent, providers={"scripted": provider}) as orchestrator:
        result = await orchestrator.invoke("quickstart", "some text", model="scripted/test")
    assert result.status == "failed"
    assert result.agents["extract"].replaced is not None
    assert "3 + 4 = 8" in result.agents["check"].cause.message
    assert isinstance(result.agents["report"], Skipped)


async def test_the_quickstart_answers_its_question_with_real_models():
    async with Orchestrator(FOLDER.parent) as orchestrator:
        result = await orchestrator.invoke("quickstart")
    assert result.output == {"answer": 83, "item": "cards"}
    assert result.agents["check"].output["ok"] is True


def run_script(name: str, given: dict) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(FOLDER / "scripts" / name)]
    return subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=30)


@pytest.mark.parametrize(
    ("solution", "ok", "complaint"),
    [
        ("3 + 4 = 7. The answer is 7.", True, ""),
        ("3 + 4 = 8. The answer is 8.", False, "3 + 4 = 8"),
        ("3 + 4 = 7. The answer is 8.", False, "the answer is 8, but the last step gives 7"),
        ("9 / 0 = 3. The answer is 3.", False, "9 / 0 = 3"),
        ("2 - 5 = -3. -3 + 9 = 6. The answer is 6.", True, ""),
        ("12.5 * 2 = 25. The answer is 25.", False, "a step is not of the form a op b = c"),
        ("3 + 4 + 5 = 12. The answer is 12.", False, "a step is not of the form a op b = c"),
        ("3 + 4 = 7.", False, "no answer is stated"),
        ("The answer is 7.", False, "there are no steps"),
        ("I only solve small word problems.", False, "no answer is stated"),
    ],
)
def test_the_steps_of_a_solution_are_checked(solution, ok, complaint):
    done = run_script("check_steps.py", {"dependencies": {"solve": solution}})
    assert json.loads(done.stdout)["ok"] is ok
    assert (done.returncode == 0) is ok
    assert complaint in done.stderr


def test_a_checked_solution_tells_its_steps_and_its_answer():
    solution = "3 + 4 = 7. 7 * 2 = 15. The answer is 15."
    done = run_script("check_steps.py", {"dependencies": {"solve": solution}})
    assert json.loads(done.stdout) == {"ok": False, "steps": 2, "wrong": ["7 * 2 = 15"], "answer": 15}


def test_a_quote_that_ends_within_a_word_is_missed():
    given = {
        "input": {"document": "The category is open."},
        "dependencies": {"find": {"quotes": ["The cat"]}},
    }
    assert json.loads(run_script("check_quotes.py", given).stdout) == {"found": [], "missing": ["The cat"]}


def test_quotes_are_found_whatever_a_copy_changes_and_missed_when_a_word_differs():
    document = "The warranty\nlasts “two” years. Keep the receipt."
    quotes = ['The warranty lasts "two" years.', "the warranty lasts three years", ""]
    given = {"input": {"document": document}, "dependencies": {"find": {"quotes": quotes}}}
    found = json.loads(run_script("check_quotes.py", given).stdout)
    assert found == {"found": quotes[:1], "missing": quotes[1:]}


PATTERNS = sorted((FOLDER / "patterns").glob("*.yaml"))


def test_the_patterns_that_the_manual_promises_are_there():
    page = (FOLDER.parent / "docs" / "patterns.md").read_text(encoding="utf-8")
    assert len(PATTERNS) == 10
    assert all(f"`patterns/{file.stem}`" in page for file in PATTERNS)


@pytest.mark.parametrize("file", PATTERNS, ids=lambda file: file.stem)
async def test_a_pattern_goes_from_first_views_over_a_second_look_to_a_synthesis(file):
    provider = Scripted(answer)
    async with Orchestrator(FOLDER.parent, providers={"scripted": provider}) as orchestrator:
        ensemble = orchestrator.load(file, model="scripted/test")
        result = await orchestrator.invoke(ensemble, "Should the shop open on Sundays?")
    assert result.status == "succeeded", result.agents
    assert result.output == SOLUTION
    depth = {}
    for name, agent in ensemble.agents.items():
        depth[name] = 1 + max((depth[need] for need in agent.depends_on), default=0)
    assert max(depth.values()) >= 3
    assert any("Should the shop open on Sundays?" in r.messages[-1].content for r in provider.requests)


@pytest.mark.parametrize("file", PATTERNS, ids=lambda file: file.stem)
def test_a_pattern_says_how_it_is_called(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# yaml-language-server: $schema=../../schemas/ensemble.schema.json"
    assert any(f"llm-orc invoke patterns/{file.stem}" in line for line in lines[:8])
