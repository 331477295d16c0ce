"""Files of SQLite with a write-ahead log and versions of their schema: the journal, the cache."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep

from llm_orc.errors import JournalFailed
from llm_orc.run.journal_schema import CACHE_MIGRATIONS, MIGRATIONS

BUSY_SECONDS = 10.0
"""How long to wait for another process that is writing."""


@dataclass(frozen=True, slots=True)
class Kind:
    """What a file is, how a user keeps it elsewhere, and what makes version n of version n - 1."""

    title: str
    elsewhere: str
    migrations: tuple[str, ...]


JOURNAL = Kind("the journal of runs", "--runs PATH keeps the journal elsewhere", MIGRATIONS)
CACHE = Kind("the cache of answers", "it may be deleted", CACHE_MIGRATIONS)

_REASONS = {
    "SQLITE_FULL": ("the disk is full", "make room, or "),
    "SQLITE_BUSY": ("another process keeps it locked", "wait for it or end it, or "),
    "SQLITE_LOCKED": ("another process keeps it locked", "wait for it or end it, or "),
    "SQLITE_CORRUPT": ("it is damaged", "move it away; "),
    "SQLITE_NOTADB": ("it is no file of SQLite", "move it away; "),
    "SQLITE_READONLY": ("it cannot be written to", "change its permissions; "),
    "SQLITE_PERM": ("it cannot be written to", "change its permissions; "),
    "SQLITE_CANTOPEN": ("it cannot be opened", "check the path and its permissions; "),
    "SQLITE_IOERR": ("reading or writing failed", "is the disk full or broken? "),
}


def connect(path: Path, kind: Kind = JOURNAL) -> sqlite3.Connection:
    """Open the file at `path` for writing; make it, readable by its owner alone, where there is none.

    Raises `JournalFailed`.
    """
    with said_clearly(path, kind):
        path.parent.mkdir(parents=True, exist_ok=True)
        os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))
        database = _opened(path)
        try:
            _use_wal(database)
            _migrate(database, path, kind)
        except BaseException:
            database.close()
            raise
        return database


@contextmanager
def reading(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection to a journal that is there. Raises `JournalFailed`, also for errors in the block."""
    with said_clearly(path):
        database = open_for_reading(path)
        try:
            yield database
        except IndexError as error:  # a column whose name is damaged
            raise damaged(path) from error
        finally:
            database.close()


def open_for_reading(path: Path, kind: Kind = JOURNAL) -> sqlite3.Connection:
    """A connection to a file that is there. Raises `JournalFailed`."""
    with said_clearly(path, kind):
        database = _opened(path)
        try:
            _migrate(database, path, kind)
        except BaseException:
            database.close()
            raise
        return database


@contextmanager
def said_clearly(path: Path, kind: Kind = JOURNAL) -> Iterator[None]:
    """What SQLite and the system say about the file becomes `JournalFailed`."""
    try:
        yield
    except sqlite3.Error as error:
        # Extended codes: SQLITE_IOERR_WRITE begins with SQLITE_IOERR.
        name = getattr(error, "sqlite_errorname", "")
        found = (_REASONS[code] for code in _REASONS if name.startswith(code))
        what, hint = next(found, (str(error), ""))
        if str(error).startswith("Could not decode"):
            # It goes on with the text, which nobody else is to read.
            raise damaged(path, kind) from error
        raise failed(path, what, hint, kind) from error
    except UnicodeDecodeError as error:  # a name or a message of SQLite's with damaged text in it
        raise damaged(path, kind) from error
    except OSError as error:
        raise failed(path, error.strerror or str(error), "", kind) from error


def failed(path: Path, what: str, hint: str, kind: Kind = JOURNAL) -> JournalFailed:
    """The error that says what is wrong with the file; `hint` goes before how to keep it elsewhere."""
    return JournalFailed(f"{kind.title} {path}: {what}", hint=hint + kind.elsewhere)


def damaged(path: Path, kind: Kind = JOURNAL) -> JournalFailed:
    """The error for what cannot be what was written."""
    return failed(path, *_REASONS["SQLITE_CORRUPT"], kind)


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


def _migrate(database: sqlite3.Connection, path: Path, kind: Kind) -> None:
    newest = len(kind.migrations)
    if _version(database, path, kind) == newest:
        return
    database.execute("BEGIN IMMEDIATE")
    with database:
        (tables,) = database.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if tables and not _version(database, path, kind):
            raise failed(path, "it is another program's file", "name another one; ", kind)
        # Another process may have done it meanwhile.
        for statements in kind.migrations[_version(database, path, kind) :]:
            for statement in filter(str.strip, statements.split(";\n")):
                database.execute(statement)
        database.execute(f"PRAGMA user_version = {newest}")


def _version(database: sqlite3.Connection, path: Path, kind: Kind) -> int:
    (version,) = database.execute("PRAGMA user_version").fetchone()
    if version > len(kind.migrations):
        raise failed(path, "it was written by a newer llm-orc", "upgrade llm-orc, or ", kind)
    return int(version)
