"""Answers that are used again: by the whole request, for one run or for all runs of a project."""

from __future__ import annotations

import json
import sqlite3
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import time
from zlib import crc32

import anyio

from llm_orc.domain.call_json import completion_json, completion_of, request_key
from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.policy import CacheScope
from llm_orc.errors import JournalFailed
from llm_orc.run.database import CACHE, open_for_reading, said_clearly
from llm_orc.run.journal_writer import Writer

IN_MEMORY = 2_000
"""Answers that are at hand without a look at the file."""
_FRESH_SECONDS = 3600.0
"""How exact the time of last use is: exact to the second it would cost a write for every answer."""

Warn = Callable[[str], None]


def is_cacheable(request: Request) -> bool:
    """Whether the same request must give the same answer: nothing is drawn, or what is drawn is fixed."""
    sampling = request.sampling
    return sampling.temperature == 0 or sampling.seed is not None or request.sample is not None


class ProjectCache:
    """The answers of a project in one file, the least recently used ones forgotten at `max_bytes`.

    It may fail at any time without harm: then answers are asked for again. `why_not` says what failed.
    """

    def __init__(self, path: Path, max_bytes: int) -> None:
        self.path = path
        self.why_not = ""
        self._max = max_bytes
        self._writer: Writer | None = None
        self._reader: sqlite3.Connection | None = None
        self._near: OrderedDict[bytes, Completion] = OrderedDict()

    def get(self, key: bytes) -> Completion | None:
        """The answer, None where there is none, or none that can be trusted."""
        near = self._near.get(key)
        if near is not None:
            self._near.move_to_end(key)
            return near
        if self.why_not or not self.path.exists():
            return None
        try:
            row = self._read(key)
            if row is None or crc32(row[0].encode(), crc32(key)) != row[1]:
                return None
            completion = completion_of(json.loads(row[0]))
        except JournalFailed as error:
            self.why_not = error.message
            return None
        except (ValueError, LookupError, TypeError):
            return None
        if time() - row[2] > _FRESH_SECONDS:
            self._write(partial(_touch, key))
        self._keep_near(key, completion)
        return completion

    def put(self, key: bytes, completion: Completion) -> None:
        """Keep an answer; it is written soon."""
        self._keep_near(key, completion)
        text = json.dumps(completion_json(completion), ensure_ascii=True, separators=(",", ":"))
        self._write(partial(_insert, key, text, self._max))

    def close(self) -> None:
        """Write what is left and let go of the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _read(self, key: bytes) -> tuple[str, int, float] | None:
        if self._reader is None:
            self._reader = open_for_reading(self.path, CACHE)
        with said_clearly(self.path, CACHE):
            query = "SELECT response, checksum, used_at FROM answers WHERE key = ?"
            found: tuple[str, int, float] | None = self._reader.execute(query, (key,)).fetchone()
            return found

    def _write(self, job: Callable[[sqlite3.Connection], None]) -> None:
        if self._writer is None:
            self._writer = Writer(self.path, CACHE)
        self._writer.put(job)

    def _keep_near(self, key: bytes, completion: Completion) -> None:
        self._near[key] = completion
        if len(self._near) > IN_MEMORY:
            self._near.popitem(last=False)


class AnswerCache:
    """The cache as one run sees it. Of identical requests at the same time one is sent."""

    def __init__(self, project: ProjectCache | None, warn: Warn) -> None:
        self._project = project
        self._warn = warn
        self._own: dict[bytes, Completion] = {}
        self._flying: dict[bytes, anyio.Event] = {}

    async def answer(
        self,
        request: Request,
        scope: CacheScope | None,
        ask: Callable[[], Awaitable[Completion]],
        waits: Callable[[], None] | None = None,
    ) -> tuple[Completion, bool]:
        """The answer, and whether it was known already. `waits` is called before that of another
        call is awaited."""
        if scope in (None, "off") or not is_cacheable(request):
            return await ask(), False
        key = request_key(request)
        while True:
            found = self._find(key, scope)
            if found is not None:
                return replace(found, load_seconds=None), True
            flying = self._flying.get(key)
            if flying is None:
                break
            if waits is not None:
                waits()
            await flying.wait()
        landed = self._flying[key] = anyio.Event()
        try:
            completion = await ask()
            self._own[key] = completion
            if scope == "project" and self._project is not None:
                self._project.put(key, completion)
            return completion, False
        finally:
            del self._flying[key]
            landed.set()

    def _find(self, key: bytes, scope: CacheScope | None) -> Completion | None:
        found = self._own.get(key)
        if found is None and scope == "project" and self._project is not None:
            working = not self._project.why_not
            found = self._project.get(key)
            if working and self._project.why_not:
                self._warn(f"answers are not taken from the cache: {self._project.why_not}")
        return found


def _insert(key: bytes, text: str, max_bytes: int, database: sqlite3.Connection) -> None:
    database.execute(
        "INSERT OR IGNORE INTO answers (key, response, checksum, size, used_at) VALUES (?, ?, ?, ?, ?)",
        (key, text, crc32(text.encode(), crc32(key)), len(text), time()),
    )
    (size,) = database.execute("SELECT total FROM size").fetchone()
    if size > max_bytes:
        _forget(database, size - max_bytes * 4 // 5)


def _forget(database: sqlite3.Connection, too_much: int) -> None:
    """The least recently used answers, until so many bytes are free."""
    gone = 0
    doomed: list[tuple[bytes]] = []
    for key, size in database.execute("SELECT key, size FROM answers ORDER BY used_at"):
        if gone >= too_much:
            break
        gone += size
        doomed.append((key,))
    database.executemany("DELETE FROM answers WHERE key = ?", doomed)


def _touch(key: bytes, database: sqlite3.Connection) -> None:
    with suppress(sqlite3.OperationalError):
        database.execute("UPDATE answers SET used_at = ? WHERE key = ?", (time(), key))
