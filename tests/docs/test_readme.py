"""What the README shows is what llm-orc prints."""

from __future__ import annotations

import re
import subprocess
import sys

from llm_orc import Orchestrator

from .blocks import ROOT

TEXT = (ROOT / "README.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"^```(\w*)\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)
DEMO, PROBLEMS = (text for language, text in BLOCKS if not language)
ENSEMBLE = next(text for language, text in BLOCKS if language == "yaml")


def timeless(text: str) -> list[str]:
    """The lines in any order, since agents run at the same time, without their durations."""
    return sorted(re.sub(r"\d+\.\d+ s$", "", line) for line in text.splitlines())


def test_the_demo_prints_what_is_shown(tmp_path):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    problem = re.search(r'invoke quickstart "(.*?)"', makefile, re.DOTALL)
    assert problem is not None
    words = " ".join(problem[1].replace("\\", "").split())
    command = [sys.executable, "-m", "llm_orc", "invoke", "quickstart", words]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    assert timeless(DEMO) == timeless(done.stderr + done.stdout)


def test_the_problems_that_are_shown_are_those_that_two_slips_make(tmp_path):
    text = ENSEMBLE.replace(" prompt: ", " promt: ", 1).replace("[bugs, style]", "[bugs, stile]")
    (tmp_path / "ensembles").mkdir()
    file = tmp_path / "ensembles" / "review.yaml"
    file.write_text(text, encoding="utf-8")
    found = [str(problem).removeprefix(f"{tmp_path}/") for problem in Orchestrator(tmp_path).check(file)]
    assert found == PROBLEMS.splitlines()
