"""What is sent or started passes a gate; when the run is to end, nothing passes any more."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import anyio

from llm_orc.domain.cause import Cause

_A_MOMENT = 0.05
"""For agents whose last call has just ended, to end as well."""


class Gate:
    """Counts what is under way. `closed_by` says why nothing more may begin."""

    def __init__(self) -> None:
        self.closed_by: Cause | None = None
        self._closed = anyio.Event()
        self._under_way = 0
        self._drained = anyio.Event()

    @property
    def under_way(self) -> int:
        """Calls and scripts that have begun and not ended."""
        return self._under_way

    async def passed(self) -> None:
        """When the gate is closed, this waits until the run is over."""
        if self.closed_by is not None:
            await anyio.sleep_forever()

    async def enter(self) -> None:
        """Something begins; when the gate is closed, this waits until the run is over."""
        await self.passed()
        self._under_way += 1

    def leave(self) -> None:
        """What has begun has ended."""
        self._under_way -= 1
        if self.closed_by is not None and not self._under_way:
            self._drained.set()

    @asynccontextmanager
    async def work(self) -> AsyncIterator[None]:
        """From its beginning to its end."""
        await self.enter()
        try:
            yield
        finally:
            self.leave()

    def close(self, cause: Cause) -> None:
        """Let nothing more begin; the first reason stands."""
        if self.closed_by is None:
            self.closed_by = cause
            self._closed.set()
            if not self._under_way:
                self._drained.set()

    async def closed(self) -> Cause:
        """Waits until nothing more may begin, and says why."""
        await self._closed.wait()
        assert self.closed_by is not None
        return self.closed_by

    async def drained(self) -> None:
        """Waits until what was under way has ended, and what only waited for it had a moment to end too."""
        await self._drained.wait()
        await anyio.sleep(_A_MOMENT)
