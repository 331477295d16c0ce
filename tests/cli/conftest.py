"""The command line in an empty folder."""

from __future__ import annotations

from pathlib import Path

import pytest

from .command_line import CommandLine


@pytest.fixture
def llm_orc(tmp_path: Path) -> CommandLine:
    for name in ("work", "home"):
        (tmp_path / name).mkdir()
    return CommandLine(tmp_path / "work", tmp_path / "home")
