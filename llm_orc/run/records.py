"""What the router learns from runs, in the file of the journal."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from time import time

from llm_orc.domain.evidence import Evidence, Served, Source
from llm_orc.errors import NotFound
from llm_orc.run.database import connect, said_clearly

REMEMBERED = 400
"""Pieces of evidence per model and task that are read: forgetting leaves nothing of older ones."""


class Records:
    """The records at `path`; the file is made when something is first written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def evidence(self) -> Iterator[Evidence]:
        """All that is still remembered, oldest first. Raises `JournalFailed`."""
        if not self.path.exists():
            return
        with self._open() as database:
            rows = database.execute(
                "SELECT model, task, source, score, token_ratio, seconds_per_token FROM ("
                " SELECT *, row_number() OVER (PARTITION BY model, task ORDER BY id DESC) AS age"
                " FROM evidence"
                ") WHERE age <= ? ORDER BY id",
                (REMEMBERED,),
            ).fetchall()
        for model, task, source, score, ratio, speed in rows:
            yield Evidence(
                model=model, task=task, source=source, score=score, token_ratio=ratio, seconds_per_token=speed
            )

    def learned(self, run: str, evidence: Sequence[Evidence], served: Sequence[Served]) -> None:
        """Keep what a run taught and which model served which agent. Raises `JournalFailed`."""
        with self._open() as database, database:
            database.executemany(
                "INSERT INTO evidence (ts, model, task, source, score, token_ratio, seconds_per_token)"
                " VALUES (?, ?, ?, ?, ?, ?, ?)",
                [
                    (time(), e.model, e.task, e.source, e.score, e.token_ratio, e.seconds_per_token)
                    for e in evidence
                ],
            )
            database.executemany(
                "INSERT OR REPLACE INTO served VALUES (?, ?, ?, ?, ?)",
                [(run, s.agent, s.model, s.task, time()) for s in served],
            )

    def score(self, run: str, agent: str | None, score: float, source: Source = "feedback") -> list[str]:
        """Keep what a run, or one agent's part in it, was worth; the agents that it counts for.

        `run` may be the beginning of an id, or `last`. Raises `NotFound` and `JournalFailed`.
        """
        with self._open() as database:
            found = self._run(database, run)
            rows = database.execute(
                "SELECT agent, model, task FROM served WHERE run = ?", (found,)
            ).fetchall()
        chosen = [row for row in rows if agent in (None, row[0])]
        if not chosen:
            raise NotFound(
                f"run {found} has no agent {agent!r} that was routed",
                hint=f"its agents: {', '.join(row[0] for row in rows)}",
            )
        self.learned(
            found,
            [Evidence(model=model, task=task, source=source, score=score) for _, model, task in chosen],
            [],
        )
        return [row[0] for row in chosen]

    def _run(self, database: sqlite3.Connection, run: str) -> str:
        if run == "last":
            rows = database.execute("SELECT run FROM served ORDER BY ts DESC LIMIT 1").fetchall()
        else:
            escaped = run.replace("%", r"\%").replace("_", r"\_")
            rows = database.execute(
                r"SELECT DISTINCT run FROM served WHERE run LIKE ? ESCAPE '\' LIMIT 2", (f"{escaped}%",)
            ).fetchall()
        if len(rows) != 1:
            what = "more than one run begins" if rows else "there is no routed run whose id begins"
            raise NotFound(f"{what} with {run!r} in {self.path}", hint="'last' is the last run")
        return str(rows[0][0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with said_clearly(self.path), closing(connect(self.path)) as database:
            yield database
