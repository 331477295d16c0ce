"""The file that runs are recorded in: SQLite with a write-ahead log, and versions of its schema."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep

from llm_orc.errors import JournalFailed
from llm_orc.run.journal_schema import MIGRATIONS

BUSY_SECONDS = 10.0
"""How long to wait for another process that is writing."""

_ELSEWHERE = "--runs PATH keeps the journal elsewhere"
_REASONS = {
    "SQLITE_FULL": ("the disk is full", f"make room, or {_ELSEWHERE}"),
    "SQLITE_BUSY": ("another process keeps it locked", f"wait for it or end it, or {_ELSEWHERE}"),
    "SQLITE_LOCKED": ("another process keeps it locked", f"wait for it or end it, or {_ELSEWHERE}"),
    "SQLITE_CORRUPT": ("it is damaged", f"move it away; {_ELSEWHERE}"),
    "SQLITE_NOTADB": ("it is not a journal", f"move it away; {_ELSEWHERE}"),
    "SQLITE_READONLY": ("it cannot be written to", f"change its permissions; {_ELSEWHERE}"),
    "SQLITE_PERM": ("it cannot be written to", f"change its permissions; {_ELSEWHERE}"),
    "SQLITE_CANTOPEN": ("it cannot be opened", f"check the path and its permissions; {_ELSEWHERE}"),
    "SQLITE_IOERR": ("reading or writing failed", f"is the disk full or broken? {_ELSEWHERE}"),
}


def connect(path: Path) -> sqlite3.Connection:
    """Open the journal at `path` for writing; make it, readable by its owner alone, where there is none.

    Raises `JournalFailed`.
    """
    with said_clearly(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        database = _opened(path)
        try:
            _use_wal(database)
            _migrate(database, path)
        except BaseException:
            database.close()
            raise
        return database


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a journal that is there. Raises `JournalFailed`, also for errors in the block."""
    with said_clearly(path):
        database = _opened(path)
        try:
            _migrate(database, path)
            yield database
        except IndexError as error:  # a column whose name is damaged
            raise damaged(path) from error
        finally:
            database.close()


@contextmanager
def said_clearly(path: Path) -> Iterator[None]:
    """What SQLite and the system say about the file becomes `JournalFailed`."""
    try:
        yield
    except sqlite3.Error as error:
        # Extended codes: SQLITE_IOERR_WRITE begins with SQLITE_IOERR.
        name = getattr(error, "sqlite_errorname", "")
        found = (_REASONS[code] for code in _REASONS if name.startswith(code))
        what, hint = next(found, (str(error), _ELSEWHERE))
        raise failed(path, what, hint) from error
    except UnicodeDecodeError as error:  # a name or a message of SQLite's with damaged text in it
        raise damaged(path) from error
    except OSError as error:
        raise failed(path, error.strerror or str(error), _ELSEWHERE) from error


def failed(path: Path, what: str, hint: str) -> JournalFailed:
    """The error that says what is wrong with the journal at `path`."""
    return JournalFailed(f"the journal of runs {path}: {what}", hint=hint)


def damaged(path: Path) -> JournalFailed:
    """The error for what cannot be what was written."""
    return failed(path, *_REASONS["SQLITE_CORRUPT"])


def _opened(path: Path) -> sqlite3.Connection:
    """Transactions are begun and ended by those who need them. The thread may be another than that of use."""
    database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    database.execute("PRAGMA foreign_keys = ON")
    return database


def _use_wal(database: sqlite3.Connection) -> None:
    """SQLite does not wait for others who do the same to a new file; so this does."""
    until = monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or monotonic() > until:
                raise
            sleep(0.01)


def _migrate(database: sqlite3.Connection, path: Path) -> None:
    newest = len(MIGRATIONS)
    if _version(database, path) == newest:
        return
    database.execute("BEGIN IMMEDIATE")
    with database:
        # Another process may have done it meanwhile.
        for statements in MIGRATIONS[_version(database, path) :]:
            for statement in filter(str.strip, statements.split(";")):
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {newest}")


def _version(database: sqlite3.Connection, path: Path) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(MIGRATIONS):
        raise failed(path, "it was written by a newer llm-orc", f"upgrade llm-orc, or {_ELSEWHERE}")
    return int(version)
