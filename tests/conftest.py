"""Fixtures of the whole suite."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.servers.faulty import FaultyServer, serving


@pytest.fixture
def anyio_backend() -> str:
    """The one event loop that llm-orc runs on."""
    return "asyncio"


@pytest.fixture
def faulty_server() -> Iterator[FaultyServer]:
    """A server of all three protocols, in order until it is told otherwise."""
    with serving() as server:
        yield server
