"""The journal of one optimization: answers that were paid for, so that the same command pays none twice."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Self

from llm_orc.domain.call_json import completion_json, completion_of
from llm_orc.domain.completion import Completion
from llm_orc.errors import JournalFailed, OrcError, UsageFailed

_TABLE = """
CREATE TABLE IF NOT EXISTS calls (
    key BLOB PRIMARY KEY,
    completion TEXT NOT NULL,
    usd REAL,
    seconds REAL NOT NULL
) WITHOUT ROWID
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a call came to. `usd` is None when the price is unknown."""

    completion: Completion
    usd: float | None
    seconds: float


class Calls:
    """The answers of earlier runs of the same command, by key. Raises `JournalFailed`, and `UsageFailed`
    where another process has them.

    A call is on its way to the disk before its answer is used: it survives the process, and a power cut
    costs the last moments.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(
                ":memory:" if path is None else path, timeout=0, check_same_thread=False
            )
            self._database.isolation_level = None
            # Two searches that write into one journal would both pay for what neither has yet.
            self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute("PRAGMA synchronous=NORMAL")
            self._database.execute(_TABLE)
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def find(self, key: bytes) -> Answer | None:
        try:
            row = self._database.execute(
                "SELECT completion, usd, seconds FROM calls WHERE key = ?", (key,)
            ).fetchone()
            if row is None:
                return None
            return Answer(completion=completion_of(json.loads(row[0])), usd=row[1], seconds=row[2])
        except (sqlite3.Error, LookupError, TypeError, ValueError) as error:
            raise self._failed(error) from error

    def keep(self, key: bytes, answer: Answer) -> None:
        text = json.dumps(completion_json(answer.completion), ensure_ascii=False)
        try:
            self._database.execute(
                "INSERT OR REPLACE INTO calls VALUES (?, ?, ?, ?)", (key, text, answer.usd, answer.seconds)
            )
        except sqlite3.Error as error:
            raise self._failed(error) from error

    def __len__(self) -> int:
        """How many answers there are."""
        count: int = self._database.execute("SELECT count(*) FROM calls").fetchone()[0]
        return count

    def _failed(self, error: Exception) -> OrcError:
        if getattr(error, "sqlite_errorname", "").startswith("SQLITE_BUSY"):
            return UsageFailed(
                "the same search is under way in another process",
                hint="wait until it ends; the same command then pays for nothing twice",
            )
        return JournalFailed(
            f"cannot use {self._path}: {error}", hint="is the disk full or the file damaged? move it away"
        )
