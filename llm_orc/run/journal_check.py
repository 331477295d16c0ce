"""Whether a journal, or a cache, is in order; nothing in it is changed."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from urllib.parse import quote

from llm_orc.run.database import JOURNAL, Kind, damaged, failed, said_clearly
from llm_orc.run.journal_checksums import GIVEN, checksum, checksum_of

_LOCK_SECONDS = 1.0
_VERSION_WITH_RUNS = 2
_VERSION_WITH_CHECKSUMS = 4
_CHECKSUMS: tuple[tuple[str, Callable[..., int]], ...] = (
    ("SELECT checksum, agent, key, response FROM calls", checksum),
    (f"SELECT checksum, {', '.join(GIVEN)} FROM runs", checksum_of),
    ("SELECT output_checksum, output FROM runs", checksum_of),
    ("SELECT checksum, json FROM requests", checksum_of),
    ("SELECT checksum, json FROM events", checksum_of),
)
_UNASKED = """
    SELECT 1 FROM calls LEFT JOIN requests ON requests.run = calls.run AND requests.key = calls.key
    WHERE calls.kind = 'model' AND requests.id IS NULL LIMIT 1
"""
"""A call whose request is gone."""

_ROWS = 1_000
"""Rows between two looks at the clock."""
_STEPS = 10_000
"""Instructions of SQLite's machine between two looks at the clock: some milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FileState:
    """What was seen of a file that can be read.

    `bytes` includes what is not yet in the main file. `whole` says that all of it was looked at, `locked`
    that another process was writing all the time. `last_start` is when the newest run began, in Unix time.
    """

    bytes: int
    version: int
    newest_version: int
    runs: int
    last_start: float | None
    whole: bool
    locked: bool


def look_at(path: Path, seconds: float, kind: Kind = JOURNAL) -> FileState:
    """The state of the file at `path`, looked at for so long. Raises `JournalFailed`."""
    if not path.is_file():
        raise failed(path, "it is not a file", "move it away; ", kind)
    with said_clearly(path, kind):
        # `rw` makes no file where there is none.
        address = f"file:{quote(str(path.absolute()))}?mode=rw"
        database = sqlite3.connect(address, uri=True, timeout=_LOCK_SECONDS, isolation_level=None)
        with closing(database):
            (version,) = database.execute("PRAGMA user_version").fetchone()
            if version > len(kind.migrations):
                raise failed(path, "it was written by a newer llm-orc", "upgrade llm-orc, or ", kind)
            until = monotonic() + seconds
            whole = _is_intact(database, path, until, kind)
            if kind is JOURNAL and version >= _VERSION_WITH_CHECKSUMS:
                whole = whole and _is_what_was_written(database, path, until)
            runs, last_start = 0, None
            if kind is JOURNAL and version >= _VERSION_WITH_RUNS:
                runs, last_start = database.execute("SELECT count(*), max(started_at) FROM runs").fetchone()
            return FileState(
                bytes=sum(file.stat().st_size for file in files_of(path)),
                version=version, newest_version=len(kind.migrations), runs=runs, last_start=last_start,
                whole=whole, locked=_is_locked(database),
            )  # fmt: skip


def files_of(path: Path) -> list[Path]:
    """The journal and the files that SQLite keeps beside it, as far as they are there."""
    every = (path, *(path.with_name(f"{path.name}{end}") for end in ("-wal", "-shm")))
    return [file for file in every if file.is_file()]


def _is_what_was_written(database: sqlite3.Connection, path: Path, until: float) -> bool:
    """The same for what SQLite cannot know: texts by their checksums."""
    if database.execute(_UNASKED).fetchone() is not None:
        raise damaged(path)
    for query, check in _CHECKSUMS:
        for number, (kept, *given) in enumerate(database.execute(query)):
            if kept is not None and kept != check(*given):
                raise damaged(path)
            if number % _ROWS == 0 and monotonic() > until:
                return False
    return True


def _is_intact(database: sqlite3.Connection, path: Path, until: float, kind: Kind) -> bool:
    """False when the time was too short to say. Raises `JournalFailed` for a damaged file."""
    database.set_progress_handler(lambda: monotonic() > until, _STEPS)
    try:
        found = database.execute("PRAGMA quick_check(1)").fetchall()
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
            raise
        return False
    finally:
        database.set_progress_handler(None, 0)
    if found != [("ok",)]:
        raise damaged(path, kind)
    return True


def _is_locked(database: sqlite3.Connection) -> bool:
    try:
        database.execute("BEGIN IMMEDIATE")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return True
    database.execute("ROLLBACK")
    return False
