"""A project with a server, and a browser to look at it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.command_line import CommandLine

from .browser import Browser, started
from .server import Server, serving


@pytest.fixture
def project(tmp_path: Path) -> CommandLine:
    (tmp_path / "work" / ".llm-orc").mkdir(parents=True)
    (tmp_path / "home").mkdir()
    return CommandLine(tmp_path / "work", tmp_path / "home")


@pytest.fixture
def server(project: CommandLine) -> Iterator[Server]:
    with serving(project) as found:
        yield found


@pytest.fixture(scope="session")
def chromium(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    driver = shutil.which("chromedriver")
    if program is None or driver is None:
        pytest.skip("no Chromium with its driver is installed: apt-get install chromium chromium-driver")
    with started(program, driver, tmp_path_factory.mktemp("chromium")) as found:
        yield found


@pytest.fixture
def browser(chromium: Browser) -> Iterator[Browser]:
    """A window as a new user has it; nothing that a page did wrong stays unnoticed."""
    chromium.begin()
    yield chromium
    assert chromium.faults() == []
