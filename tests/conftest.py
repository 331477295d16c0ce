"""Fixtures of the whole suite."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from hypothesis import settings

from tests.servers.faulty import FaultyServer, serving

# How long an example takes depends on what else the machine does.
settings.register_profile("unhurried", deadline=None)
settings.load_profile("unhurried")


def pytest_xdist_auto_num_workers() -> int:
    """Tests wait for servers, browsers and processes about half of their time."""
    cores = os.cpu_count() or 1
    return min(2 * cores, max(cores, 8))


@pytest.fixture(autouse=True)
def data_folder(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No test writes among the user's data, tries again or uses old answers where it does not say so."""
    monkeypatch.setenv("LLM_ORC_RETRIES", "0")
    monkeypatch.setenv("LLM_ORC_CACHE", "off")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.getbasetemp() / "data"))


@pytest.fixture
def anyio_backend() -> str:
    """The one event loop that llm-orc runs on."""
    return "asyncio"


@pytest.fixture
def faulty_server() -> Iterator[FaultyServer]:
    """A server of all three protocols, in order until it is told otherwise."""
    with serving() as server:
        yield server
