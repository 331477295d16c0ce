"""The README and the documentation are promises: each of their code blocks runs.

Commands run in a fresh project, in the order of their block. `git clone` and `make` are what brought this
suite here.
A block that needs a server is run against one that speaks its protocol.
"""

from __future__ import annotations

import atexit
import json
import os
import re
import subprocess
import sys
from contextlib import nullcontext
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml

from llm_orc import Orchestrator, errors
from llm_orc.cli.main import BUG
from llm_orc.domain.outcome import Answered, Effort, RunResult
from llm_orc.domain.wire import result_json
from tests.forks import client as forks
from tests.servers.faulty import FaultyServer
from tests.servers.otlp import collecting

from .blocks import PAGES, ROOT, Block, blocks

SET_UP = ("git clone ", "make ")
LONG = re.compile(r"^llm-orc (bench|optimize|eval|doctor|calibrate) ", re.MULTILINE)


@cache
def commands() -> str:
    """A folder with `llm-orc`."""
    folder = TemporaryDirectory(prefix="llm-orc-")
    atexit.register(folder.cleanup)
    forks.shim(Path(folder.name))
    return folder.name


def environment(folder: Path, **more: str) -> dict[str, str]:
    """The venv's commands come first, and nobody's settings are read."""
    path = os.pathsep.join([commands(), str(Path(sys.executable).parent), os.environ["PATH"]])
    return {**os.environ, "PATH": path, "XDG_CONFIG_HOME": str(folder / "config"), **more}


def run(command: str, folder: Path, **more: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", command], cwd=folder, env=environment(folder, **more), capture_output=True, text=True,
        timeout=60, stdin=subprocess.DEVNULL,
    )  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """What a reader has by then: a repository with `llm-orc init`, and a change."""
    run("git init -q && llm-orc init", tmp_path)
    (tmp_path / "change.diff").write_text("- a\n+ b\n", encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize(
    "block",
    [pytest.param(each, marks=[pytest.mark.slow] * bool(LONG.search(each.text))) for each in blocks("sh")],
    ids=str,
)
def test_every_command_runs(block: Block, project: Path, faulty_server: FaultyServer):
    server = faulty_server.openai_url.removesuffix("/v1") if block.needs == "ollama" else ""
    with collecting() if block.needs == "otlp" else nullcontext() as collector:
        there = {} if collector is None else {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.http}
        for command in block.text.splitlines():
            if command.startswith(SET_UP):
                continue
            done = run(command, project, OLLAMA_HOST=server, **there)
            assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
            assert collector is None or collector.spans


@pytest.mark.parametrize("block", blocks("python"), ids=str)
def test_every_program_runs(block: Block, project: Path):
    (project / "program.py").write_text(block.text, encoding="utf-8")
    done = run(f"{sys.executable} program.py", project)
    assert done.returncode == 0, done.stderr
    assert done.stdout


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_every_yaml_block_has_no_problems(block: Block, tmp_path: Path):
    keys = yaml.safe_load(block.text).keys()
    name = "ensemble.yaml" if "agents" in keys else "models.yaml"
    if not keys & {"agents", "models", "profiles", "default", "vram_gb"}:
        name = "config.yaml"
    (tmp_path / name).write_text(block.text, encoding="utf-8")
    (tmp_path / "demos.jsonl").write_text(
        '{"inputs": {"input": "2 + 2?"}, "output": "4"}\n', encoding="utf-8"
    )
    assert Orchestrator(tmp_path).check(tmp_path / name) == ()


def test_the_graph_that_is_shown_is_the_one_that_is_drawn(project: Path):
    text = (ROOT / "docs" / "get-started.md").read_text(encoding="utf-8")
    shown = re.findall(r"^```\n(quickstart: .*?)^```$", text, re.MULTILINE | re.DOTALL)
    assert shown == [run("llm-orc graph quickstart", project).stdout]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path):
    for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text(encoding="utf-8")):
        assert target.startswith("https://") or (page.parent / target).exists(), target


def test_every_page_begins_with_something_to_run():
    for page in PAGES[1:]:
        if page.name != "architecture.md":
            assert re.search(r"^# .*\n\n```(sh|python)\n", page.read_text(encoding="utf-8")), page.name


def test_every_error_is_explained():
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    classes = [
        thing
        for thing in vars(errors).values()
        if isinstance(thing, type) and issubclass(thing, errors.OrcError) and thing is not errors.OrcError
    ]
    kinds = {re.sub(r"(?<!^)([A-Z])", r"_\1", each.__name__).lower() for each in classes}
    assert kinds == set(re.findall(r"^\| `(\w+)` \|", text, re.MULTILINE))


def test_the_error_tree_is_the_one_of_the_module():
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    tree = text.split("```\nOrcError")[1].split("```")[0]
    assert errors.__doc__ is not None
    assert errors.__doc__.rstrip("\n").endswith(f"OrcError{tree}".rstrip("\n"))


def test_every_exit_code_is_explained():
    text = (ROOT / "docs" / "errors.md").read_text(encoding="utf-8")
    explained = set(re.findall(r"^\| (\d+) \|", text, re.MULTILINE))
    raised = {
        str(thing.exit_code)
        for thing in vars(errors).values()
        if isinstance(thing, type) and issubclass(thing, errors.OrcError)
    }
    assert explained == raised | {"0", "3", str(BUG), "130"}


def test_every_key_of_a_result_is_explained():
    agents = {"a": Answered(output="x", effort=Effort())}
    result = RunResult(
        run_id="1", ensemble="e", status="succeeded", output="x", agents=agents, usage=Effort().usage,
        cost_usd=0.0, started_at=0.0, duration_s=0.0, trace_id="0",
    )  # fmt: skip
    shape = json.loads(json.dumps(result_json(result)))
    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8")
    explained = re.findall(r"^\| `(\w+)` \|", text.split("## Events")[0], re.MULTILINE)
    assert explained == [*shape, *shape["agents"]["a"]]


def test_every_event_is_explained_with_its_keys():
    from dataclasses import fields
    from typing import get_args

    from llm_orc.domain.events import Happening, RunFinished

    text = (ROOT / "docs" / "results.md").read_text(encoding="utf-8").split("## Events")[1]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*) \|$", text, re.MULTILINE))
    assert rows.keys() == {kind.type for kind in get_args(Happening)}
    for kind in get_args(Happening):
        if kind is not RunFinished:
            assert re.findall(r"`(\w+)`", rows[kind.type]) == [field.name for field in fields(kind)]
