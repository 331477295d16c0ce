"""The command line in an empty folder."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.servers.otlp import Collector, collecting

from .command_line import CommandLine


@pytest.fixture
def llm_orc(tmp_path: Path) -> CommandLine:
    for name in ("work", "home"):
        (tmp_path / name).mkdir()
    return CommandLine(tmp_path / "work", tmp_path / "home")


@pytest.fixture(scope="package")
def collector() -> Iterator[Collector]:
    """One for all tests: a run's spans are found by its trace."""
    with collecting() as found:
        yield found
