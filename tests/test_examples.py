"""Every example runs as it stands."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]
PROGRAMS = sorted((ROOT / "examples").glob("*.py"))


def run(command: list[str], folder: Path) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "XDG_CONFIG_HOME": str(folder / "no-such-folder")}
    return subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_a_program_runs(program, tmp_path):
    done = run([sys.executable, str(program)], tmp_path)
    assert done.returncode == 0, done.stderr
    assert "answer" in done.stdout


def test_the_gguf_example_answers():
    folder = ROOT / "examples" / "own_gguf"
    done = run([sys.executable, "-m", "llm_orc", "invoke", "ask.yaml"], folder)
    assert done.returncode == 0, done.stderr
    assert "The answer is 17." in done.stdout


@pytest.mark.parametrize(
    "file", ["openai_compatible/models.yaml", "own_gguf/models.yaml", "own_gguf/ask.yaml"]
)
def test_a_yaml_file_has_no_problems(file):
    path = ROOT / "examples" / file
    done = run([sys.executable, "-m", "llm_orc", "validate", path.name], path.parent)
    assert done.returncode == 0, done.stdout


PATTERNS = {
    "fan-out": "The answer is 17.",
    "route": "ten days",
    "guard": "The answer is 71.",
    "loop": '"number": 128',
    "parts": "The answer is 7.",
    "key": "The answer is 7.",
    "fallback": "The answer is 7.",
    "tools": "There are 391 pens.",
}
PARTS = {"double", "math", "count"}
FOLDER = ROOT / "examples" / "patterns"


@pytest.mark.parametrize(("pattern", "output"), PATTERNS.items())
def test_a_pattern_runs_on_embedded_models_and_scripts(pattern, output):
    done = run([sys.executable, "-m", "llm_orc", "invoke", f"{pattern}.yaml"], FOLDER)
    assert done.returncode == 0, done.stderr
    assert output in done.stdout


def test_every_pattern_of_the_manual_has_a_file_that_runs():
    page = (ROOT / "docs" / "patterns.md").read_text(encoding="utf-8")
    for section in page.split("\n## ")[1:]:
        linked = re.findall(r"\(\.\./examples/patterns/([\w-]+)\.yaml\)", section)
        assert linked, section.splitlines()[0]
        assert set(linked) <= PATTERNS.keys()


def test_every_file_of_the_patterns_is_run():
    assert {file.stem for file in FOLDER.glob("*.yaml")} == PATTERNS.keys() | PARTS


WORDINGS = {"nearest": "green", "turns": "2", "vote": "24"}
WORDING_FOLDER = ROOT / "examples" / "wordings"


@pytest.mark.parametrize(("wording", "output"), WORDINGS.items())
def test_a_wording_runs_on_embedded_models(wording, output):
    done = run([sys.executable, "-m", "llm_orc", "invoke", f"{wording}.yaml"], WORDING_FOLDER)
    assert done.returncode == 0, done.stderr
    assert output in done.stdout
    assert {file.stem for file in WORDING_FOLDER.glob("*.yaml")} == {*WORDINGS, "fixed"}


def test_the_nearest_examples_beat_fixed_ones(tmp_path):
    flags = ("--dataset", "held-out.jsonl", "--metric", "exact", "--limit", "30", "--json")
    journal = ("--runs", str(tmp_path / "runs.db"))
    command = [sys.executable, "-m", "llm_orc", "eval", "nearest.yaml", "fixed.yaml", *flags, *journal]
    done = run(command, WORDING_FOLDER)
    assert done.returncode == 0, done.stderr
    nearest, fixed = (each["score"] for each in json.loads(done.stdout)["candidates"])
    assert nearest > 0.8 > 0.6 > fixed


STRATEGIES = {
    "auto": "24", "best_of": "Fresh buns since four.", "cascade": "24", "chain_of_thought": "24",
    "compare": "42, since", "debate": "The answer is 42.", "decompose": "Not worth it yet.",
    "moa": "Rayleigh", "mux": "17", "react": "There are 391 pens.", "refine": "Dear Sir",
    "self_consistency": "17", "verify": "42", "vote": "24",
}  # fmt: skip
STRATEGY_FOLDER = ROOT / "examples" / "strategies"


@pytest.mark.parametrize(("strategy", "output"), STRATEGIES.items())
def test_a_strategy_runs_on_embedded_models_and_scripts(strategy, output):
    done = run([sys.executable, "-m", "llm_orc", "invoke", f"{strategy}.yaml"], STRATEGY_FOLDER)
    assert done.returncode == 0, done.stderr
    assert output in done.stdout


def test_every_strategy_has_a_section_and_a_file_that_runs():
    from llm_orc.registry import STRATEGIES as KNOWN

    page = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    sections = {part.split("\n")[0] for part in page.split("\n## ")[1:]}
    assert set(KNOWN) - {"single"} == STRATEGIES.keys() == {f.stem for f in STRATEGY_FOLDER.glob("*.yaml")}
    assert STRATEGIES.keys() <= sections
    assert all(f"../examples/strategies/{name}.yaml" in page for name in STRATEGIES)
