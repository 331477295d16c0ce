"""How long agents took: the same number in a result and in what was recorded, over rounds and attempts."""

from __future__ import annotations

import json
import re

import pytest

from .command_line import CommandLine, agent, failing, script


@pytest.fixture
def project(llm_orc: CommandLine) -> CommandLine:
    (llm_orc.folder / ".llm-orc").mkdir()
    return llm_orc


def invoked(project: CommandLine, *flags: str) -> dict:
    return json.loads(project("invoke", "e.yaml", "hi", "--output-format", "json", *flags).stdout)


def shown(project: CommandLine) -> dict:
    return json.loads(project("runs", "show", "last", "--json").stdout)


def row_of(project: CommandLine, name: str) -> str:
    """The line of an agent in what is printed for people."""
    lines = project("runs", "show", "last").stdout.splitlines()
    return next(line for line in lines if line.split()[:1] == [name])


def test_an_agent_took_as_long_as_its_result_said(project):
    project.ensemble(agent("a", "yes", wait=0.2), script("b", "print(1)", depends_on=["a"]), concurrency=1)
    result, recorded = invoked(project), shown(project)
    for name in "ab":
        assert recorded["agents"][name]["duration_s"] == result["agents"][name]["duration_s"] > 0
    assert abs(recorded["duration_s"] - result["duration_s"]) < 0.005


def test_waiting_for_a_model_that_has_no_room_is_not_counted(project):
    pool = {
        name: {"provider": "scripted", "name": name, "vram_gb": 6, "capabilities": {task: 0.9, other: 0.1}}
        for name, task, other in (("m", "extraction", "reasoning"), ("n", "reasoning", "extraction"))
    }
    project.file(".llm-orc/models.yaml", json.dumps({"vram_gb": 8, "models": pool}))
    usual = {"min_quality": 0.5, "prompt": "x", "options": {"delay_seconds": 0.4}}
    tasks = {"a": "extraction", "b": "reasoning"}
    agents = [{"name": name, "task": task, **usual} for name, task in tasks.items()]
    project.ensemble(*agents, models=["m", "n"])
    result = invoked(project)
    took = {name: each["duration_s"] for name, each in result["agents"].items()}
    # One after the other: with the waiting it would be more than the run.
    assert 0.8 <= sum(took.values()) <= result["duration_s"]
    assert {name: each["duration_s"] for name, each in shown(project)["agents"].items()} == took


def test_rounds_of_a_loop_are_added_up_without_what_lies_between(project):
    project.ensemble(
        agent("draft", "d", wait=0.1), agent("check", "c", wait=0.3, depends_on=["draft"]),
        file="body.yaml", name="body",
    )  # fmt: skip
    project.ensemble({"name": "refine", "loop": {"body": "body.yaml", "max_iterations": 2}})
    project("invoke", "e.yaml", "hi")
    took = {name: each["duration_s"] for name, each in shown(project)["agents"].items()}
    assert took["refine/check"] > 0.6
    assert took["refine/draft"] + took["refine/check"] <= took["refine"]
    bar = re.search(r"\|(.*)\|", row_of(project, "check"))[1]
    assert len(bar.split()) == 2


def test_what_an_agent_did_before_a_run_was_resumed_counts(project):
    code = "import os, sys; sys.exit(0 if os.path.exists('repaired') else 'broken')"
    project.ensemble(agent("a", "yes", wait=0.3), script("b", code, depends_on=["a"]))
    first = invoked(project)["agents"]
    project.file("repaired", "")
    project("runs", "resume", "last")
    again = shown(project)["agents"]
    assert again["a"]["duration_s"] == first["a"]["duration_s"] > 0.3
    assert again["b"]["duration_s"] > first["b"]["duration_s"] > 0


def test_a_resumed_loop_adds_the_rounds_that_are_new(project):
    code = (
        "import os, sys, time; time.sleep(0.2); log = open('log', 'a+'); log.write('x'); log.seek(0); "
        "n = len(log.read()); sys.exit('broken' if n == 3 and not os.path.exists('repaired') else 0)"
    )
    project.ensemble(script("step", code), file="body.yaml", name="body")
    project.ensemble({"name": "refine", "loop": {"body": "body.yaml", "max_iterations": 4}})
    project("invoke", "e.yaml", "hi")
    project.file("repaired", "")
    assert project("runs", "resume", "last").returncode == 0
    # Two rounds, the one that failed, and two more; the first two are only read the second time.
    assert len((project.folder / "log").read_text()) == 5
    assert shown(project)["agents"]["refine/step"]["duration_s"] > 1.0


def test_an_agent_whose_answers_were_known_is_cached_and_made_no_call(project):
    project.ensemble(agent("a", "yes", temperature=0))
    for _ in range(2):
        project("invoke", "e.yaml", "hi", LLM_ORC_CACHE="project")
    found = shown(project)["agents"]["a"]
    assert (found["status"], found["calls"], found["cost_usd"]) == ("cached", 0, 0)
    assert row_of(project, "a").split()[1:4] == ["cached", "scripted/m", "0"]


def test_a_default_that_took_the_place_of_an_answer_is_said(project):
    project.ensemble(failing("bad", on_failure={"default": "none"}), agent("next", "yes", depends_on=["bad"]))
    project("invoke", "e.yaml", "hi")
    assert "succeeded, default used" in row_of(project, "bad")
    assert "default" not in row_of(project, "next")
