"""What a journal knows of a run that is taken up again."""

from __future__ import annotations

import sqlite3
from collections import Counter, deque
from dataclasses import dataclass, field
from pathlib import Path
from time import time

from llm_orc.domain.usage import Spent, Usage
from llm_orc.errors import OrcError, UsageFailed
from llm_orc.run.database import damaged
from llm_orc.run.journal_checksums import checksum
from llm_orc.run.processes import has_ended, this_process

_LATEST = """
    SELECT runs.id, runs.status, attempts.number, attempts.process
    FROM runs JOIN attempts ON attempts.run = runs.id
    WHERE runs.run = ? ORDER BY attempts.number DESC LIMIT 1
"""
_CALLS = """
    SELECT agent, key, kind, status, response, checksum, input_tokens, output_tokens, cost_usd
    FROM calls WHERE run = ? ORDER BY id
"""
_ATTEMPT = "INSERT INTO attempts (run, number, started_at, status, process) VALUES (?, ?, ?, 'running', ?)"
_AGAIN = """
    UPDATE runs SET status = 'running', ended_at = NULL, output = NULL, output_checksum = NULL, error = NULL,
        input_tokens = NULL, output_tokens = NULL, cost_usd = NULL WHERE id = ?
"""
_CUT = "UPDATE attempts SET status = 'killed' WHERE run = ? AND status = 'running'"

_IDLE = """
    SELECT coalesce(sum(max(0.0, began.ts - before.ts)), 0.0) FROM events AS began
    JOIN events AS before ON before.run = began.run AND before.seq = began.seq - 1
    WHERE began.run = ? AND began.type = 'run_started'
"""

_SENT = """
    SELECT agent, total(type = 'model_called')
        - total(type = 'model_cancelled' AND json LIKE '%"sent":false%')
    FROM events WHERE run = ? AND type IN ('model_called', 'model_cancelled') GROUP BY agent
"""

Named = tuple[str, bytes]


@dataclass(slots=True, kw_only=True)
class Past:
    """`answers` and `works` are what was kept, as JSON, by agent and key, the oldest first. `brought_nothing`
    counts calls that were sent and not answered, by agent."""

    row: int = 0
    attempt: int = 1
    last_seq: int = 0
    spent: Spent = Spent()
    brought_nothing: Counter[str] = field(default_factory=Counter)
    answers: dict[Named, deque[str]] = field(default_factory=dict)
    works: dict[Named, deque[str]] = field(default_factory=dict)
    calls: list[tuple[str, bytes, bool]] = field(default_factory=list)


def between_attempts(database: sqlite3.Connection, row: int) -> float:
    """Seconds in which no process worked at a run: from the last event of each attempt to the next attempt.
    When a process was killed nobody saw."""
    (idle,) = database.execute(_IDLE, (row,)).fetchone()
    return float(idle)


def taken_up(database: sqlite3.Connection, run_id: str, path: Path) -> Past | OrcError:
    """Begin another attempt at a run, in a transaction; what is in its way is returned.

    Raises `JournalFailed` where what was kept cannot be trusted.
    """
    row, status, number, process = database.execute(_LATEST, (run_id,)).fetchone()
    if status == "running" and not has_ended(process):
        return UsageFailed(
            f"run {run_id} is still running (process {process.split()[1]})", hint="end it first, or wait"
        )
    past = Past(row=row, attempt=number + 1)
    usage, cost = Usage(), 0.0
    answered_of: Counter[str] = Counter()
    sent_of: Counter[str] = Counter()
    for agent, key, kind, ended, response, check, read, written, usd in database.execute(_CALLS, (row,)):
        if checksum(agent, key, response) != check:
            raise damaged(path)
        if kind != "model":
            past.works.setdefault((agent, key), deque()).append(response)
            continue
        answered = ended in ("answered", "cached")
        past.calls.append((agent, key, answered))
        sent_of[agent] += ended != "cached"
        answered_of[agent] += ended == "answered"
        usage += Usage(input_tokens=read, output_tokens=written)
        cost += usd or 0.0
        if answered:
            past.answers.setdefault((agent, key), deque()).append(response)
    # What was under way when a process was killed has no end.
    for agent, sent in database.execute(_SENT, (row,)):
        sent_of[agent] = max(sent_of[agent], int(sent))
    past.brought_nothing = sent_of - answered_of
    past.spent = Spent(usage=usage, cost_usd=cost, calls=sent_of.total())
    (last,) = database.execute("SELECT max(seq) FROM events WHERE run = ?", (row,)).fetchone()
    past.last_seq = last or 0
    now = time()
    database.execute(_CUT, (row,))
    database.execute(_ATTEMPT, (row, past.attempt, now, this_process()))
    database.execute(_AGAIN, (row,))
    # They are counted anew: all that was done is told again.
    database.execute("DELETE FROM agents WHERE run = ?", (row,))
    return past
