"""Rows of a journal as what they are of: runs, agents, calls, events."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

from llm_orc.domain.cause import Cause
from llm_orc.domain.json import JsonObject
from llm_orc.domain.recorded import RecordedAgent, RecordedRun
from llm_orc.domain.text import moment
from llm_orc.domain.usage import Usage
from llm_orc.run.database import damaged
from llm_orc.run.journal_checksums import GIVEN, checksum, checksum_of
from llm_orc.run.journal_past import between_attempts
from llm_orc.run.journal_work import Worked
from llm_orc.run.processes import has_ended

CALLS = """
    SELECT calls.*, requests.id AS asked, requests.json AS request, requests.checksum AS request_checksum
    FROM calls
    LEFT JOIN requests ON requests.run = calls.run AND requests.key = calls.key
"""
"""What `Recorded.call` reads."""

_SPENT = """
    SELECT coalesce(sum(input_tokens), 0) AS input_tokens,
        coalesce(sum(output_tokens), 0) AS output_tokens,
        CASE WHEN count(cost_usd) = sum(status IN ('answered', 'cached')) OR count(*) = 0
            THEN coalesce(sum(cost_usd), 0.0) END AS cost_usd
    FROM calls WHERE run = ? AND kind = 'model'
"""


class Recorded:
    """Of the journal at `path`. Raises `JournalFailed` where a row is not what was written."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def run(self, database: sqlite3.Connection, row: sqlite3.Row) -> RecordedRun:
        self.check(row["checksum"], *(row[name] for name in GIVEN))
        self.check(row["output_checksum"], row["output"])
        # A result is that of one attempt: where there is none, or were several, calls say what was spent.
        counted = row
        if row["input_tokens"] is None or row["attempts"] > 1:
            counted = database.execute(_SPENT, (row["id"],)).fetchone()
        (calls,) = database.execute(
            "SELECT count(*) FROM calls WHERE run = ? AND kind = 'model' AND status <> 'cached'", (row["id"],)
        ).fetchone()
        return RecordedRun(
            run_id=row["run"],
            ensemble=row["ensemble"],
            status=status_of(row),
            started_at=row["started_at"],
            ended_at=row["ended_at"],
            idle_s=between_attempts(database, row["id"]) if row["attempts"] > 1 else 0.0,
            usage=_usage(counted),
            cost_usd=counted["cost_usd"],
            calls=calls,
            attempts=row["attempts"],
            source=row["source"],
            text=row["text"],
            parts=self.parsed(row["parts"]) or {},
            hash=row["hash"],
            inputs=self.parsed(row["inputs"]),
            settings=self.parsed(row["settings"]),
            output=self.parsed(row["output"]),
            error=self.error(row["error"]),
            trace_id=row["trace_id"],
            process=row["process"],
        )

    def agent(self, row: sqlite3.Row, worked: Worked) -> RecordedAgent:
        ended = row["succeeded"] + row["failed"] + row["skipped"]
        status = "failed" if row["failed"] else "succeeded" if row["succeeded"] else "skipped"
        if status == "succeeded" and worked.cached == row["succeeded"]:
            status = "cached"
        return RecordedAgent(
            agent=row["agent"],
            status=status if ended >= row["started"] else "unfinished",
            executions=max(ended, row["started"]),
            model=row["model"],
            strategy=row["strategy"],
            variant=row["variant"],
            calls=worked.calls,
            samples=row["samples"],
            usage=_usage(row),
            cost_usd=row["cost_usd"],
            started_at=worked.began if worked.stretches else row["started_at"],
            duration_s=None if worked.open else worked.seconds,
            stretches=tuple(worked.stretches),
            error=self.error(row["error"]),
        )

    def call(self, row: sqlite3.Row) -> JsonObject:
        if row["asked"] is None or checksum(row["agent"], row["key"], row["response"]) != row["checksum"]:
            raise damaged(self.path)
        self.check(row["request_checksum"], row["request"])
        same = ("agent", "number", "occurrence", "attempt", "model", "status")
        return {
            **{name: row[name] for name in same},
            "key": row["key"].hex(),
            "request": self.parsed(row["request"]),
            "response": self.parsed(row["response"]),
            "usage": {"input_tokens": row["input_tokens"], "output_tokens": row["output_tokens"]},
            "cost_usd": row["cost_usd"],
            "started_at": moment(row["started_at"]),
            "duration_s": round(row["duration_s"], 6),
            "error": self.parsed(row["error"]),
        }

    def error(self, text: str | None) -> Cause | None:
        if text is None:
            return None
        error = self.parsed(text)
        return Cause(kind=error["kind"], message=error["message"] or "", hint=error["hint"] or "")

    def check(self, kept: int | None, *texts: str | None) -> None:
        """Raises `JournalFailed` for what is not what was written; older rows have no checksum."""
        if kept is not None and kept != checksum_of(*texts):
            raise damaged(self.path)

    def line(self, text: str, check: int | None) -> Any:  # noqa: ANN401
        self.check(check, text)
        return self.parsed(text)

    def parsed(self, text: str | None) -> Any:  # noqa: ANN401 - JSON that the journal wrote
        try:
            return None if text is None else json.loads(text)
        except ValueError as error:
            raise damaged(self.path) from error


def status_of(row: sqlite3.Row) -> str:
    status: str = row["status"]
    return "killed" if status == "running" and has_ended(row["process"]) else status


def _usage(row: sqlite3.Row) -> Usage:
    return Usage(input_tokens=row["input_tokens"], output_tokens=row["output_tokens"])
