"""The ensembles that come with the package: each loads, and runs from end to end."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from llm_orc import Orchestrator
from llm_orc.domain.completion import Request
from llm_orc.providers.scripted import Scripted

FOLDER = Path(__file__).parents[1] / "ensembles"
FILES = sorted(FOLDER.glob("*.yaml"))
INPUTS = {
    "document-qa": {"document": "The warranty lasts two years. Keep the receipt.", "question": "How long?"},
}


def instance(schema: dict) -> object:
    """A value that satisfies a schema of the simple kind that our ensembles use."""
    if schema["type"] == "object":
        return {key: instance(value) for key, value in schema["properties"].items()}
    return {"array": ["the warranty LASTS two years", "not in there"], "string": "apples", "integer": 7}[
        schema["type"]
    ]


def answer(request: Request) -> str:
    """What a model might say: JSON where it is asked for, a solution otherwise."""
    if request.schema is not None:
        return json.dumps(instance(dict(request.schema)))
    if "JSON" in request.messages[0].content:
        return "{}"
    return "3 + 4 = 7. The answer is 7."


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
async def test_it_runs_from_end_to_end(file):
    provider = Scripted(answer)
    providers = {"scripted": provider, "llamacpp": provider}
    async with Orchestrator(FOLDER.parent, providers=providers) as orchestrator:
        ensemble = orchestrator.load(file, model="scripted/test")
        inputs = INPUTS.get(file.stem) or dict.fromkeys(ensemble.inputs, "some text")
        result = await orchestrator.invoke(ensemble, variables=inputs)
    assert result.status == "succeeded", result.agents
    assert result.output


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_its_first_lines_help_editors_and_people(file):
    lines = file.read_text(encoding="utf-8").splitlines()
    assert lines[0] == "# yaml-language-server: $schema=../schemas/ensemble.schema.json"
    assert any(line.startswith("#   ") and f"llm-orc invoke {file.stem}" in line for line in lines[:8])


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
        ("I only solve small word problems.", False, "no answer is stated"),
    ],
)
def test_the_steps_of_a_solution_are_checked(solution, ok, complaint):
    done = run_script("check_steps.py", {"dependencies": {"solve": solution}})
    assert json.loads(done.stdout)["ok"] is ok
    assert (done.returncode == 0) is ok
    assert complaint in done.stderr


def test_quotes_are_found_whatever_a_copy_changes_and_missed_when_a_word_differs():
    document = "The warranty\nlasts “two” years. Keep the receipt."
    quotes = ['The warranty lasts "two" years.', "the warranty lasts three years", ""]
    given = {"input": {"document": document}, "dependencies": {"find": {"quotes": quotes}}}
    found = json.loads(run_script("check_quotes.py", given).stdout)
    assert found == {"found": quotes[:1], "missing": quotes[1:]}
