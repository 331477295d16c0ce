"""`doctor`, as a user has it: whatever is broken, it says so and ends."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys

import pytest

from tests.servers.faulty import Reply

from .command_line import LLM_ORC, CommandLine, agent, closed_port, served

MODELS = """\
default: mine
models:
  mine: {{provider: ollama, name: small, base_url: {url}}}
  other: {{provider: ollama, name: huge, base_url: {url}}}
  hosted: {{provider: openai, name: gpt-4o}}
"""


@pytest.fixture
def project(llm_orc: CommandLine) -> CommandLine:
    (llm_orc.folder / ".llm-orc").mkdir()
    llm_orc.environment["OLLAMA_HOST"] = closed_port().removesuffix("/v1")
    return llm_orc


def said(done: subprocess.CompletedProcess[str], state: str) -> list[str]:
    """The lines of a state. That it ended in order is checked for every call."""
    lines = done.stdout.splitlines()
    assert all(line.startswith(("ok    ", "warn  ", "fail  ")) for line in lines)
    assert done.returncode == any(line.startswith("fail") for line in lines), done.stderr
    assert "Traceback" not in done.stderr
    assert "this is a bug" not in done.stdout
    assert done.stderr.splitlines()[-1].startswith(f"{len(lines)} findings: ")
    return [line[6:] for line in lines if line.startswith(state)]


def one(lines: list[str], what: str) -> str:
    (line,) = (line for line in lines if line.startswith(what))
    return line


def invoked(project: CommandLine) -> None:
    """With one run in the journal."""
    project.ensemble(agent("a"))
    assert project("invoke", "e.yaml", "hi").returncode == 0


@pytest.mark.slow
def test_a_project_in_order_has_no_failures(project):
    invoked(project)
    done = project("doctor")
    assert said(done, "fail") == []
    assert "1 run, " in one(said(done, "ok"), "journal: ")
    assert "only you can read the journal" in one(said(done, "ok"), "permissions: ")
    assert "none at http://127.0.0.1:" in one(said(done, "ok"), "ollama: ")
    listed = json.loads(project("doctor", "--json").stdout)
    assert [line["what"] for line in listed] == [line[6:].split(": ")[0] for line in done.stdout.splitlines()]
    assert set(listed[0]) == {"state", "what", "detail", "hint"}
    # All of an installation is there when these tests run: every package is known by its module.
    assert not [each for each in listed if each["what"].startswith("package ")]


def test_only_what_is_named_is_looked_at(project):
    done = project("doctor", "clock", "python")
    assert [line[6:].split(": ")[0] for line in done.stdout.splitlines()] == [
        "project", "settings", "models", "python", "clock",
    ]  # fmt: skip
    done = project("doctor", "clok")
    assert done.returncode == 2
    assert "'clok' is not one of 'python', 'packages'," in done.stderr


def test_files_that_do_not_load_are_said_with_their_places(project):
    project.file(".llm-orc/config.yaml", "concurency: 2\n")
    project.file(".llm-orc/models.yaml", "models:\n  a: {provider: olama, name: x}\n")
    failed = said(project("doctor", "models"), "fail")
    assert ".llm-orc/config.yaml:1:1: " in one(failed, "settings: ")
    assert "(did you mean 'concurrency'?)" in one(failed, "settings: ")
    assert ".llm-orc/models.yaml:2:17: unknown provider 'olama'" in one(failed, "models: ")


def test_ensembles_that_are_not_valid_are_counted_and_their_first_problems_shown(project):
    project.ensemble(agent("a"), file="ensembles/good.yaml")
    bad = [agent(f"a{number}", prompt="{{ nobody }}") for number in range(8)]
    project.ensemble(*bad, file=".llm-orc/ensembles/bad.yaml")
    failed = said(project("doctor", "models"), "fail")
    assert failed[0] == "ensembles: 1 of 2 are not valid (mend what is said below)"
    assert [line.split(": ")[0] for line in failed] == ["ensembles", *["ensemble"] * 5, "ensembles"]
    assert "bad.yaml:1:" in failed[1]
    assert failed[-1] == "ensembles: 3 more problems (llm-orc validate FILE)"


def test_what_the_project_needs_and_lacks_is_a_failure_all_else_a_warning(project, faulty_server):
    project.file(".llm-orc/models.yaml", MODELS.format(url=faulty_server.url))
    done = project("doctor", "models")
    assert said(done, "fail") == []
    assert one(said(done, "ok"), "ollama at ") == (
        f"ollama at {faulty_server.url}: version 0.12.3, has 1 of 2 models that are named"
    )
    assert one(said(done, "warn"), "model other: ").endswith("(ollama pull huge)")
    assert "OPENAI_API_KEY is not set" in one(said(done, "warn"), "key OPENAI_API_KEY: ")
    project.ensemble(
        {"name": "a", "model": "other"}, {"name": "b", "model": "hosted"}, file="ensembles/e.yaml"
    )
    done = project("doctor", "models")
    assert [line.split(": ")[0] for line in said(done, "fail")] == ["model other", "key OPENAI_API_KEY"]


def test_a_key_is_never_shown(project, faulty_server):
    faulty_server.script(Reply(401, {"error": {"message": "no: {authorization}"}}))
    project.ensemble(served(faulty_server.openai_url, api_key_env="MY_KEY"), file="ensembles/e.yaml")
    done = project("doctor", "models", MY_KEY="very-secret-key")
    assert one(said(done, "ok"), "key MY_KEY: ").startswith("key MY_KEY: in the environment, for openai at ")
    assert one(said(done, "fail"), "openai at ").endswith("(check the API key and what it may be used for)")
    assert "very-secret-key" not in done.stdout + done.stderr


def test_servers_that_hang_or_are_not_there_are_said(project, faulty_server):
    faulty_server.script(*[Reply(hang=True)] * 4)
    one_model = "models:\n  a: {{provider: ollama, name: small, base_url: {}}}\n"
    more = f"  b: {{provider: openai, name: x, base_url: {closed_port()}}}\n"
    project.file(".llm-orc/models.yaml", one_model.format(faulty_server.url) + more)
    warned = said(project("doctor", "models"), "warn")
    assert "no answer within 5 s" in one(warned, f"ollama at {faulty_server.url}")
    assert "no connection" in one(warned, "openai at ")


def test_a_damaged_journal_is_said(project):
    invoked(project)
    file = project.folder / ".llm-orc" / "runs.db"
    with sqlite3.connect(file) as database:
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()
    content = bytearray(file.read_bytes())
    content[4096:12288] = b"\xa5" * 8192
    file.write_bytes(content)
    assert "it is damaged (move it away" in one(said(project("doctor", "journal"), "fail"), "journal: ")


def test_other_settings_of_a_shell_are_said(project):
    variables = {
        "HTTP_PROXY": "::garbage", "LLM_ORC_CONCURRENCY": "many", "OLLAMA_HOST": ":abc", "PATH": "/nowhere",
    }  # fmt: skip
    done = project("doctor", "models", "command", **variables)
    failed = said(done, "fail")
    assert (
        one(failed, "proxies: ") == "proxies: HTTP_PROXY cannot be used (write http://host:port, or unset it)"
    )
    assert "LLM_ORC_CONCURRENCY" in one(failed, "settings: ")
    assert "base_url is not an address" in one(said(done, "warn"), "ollama: ")
    assert one(said(done, "warn"), "command: ").startswith("command: llm-orc is not on the PATH")


def test_packages_that_are_installed_and_broken_are_said(project):
    project.file("broken/jinja2/__init__.py", "import os; os._exit(3)")
    project.file("broken/sklearn/__init__.py", "raise OSError('libgomp.so.1: cannot open')")
    code = (
        "import sys; from llm_orc.orchestrator.health_machine import _broken; "
        "print(_broken(['sklearn', 'json', 'jinja2', 'yaml']))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=project.folder, capture_output=True, text=True, check=True,
        env={**project.environment, "PYTHONPATH": f"{project.folder}/broken:{':'.join(sys.path)}"},
    )  # fmt: skip
    assert "'sklearn': 'OSError: libgomp.so.1: cannot open'" in done.stdout
    assert "'jinja2': 'loading it ended the process (3)'" in done.stdout
    assert "json" not in done.stdout


def test_llm_orc_that_cannot_be_loaded_is_said(project):
    project.file("broken/anyio/__init__.py", "raise ImportError('no module for this platform')")
    done = project("doctor", PYTHONPATH=f"{project.folder}/broken:{':'.join(sys.path)}")
    assert said(done, "fail") == [
        "packages: llm-orc cannot be loaded: no module for this platform (install it again)"
    ]


def shell(project: CommandLine, before: str, *what: str) -> subprocess.CompletedProcess[str]:
    """`doctor` after some lines of a shell."""
    return subprocess.run(
        ["sh", "-c", f'{before} exec "$@"', "sh", *LLM_ORC, "doctor", *what], cwd=project.folder, text=True,
        env=project.environment, capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def test_files_that_cannot_be_written_are_said(project):
    failed = said(shell(project, "ulimit -f 0; ulimit -n 64;", "journal", "files"), "fail")
    assert "cannot write in " in failed[0]
    assert "ulimit -f unlimited" in failed[1]


def test_a_folder_that_is_gone_is_said(project):
    failed = said(shell(project, "mkdir gone; cd gone; rmdir ../gone;", "models"), "fail")
    assert failed == ["project: the current folder is gone (cd to another)"]


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs to give up the rights of root")
@pytest.mark.parametrize("closed", [".llm-orc", ".llm-orc/models.yaml", ".llm-orc/ensembles"])
def test_what_cannot_be_read_is_said(project, closed):
    invoked(project)
    project.file(".llm-orc/models.yaml", "models: {}\n")
    project.ensemble(agent("a"), file=".llm-orc/ensembles/e.yaml")
    target = project.folder / closed
    mode = target.stat().st_mode
    target.chmod(0)
    try:
        done = shell(project, 'set -- setpriv --bounding-set=-all "$@";', "models")
        found = said(done, "fail")
    finally:
        target.chmod(mode)
    if closed.endswith("ensembles"):
        assert "/ensembles cannot be listed: Permission denied" in one(found, "ensembles: ")
    else:
        assert "models.yaml: the file cannot be read: Permission denied" in one(found, "models: ")


def test_agents_without_a_model_are_a_warning(project):
    project.ensemble({"name": "a"}, file="ensembles/e.yaml")
    done = project("doctor", "models")
    assert said(done, "warn")[0] == (
        "ensembles: 1 of 1 have agents without a model, such as 'e' "
        "(set 'default:' in models.yaml, or pass --model)"
    )


def test_limits_of_a_host_where_no_model_is_served_are_a_warning(project):
    project.file(".llm-orc/models.yaml", MODELS.format(url=closed_port().removesuffix("/v1")))
    limits = "limits: {127.0.0.1: {concurrency: 1}, 'localhost:1': {concurrency: 1}, openai: {}}\n"
    project.file(".llm-orc/config.yaml", limits)
    done = project("doctor", "models")
    assert "no model is served there" in one(said(done, "warn"), "limits of localhost:1: ")
    assert "(hosts of models: 127.0.0.1:" in one(said(done, "warn"), "limits of localhost:1: ")
    assert one(said(done, "ok"), "limits: ") == "limits: 127.0.0.1, openai"
