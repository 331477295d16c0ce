"""What happens in runs that somebody watches: read once, whoever writes it, and sent to all."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from llm_orc.domain.recorded import RecordedRun
from llm_orc.errors import JournalFailed, NotFound
from llm_orc.serve.lines import batches

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_orc.orchestrator.showing import Following, Lines

POLL_SECONDS = 0.1
"""How often the journal is looked at while somebody watches: also the most messages that a viewer gets."""
ALIVE_SECONDS = 1.0
"""How often it is asked whether the process of a run is still there."""
SILENCE_SECONDS = 15.0
"""After so long without a message one is sent, so that a connection that is gone is noticed."""
MOST_VIEWERS = 128
_LINES = 2_000
_KEPT = 64


@dataclass(slots=True)
class _Channel:
    """One run that is watched. `recent` are the last messages: first and last number, bytes."""

    last: int
    status: str
    viewers: int = 0
    recent: deque[tuple[int, int, bytes]] = field(default_factory=lambda: deque(maxlen=_KEPT))
    news: anyio.Event = field(default_factory=anyio.Event)


class Feed:
    """Viewers pull: one that is slow costs no memory here, and reads from the journal what it missed."""

    def __init__(self, journal: Following) -> None:
        self._journal = journal
        self._channels: dict[str, _Channel] = {}
        self._wanted = anyio.Event()
        self._looked = 0.0

    @property
    def viewers(self) -> int:
        """How many watch now."""
        return sum(channel.viewers for channel in self._channels.values())

    async def follow(self) -> None:
        """Look at the journal as long as somebody watches; runs until it is cancelled."""
        try:
            while True:
                if not self._channels:
                    self._wanted = anyio.Event()
                    await self._wanted.wait()
                await self._look()
                await anyio.sleep(POLL_SECONDS)
        finally:
            self._journal.close()

    async def watch(self, run: RecordedRun, after: int) -> AsyncGenerator[bytes, None]:
        """Messages with the events behind number `after`, for ever; none where too many watch."""
        if self.viewers >= MOST_VIEWERS:
            return
        with self._joined(run) as channel:
            yield b"retry: 1000\n\n"
            yield _told(channel.status)
            status = channel.status
            while True:
                news = channel.news
                async for first_to_last, message in self._missed(run.run_id, channel, after):
                    after = first_to_last
                    yield message
                if channel.status != status:
                    status = channel.status
                    yield _told(status)
                with anyio.move_on_after(SILENCE_SECONDS) as silence:
                    await news.wait()
                if silence.cancelled_caught:
                    yield b": still here\n\n"

    @contextmanager
    def _joined(self, run: RecordedRun) -> Iterator[_Channel]:
        channel = self._channels.get(run.run_id)
        if channel is None:
            # From 0: the first look finds where the run is.
            channel = self._channels[run.run_id] = _Channel(last=-1, status=run.status)
        channel.viewers += 1
        self._wanted.set()
        try:
            yield channel
        finally:
            channel.viewers -= 1
            if channel.viewers == 0:
                self._channels.pop(run.run_id, None)

    async def _missed(self, run: str, channel: _Channel, after: int) -> AsyncIterator[tuple[int, bytes]]:
        """All messages behind `after`: the shared ones where they join on, else read for this viewer."""
        for first, last, message in tuple(channel.recent):
            if first == after + 1:
                yield last, message
                after = last
        while after < channel.last or channel.last < 0:
            lines = await self._lines(run, after)
            if not lines:
                return
            for _, last, message in batches(lines):
                yield last, message
                after = last

    async def _look(self) -> None:
        ask = monotonic() - self._looked >= ALIVE_SECONDS
        try:
            changed = await anyio.to_thread.run_sync(self._journal.changed)
            for run, channel in tuple(self._channels.items()):
                if changed or channel.last < 0:
                    await self._read(run, channel)
                if changed or (ask and channel.status == "running"):
                    await self._ask(run, channel)
        except JournalFailed:
            return  # locked or away for now: the next look may find it
        if ask:
            self._looked = monotonic()

    async def _read(self, run: str, channel: _Channel) -> None:
        if channel.last < 0:
            # Its first viewer reads what was before; from here on the messages are shared.
            channel.last = await anyio.to_thread.run_sync(self._last_seq, run)
            self._wake(channel)
            return
        while lines := await self._lines(run, channel.last):
            channel.recent.extend(batches(lines))
            channel.last = lines[-1][0]
            self._wake(channel)

    async def _lines(self, run: str, after: int) -> Lines:
        """None of a run that was forgotten."""
        with suppress(NotFound):
            return await anyio.to_thread.run_sync(self._journal.lines_after, run, after, _LINES)
        return ()

    def _last_seq(self, run: str) -> int:
        with suppress(NotFound):
            return self._journal.last_seq(run)
        return 0

    async def _ask(self, run: str, channel: _Channel) -> None:
        status = "forgotten"
        with suppress(NotFound):
            status = (await anyio.to_thread.run_sync(self._journal.find, run)).status
        if status != channel.status:
            channel.status = status
            self._wake(channel)

    @staticmethod
    def _wake(channel: _Channel) -> None:
        channel.news.set()
        channel.news = anyio.Event()


def _told(status: str) -> bytes:
    return f'event: status\ndata: "{status}"\n\n'.encode()
