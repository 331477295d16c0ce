"""One thread that writes to a file, so that nothing else waits for the disk.

Group commit: what is handed over while a commit is under way is committed together by the next one.
"""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeAlias

from llm_orc.errors import JournalFailed
from llm_orc.run.database import JOURNAL, Kind, connect, said_clearly

LINGER_SECONDS = 0.02
"""How long what nobody waits for may stay in memory. Short, so that it is written while calls are under way
and not when one of them has just been answered."""

Job: TypeAlias = Callable[[sqlite3.Connection], None]
Waiting: TypeAlias = "tuple[asyncio.AbstractEventLoop, asyncio.Future[None]]"
OnFailure: TypeAlias = Callable[[JournalFailed], None]


@dataclass(slots=True)
class _Batch:
    jobs: list[Job] = field(default_factory=list)
    waiting: list[Waiting] = field(default_factory=list)
    durable: bool = False


class Writer:
    """Runs jobs in the order in which they were given, until one fails: then no more."""

    def __init__(self, path: Path, kind: Kind = JOURNAL) -> None:
        self._path = path
        self._kind = kind
        self._changed = threading.Condition()
        self._next = _Batch()
        self._closing = False
        self._pragmas: dict[str, str | int] = {}
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None
        self._told: dict[OnFailure, asyncio.AbstractEventLoop] = {}

    @property
    def failed(self) -> bool:
        """Whether nothing can be written any more."""
        return self._failure is not None

    def put(self, job: Job) -> None:
        """Do it soon; a failure reaches those who wait and those who asked to be told."""
        with self._changed:
            if self._failure is not None:
                return
            self._start()
            self._next.jobs.append(job)
            if len(self._next.jobs) == 1:
                self._changed.notify()

    async def commit(self, job: Job | None = None, *, durable: bool = True) -> None:
        """Returns when the job, and all that was given before, is written. Raises `JournalFailed`.

        `durable`: it is on the disk, also if the power fails now.
        """
        with self._changed:
            if self._failure is not None:
                raise self._failure
            self._start()
            loop = asyncio.get_running_loop()
            done: asyncio.Future[None] = loop.create_future()
            if job is not None:
                self._next.jobs.append(job)
            self._next.waiting.append((loop, done))
            self._next.durable |= durable
            self._changed.notify()
        await done

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._work, name="llm-orc-writer", daemon=True)
            self._thread.start()

    def tell(self, on_failure: OnFailure) -> None:
        """Call it in this event loop when the journal cannot be written any more."""
        with self._changed:
            self._told[on_failure] = asyncio.get_running_loop()

    def tell_no_more(self, on_failure: OnFailure) -> None:
        with self._changed:
            self._told.pop(on_failure, None)

    def close(self) -> None:
        """Write what was given, and let go of the file."""
        with self._changed:
            thread, self._thread = self._thread, None
            self._closing = True
            self._changed.notify()
        if thread is not None:
            thread.join()

    def _work(self) -> None:
        batch: _Batch | None = _Batch()
        try:
            database = connect(self._path, self._kind)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            self._fail(error, _Batch())
            return
        try:
            while (batch := self._taken()) is not None:
                self._write(database, batch)
        except BaseException as error:  # noqa: BLE001 - whoever waits gets it
            with suppress(sqlite3.Error):
                database.execute("ROLLBACK")
            self._fail(error, batch or _Batch())
        finally:
            with suppress(sqlite3.Error):
                database.close()

    def _taken(self) -> _Batch | None:
        """What is to be written next; None when there is nothing more to come."""
        with self._changed:
            while not (self._next.waiting or self._closing):
                lingered = not self._changed.wait(LINGER_SECONDS if self._next.jobs else None)
                if lingered and self._next.jobs:
                    break
            batch, self._next = self._next, _Batch()
        return batch if batch.jobs or batch.waiting else None

    def _write(self, database: sqlite3.Connection, batch: _Batch) -> None:
        with said_clearly(self._path, self._kind):
            # Moving the log into the file takes long: only when nobody waits.
            self._set(database, synchronous="FULL" if batch.durable else "NORMAL")
            self._set(database, wal_autocheckpoint=0 if batch.waiting else 1000)
            database.execute("BEGIN IMMEDIATE")
            for job in batch.jobs:
                job(database)
            database.execute("COMMIT")
        _settle(batch.waiting, None)
        batch.waiting.clear()

    def _set(self, database: sqlite3.Connection, **pragma: str | int) -> None:
        for name, value in pragma.items() - self._pragmas.items():
            database.execute(f"PRAGMA {name} = {value}")
            self._pragmas[name] = value

    def _fail(self, error: BaseException, batch: _Batch) -> None:
        """Tell all who wait for the batch that failed, or for a later one."""
        with self._changed:
            self._failure = error
            later, self._next = self._next, _Batch()
            told, self._told = self._told, {}
        for each in (batch, later):
            _settle(each.waiting, error)
        if isinstance(error, JournalFailed):
            for on_failure, loop in told.items():
                with suppress(RuntimeError):  # a loop that is gone
                    loop.call_soon_threadsafe(on_failure, error)


def _settle(waiting: list[Waiting], error: BaseException | None) -> None:
    """Wake those who wait: once per event loop, not once for each."""
    by_loop: dict[asyncio.AbstractEventLoop, list[asyncio.Future[None]]] = {}
    for loop, done in waiting:
        by_loop.setdefault(loop, []).append(done)
    for loop, each in by_loop.items():
        with suppress(RuntimeError):  # a loop that is gone
            loop.call_soon_threadsafe(_wake, each, error)


def _wake(each: list[asyncio.Future[None]], error: BaseException | None) -> None:
    for done in each:
        if done.done():
            continue
        if error is None:
            done.set_result(None)
        else:
            done.set_exception(error)
