"""Settings: which layer wins, and where each value comes from."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from llm_orc.domain.json import JsonValue
from llm_orc.errors import InvalidFile, UsageFailed
from llm_orc.spec.settings import load_settings


@pytest.fixture
def user(tmp_path: Path) -> Path:
    folder = tmp_path / "user"
    folder.mkdir()
    (folder / "config.yaml").write_text("schedule: layered\nconcurrency: 2\nensembles: [mine]\n")
    return folder


@pytest.fixture
def project(tmp_path: Path) -> Path:
    folder = tmp_path / "project"
    (folder / ".llm-orc").mkdir(parents=True)
    (folder / ".llm-orc" / "config.yaml").write_text(
        "# comment\nconcurrency: 3\nruns: runs.db\nmodel_profiles: {a: {model: x, provider: y}}\n"
        "performance: {timeout_seconds: 1}\nproject: {}\nserving: {}\nagentic_serving: {}\n"
    )
    return folder


def test_without_files_there_are_defaults(tmp_path: Path) -> None:
    settings = load_settings(tmp_path, None, {}, {})

    assert (settings.schedule, settings.concurrency, settings.ensembles) == ("eager", None, ())
    assert set(settings.sources.values()) == {"default"}


def test_later_layers_win_and_say_where_they_are(project: Path, user: Path) -> None:
    settings = load_settings(
        project, user, {"LLM_ORC_DEFAULT_MODEL": "ollama/x", "LLM_ORC_RUNS": "env.db"}, {"runs": "flag.db"}
    )

    assert (settings.schedule, settings.concurrency, settings.runs) == ("layered", 3, "flag.db")
    assert settings.sources == {
        "default_model": "environment LLM_ORC_DEFAULT_MODEL",
        "concurrency": f"{project}/.llm-orc/config.yaml:2",
        "schedule": f"{user}/config.yaml:1",
        "timeout_seconds": "default",
        "output_format": "default",
        "runs": "flag --runs",
        "keep_content": "default",
        "trace": "default",
        "trace_redact": "default",
        **dict.fromkeys(("retries", "call_timeout_seconds", "cache", "cache_mb", "budget"), "default"),
        **dict.fromkeys(("daily_budget", "limits", "breaker", "grace_seconds"), "default"),
        "ensembles": f"{user}/config.yaml:3",
    }


def test_paths_in_a_file_start_from_its_place(project: Path, user: Path) -> None:
    settings = load_settings(project, user, {}, {})

    assert settings.ensembles == (user / "mine",)
    assert settings.runs == str(project / "runs.db")


def test_the_environment_is_text_that_is_read_as_the_setting_needs(tmp_path: Path) -> None:
    environ = {"LLM_ORC_CONCURRENCY": " 4 ", "LLM_ORC_TIMEOUT_SECONDS": "1e1", "LLM_ORC_ENSEMBLES": "a:b"}

    settings = load_settings(tmp_path, None, {**environ, "LLM_ORC_SCHEDULE": "", "LLM_ORC_DEBUG": "1"}, {})

    assert (settings.concurrency, settings.timeout_seconds) == (4, 10.0)
    assert settings.ensembles == (Path("a"), Path("b"))
    assert settings.schedule == "eager"


def test_a_flag_that_was_not_given_changes_nothing(user: Path, tmp_path: Path) -> None:
    assert load_settings(tmp_path, user, {}, {"schedule": None}).schedule == "layered"


@pytest.mark.parametrize(
    ("environ", "flags", "said", "hint"),
    [
        ({"LLM_ORC_CONCURRENCY": "many"}, {},
         "the environment variable LLM_ORC_CONCURRENCY: expected a whole number, got text 'many'", ""),
        ({}, {"output_format": "jso"},
         "--output-format: expected one of rich, text, json, jsonl, got text 'jso'", "did you mean 'json'?"),
        ({}, {"concurrency": 0}, "--concurrency: expected at least 1, got the number 0", ""),
        ({}, {"concurency": 1}, "unknown setting 'concurency'", "did you mean 'concurrency'?"),
        ({"LLM_ORC_TIMEOUT_SECONDS": ".inf"}, {},
         "the environment variable LLM_ORC_TIMEOUT_SECONDS: expected a number, got text '.inf'", ""),
    ],
)  # fmt: skip
def test_a_wrong_variable_or_flag_is_an_error_of_use(
    environ: dict[str, str], flags: dict[str, JsonValue], said: str, hint: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageFailed) as caught:
        load_settings(tmp_path, None, environ, flags)

    assert (caught.value.message, caught.value.hint) == (said, hint)


def test_the_problems_of_both_files_are_reported(project: Path, user: Path) -> None:
    (user / "config.yaml").write_text("concurency: 1\n")
    (project / ".llm-orc" / "config.yaml").write_text("schedule: lazy\n")

    with pytest.raises(InvalidFile) as caught:
        load_settings(project, user, {}, {})

    assert [str(problem) for problem in caught.value.problems] == [
        f"{user}/config.yaml:1:1: unknown key 'concurency' (did you mean 'concurrency'?)",
        f"{project}/.llm-orc/config.yaml:1:11: schedule: expected one of eager, layered, got text 'lazy'",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("limits:\n  http://x:1/v1: {concurrency: 1}\n", "2:3: limits: 'http://x:1/v1' is no host ({})"),
        ("limits: {x/v1: {concurrency: 1}}\n", "1:10: limits: 'x/v1' is no host ({})"),
        ("limits: {'': {concurrency: 1}}\n", "1:10: limits: an empty key is no host ({})"),
        (
            "daily_budget: {usd: 1, seconds: 60}\n",
            "1:24: unknown key 'seconds' (seconds are the deadline of a run: write them in a 'budget')",
        ),
    ],
)
def test_limits_that_could_never_hold_are_refused(project: Path, text: str, problem: str) -> None:
    file = project / ".llm-orc" / "config.yaml"
    file.write_text(text)
    hint = "write the host and port of base_url, such as localhost:8000"

    with pytest.raises(InvalidFile) as caught:
        load_settings(project, None, {}, {})

    assert str(caught.value) == f"{file}:{problem.format(hint)}"


def test_settings_and_places_load_no_library_that_they_do_not_need(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from llm_orc.spec import locate, settings\n"
        "settings.load_settings(Path.cwd(), None, {}, {}); locate.list_ensembles(Path.cwd(), None)\n"
        "print({'jsonschema', 'jinja2'} & set(sys.modules))"
    )

    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == "set()"
