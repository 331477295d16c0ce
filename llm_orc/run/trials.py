"""What the journal knows of wordings and of what runs were worth."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator

from llm_orc.domain.trial import Trial

_LAST = "SELECT score FROM scores WHERE scores.run = {run} AND scores.agent {agent} ORDER BY id DESC LIMIT 1"
_TRIALS = f"""
    SELECT runs.run AS run_id, runs.started_at AS started_at, runs.error AS ended_by, variants.agent AS agent,
        variant, wording, succeeded, failed, started, agents.skipped AS skipped, agents.error AS error,
        coalesce(({_LAST.format(run="runs.id", agent="= variants.agent")}),
            ({_LAST.format(run="runs.id", agent="IS NULL")})) AS score
    FROM variants JOIN runs ON runs.id = variants.run
    LEFT JOIN agents ON agents.run = variants.run AND agents.agent = variants.agent
    WHERE runs.ensemble = ?1 AND (?2 IS NULL OR runs.started_at >= ?2)
    ORDER BY runs.started_at, runs.id, agents.first_seq
"""
_SCORES = f"""
    SELECT runs.run AS run_id, coalesce(({_LAST.format(run="runs.id", agent="IS NULL")}), (
        SELECT min(score) FROM scores WHERE id IN (
            SELECT max(id) FROM scores WHERE run = runs.id AND agent IS NOT NULL GROUP BY agent
        )
    )) AS score
    FROM runs WHERE runs.id IN (SELECT run FROM scores)
"""


def trials_in(database: sqlite3.Connection, ensemble: str, since: float | None) -> Iterator[Trial]:
    """Those of one ensemble, the oldest first; `since` is Unix time."""
    for row in database.execute(_TRIALS, (ensemble, since)):
        yield Trial(
            run_id=row["run_id"],
            agent=row["agent"],
            variant=row["variant"],
            wording=row["wording"],
            started_at=row["started_at"],
            score=row["score"],
            succeeded=_succeeded(row),
        )


def scores_in(database: sqlite3.Connection) -> dict[str, float]:
    """What each run was worth by the last feedback: for the whole of it, else the least of its agents'."""
    return {row["run_id"]: row["score"] for row in database.execute(_SCORES)}


def _succeeded(row: sqlite3.Row) -> bool | None:
    """A default in the place of an answer is a failure too."""
    if row["succeeded"] is None or row["succeeded"] + row["failed"] + row["skipped"] < row["started"]:
        return None
    if row["error"] is None:
        return bool(row["succeeded"])
    cut_short = row["ended_by"] is not None and _kind(row["error"]) == _kind(row["ended_by"])
    return None if cut_short else False


def _kind(error: str) -> str:
    return str(json.loads(error)["kind"])
