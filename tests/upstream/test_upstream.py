"""Files with the keys and shapes of upstream llm-orc run unchanged, with upstream's meaning."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

from tests.cli.command_line import CommandLine, Done

PROJECT = Path(__file__).parent / "project"
ENSEMBLES = PROJECT / ".llm-orc" / "ensembles"
GOOD = sorted(file.relative_to(ENSEMBLES).with_suffix("").as_posix() for file in ENSEMBLES.rglob("*.yaml"))
GOOD.remove("circle")
SORTED = "A is one.\nB is two.\nWhat is C?"
RUNS = {name: ("invoke", name, "hello", "--output-format", "json") for name in GOOD}
OTHERS = {
    "default task": ("invoke", "review", "--output-format", "json"),
    "sorted": ("invoke", "routing", SORTED, "--output-format", "json"),
    "unchecked": ("invoke", "shape", "unchecked", "--output-format", "json"),
    "circle": ("invoke", "circle", "hello"),
}


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    folder = tmp_path_factory.mktemp("upstream") / "project"
    shutil.copytree(PROJECT, folder)
    return CommandLine(folder, tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def ran(project: CommandLine) -> dict[str, Done]:
    commands = {**RUNS, **OTHERS}
    done = project.together(commands.values())
    return {name: done[command] for name, command in commands.items()}


def result(done: Done) -> dict[str, Any]:
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert isinstance(found, dict)
    return found


@pytest.mark.parametrize("name", RUNS)
def test_an_upstream_ensemble_runs(ran, name):
    assert result(ran[name])["status"] == "succeeded"


def test_upstream_ensembles_and_settings_have_no_problems(project):
    files = [f".llm-orc/ensembles/{name}.yaml" for name in GOOD]
    done = project("validate", ".llm-orc/config.yaml", *files)
    assert (done.returncode, done.stdout) == (0, "")
    assert done.stderr == f"{len(files) + 1} files checked: no problems\n"


def test_profiles_that_fall_back_in_a_circle_are_refused(project, ran):
    done = project("validate", ".llm-orc/ensembles/circle.yaml")
    assert done.returncode == 2
    assert (
        ":4:20: the fallbacks of profile 'chicken' go in a circle: chicken -> egg -> chicken" in done.stdout
    )
    assert (ran["circle"].returncode, ran["circle"].stdout) == (2, "")


def test_an_agent_reads_the_input_and_what_it_depends_on(ran):
    output = result(ran["default task"])["output"]
    assert output == "Read this.\n\n## first-reader\nRead this.\n\n## second-reader\nRead this."


def test_a_model_and_its_provider_may_be_named_apart(ran):
    agents = result(ran["direct"])["agents"]
    assert agents["writer"]["model"] == "scripted/some-model:7b"
    assert agents["writer"]["output"] == {"title": "A", "words": 3}
    assert agents["reader"]["output"] == "A"


def test_fallbacks_of_the_profile_are_followed_and_those_of_the_agent_come_before_them(ran):
    agents = result(ran["fallback"])["agents"]
    assert [agents[name]["output"] for name in agents] == ["edited", "hello"]
    assert [agents[name]["model"] for name in agents] == ["scripted/editor", "scripted/echo"]
    assert [agents[name]["attempts"] for name in agents] == [3, 2]


def test_an_input_key_with_a_fan_out_runs_an_ensemble_per_item(ran):
    found = result(ran["sorted"])
    assert found["agents"]["statement-reader"]["output"] == ["A is one.", "B is two."]
    assert found["agents"]["question-reader"]["output"] == ["edited"]
    assert found["output"] == (
        '## statement-reader\n["A is one.", "B is two."]\n\n## question-reader\n["edited"]'
    )


def test_an_empty_list_under_an_input_key_is_no_failure(ran):
    assert result(ran["routing"])["agents"]["question-reader"]["output"] == []


def test_parts_are_chosen_by_an_output_and_the_profile_has_a_price(ran):
    agents = result(ran["shape"])["agents"]
    assert agents["made"]["output"] == "edited"
    assert agents["made"]["cost_usd"] == pytest.approx(0.00002 * (2 + 4 + 1))
    assert agents["checked"]["output"] == "hello\n\n## made\nedited"
    assert agents["again"]["output"] == "## checked\nhello\n\n## made\nedited"


def test_what_depends_on_an_agent_that_was_left_out_is_left_out_too(ran):
    found = result(ran["unchecked"])
    statuses = {name: agent["status"] for name, agent in found["agents"].items()}
    assert statuses == {"parts": "succeeded", "made": "succeeded", "checked": "skipped", "again": "skipped"}


def test_scripts_are_found_in_the_projects_folder_and_get_their_parameters(ran):
    agents = result(ran["scripts"])["agents"]
    assert agents["numbers"]["output"]["given"] == {"count": 3, "step": 1e-06}
    assert agents["numbers"]["output"]["numbers"] == [0, 1, 2]
    assert agents["total"]["output"]["before"] == ["left", "right"]
