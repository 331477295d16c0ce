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

# A program may have its models chosen by what was learned, and record no runs.
_KNOWN = """
    SELECT run, started_at AS ts FROM runs
    UNION ALL SELECT run, max(ts) FROM served WHERE run NOT IN (SELECT run FROM runs) GROUP BY run
"""
_AGENTS = "SELECT agent FROM agents JOIN runs ON runs.id = agents.run WHERE runs.run = ? ORDER BY first_seq"
_SCORE = """
    INSERT INTO scores (run, agent, score, source, ts) SELECT id, ?, ?, ?, ? FROM runs WHERE run = ?
"""


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
        """Keep what a run, or one agent's part in it, was worth; the agents whose models it teaches about.

        `run` may be the beginning of an id, or `last`. Raises `NotFound` and `JournalFailed`.
        """
        with self._open() as database, database:
            found = self._run(database, run)
            rows = database.execute(
                "SELECT agent, model, task FROM served WHERE run = ?", (found,)
            ).fetchall()
            known = dict.fromkeys(row[0] for row in rows) | dict.fromkeys(
                name for (name,) in database.execute(_AGENTS, (found,))
            )
            if agent is not None and agent not in known:
                hint = f"its agents: {', '.join(known)}"
                raise NotFound(f"run {found} has no agent {agent!r}", hint=hint)
            database.execute(_SCORE, (agent, score, source, time(), found))
        chosen = [row for row in rows if agent in (None, row[0])]
        self.learned(
            found,
            [Evidence(model=model, task=task, source=source, score=score) for _, model, task in chosen],
            [],
        )
        return [row[0] for row in chosen]

    def _run(self, database: sqlite3.Connection, run: str) -> str:
        if run == "last":
            rows = database.execute(f"{_KNOWN} ORDER BY ts DESC LIMIT 1").fetchall()
        else:
            escaped = run.replace("%", r"\%").replace("_", r"\_")
            rows = database.execute(
                rf"SELECT DISTINCT run FROM ({_KNOWN}) WHERE run LIKE ? ESCAPE '\' LIMIT 2", (f"{escaped}%",)
            ).fetchall()
        if len(rows) != 1:
            what = "more than one run begins" if rows else "no run begins"
            raise NotFound(f"{what} with {run!r} in {self.path}", hint="'last' is the last run")
        return str(rows[0][0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with said_clearly(self.path), closing(connect(self.path)) as database:
            yield database
