"""A user's GGUF file runs by naming its path in models.yaml."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.providers.gguf_file import write_random_gguf

pytestmark = pytest.mark.slow


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "weights").mkdir()
    write_random_gguf(tmp_path / "weights" / "mine.gguf")
    (tmp_path / "models.yaml").write_text(
        "models:\n  mine: {provider: llamacpp, path: weights/mine.gguf, context: 256, max_tokens: 8}\n",
        encoding="utf-8",
    )
    (tmp_path / "ask.yaml").write_text("name: ask\nagents:\n  - {name: a, model: mine}\n", encoding="utf-8")
    return tmp_path


def llm_orc(project: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "llm_orc", *arguments]
    return subprocess.run(
        command, cwd=project, capture_output=True, text=True, timeout=60, stdin=subprocess.DEVNULL
    )


def test_it_answers(project):
    done = llm_orc(project, "invoke", "ask.yaml", "hello")
    assert done.returncode == 0, done.stderr
    assert "mine" in done.stderr


def test_its_path_starts_at_the_file_that_names_it(project):
    done = llm_orc(project, "models", "check", "mine")
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("damage", "message"),
    [(lambda f: f.unlink(), "No such file or directory"),
     (lambda f: f.write_bytes(b"not a model"), "not a GGUF file"),
     (lambda f: f.write_bytes(f.read_bytes()[:3000]), "cannot be loaded")],
    ids=["missing", "something else", "cut off"],
)  # fmt: skip
def test_a_file_that_cannot_be_used_is_one_clear_error(project, damage, message):
    damage(project / "weights" / "mine.gguf")
    done = llm_orc(project, "invoke", "ask.yaml", "hello", "--quiet")
    assert done.returncode == 1
    assert message in done.stderr
    assert len(done.stderr.splitlines()) <= 2, done.stderr
