"""The entry point itself: what it loads, and what it makes of a bug and of too little to go on."""

from __future__ import annotations

import subprocess
import sys

import pytest

from llm_orc.cli.main import VERBS

from .command_line import CommandLine, Done, agent

HEAVY = {"anyio", "rich", "yaml", "jinja2", "jsonschema", "networkx", "httpx2", "llm_orc.orchestrator"}
RUNNING = {
    "jinja2", "networkx", "httpx2", "rich", "llm_orc.orchestrator.orchestrator", "llm_orc.domain.ensemble",
    "llm_orc.domain.events",
}  # fmt: skip
BROKEN = """
import anyio, click

@click.command()
def broken():
    anyio.run(in_a_group)

async def in_a_group():
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(divide)

async def divide():
    1 / 0
"""


def python(llm_orc: CommandLine, code: str, *arguments: str, **variables: str) -> Done:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], cwd=llm_orc.folder, capture_output=True, text=True,
        env={**llm_orc.environment, **variables}, stdin=subprocess.DEVNULL, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("flag", ["--help", "--version"])
def test_help_and_version_load_nothing_that_is_heavy(llm_orc, flag):
    code = (
        "import atexit, sys; from llm_orc.cli.main import main; "
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main()"
    )
    done = python(llm_orc, code, flag)
    loaded = set(done.stderr.split())
    assert (done.returncode, "click" in loaded) == (0, True)
    assert not loaded & HEAVY
    ours = {name for name in loaded if name.startswith("llm_orc.cli.")}
    assert ours == {"llm_orc.cli.main", "llm_orc.cli.loading"}


def test_what_is_recorded_is_read_without_what_runs_ensembles(llm_orc):
    assert llm_orc("invoke", llm_orc.ensemble(agent()), "hi", "--runs", "runs.db").returncode == 0
    code = (
        "import atexit, sys; from llm_orc.cli.main import main; "
        "atexit.register(lambda: print(*sys.modules, file=sys.stderr)); main()"
    )
    done = python(llm_orc, code, "runs", "show", "last", "--runs", "runs.db")
    loaded = set(done.stderr.split())
    assert (done.returncode, "sqlite3" in loaded) == (0, True)
    assert not loaded & RUNNING


@pytest.mark.parametrize(("verb", "last"), [([], VERBS["schema"][1]), (["models"], "llm-orc models list")])
def test_a_group_without_a_verb_prints_its_help(llm_orc, verb, last):
    done = llm_orc(*verb)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("Usage: ")
    assert done.stderr.rstrip().endswith(last)


@pytest.mark.parametrize("arguments", [("invoke", "x", "--qiet"), ("models", "lst"), ("invok",)])
def test_a_suggestion_is_made_once(llm_orc, arguments):
    assert llm_orc(*arguments).stderr.lower().count("did you mean") == 1


def broken(llm_orc: CommandLine, **variables: str) -> Done:
    """A verb with a bug in it."""
    llm_orc.file("broken_verb.py", BROKEN)
    code = (
        "import sys; sys.path.insert(0, '.'); from llm_orc.cli.main import VERBS, main; "
        "VERBS['broken'] = ('broken_verb:broken', ''); main()"
    )
    return python(llm_orc, code, "broken", **variables)


def test_a_bug_is_one_line_that_says_how_to_see_more(llm_orc):
    done = broken(llm_orc)
    assert (done.returncode, done.stdout) == (70, "")
    error, hint = done.stderr.splitlines()
    assert error == "error: internal error: ZeroDivisionError: division by zero"
    assert "LLM_ORC_DEBUG=1" in hint


def test_a_bug_is_shown_in_full_on_request(llm_orc):
    done = broken(llm_orc, LLM_ORC_DEBUG="1")
    assert (done.returncode, done.stdout) == (70, "")
    assert done.stderr.startswith("Traceback ")
    assert "in divide\n" in done.stderr
