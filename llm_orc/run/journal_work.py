"""When the agents of a recorded run were at work, by its events. The page reckons the same (stretches.js)."""

from __future__ import annotations

import sqlite3
from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import inf
from typing import Any

_EVENTS = """
    SELECT seq, ts, type, agent, CASE type WHEN 'agent_finished' THEN json END AS json, checksum
    FROM events WHERE run = ? AND type IN ('run_started', 'agent_started', 'agent_finished') ORDER BY seq
"""
_ASKED = """
    SELECT agent, attempt, count(*) AS calls, min(CASE status WHEN 'answered' THEN started_at END) AS fresh
    FROM calls
    WHERE run = ? AND kind = 'model' AND status <> 'cached' GROUP BY agent, attempt
"""

_ENDS = "SELECT total(succeeded + failed + skipped) FROM agents WHERE run = ?"
_ROWS = """
    SELECT agent, started_at, ended_at, calls, started > succeeded + failed + skipped
    FROM agents WHERE run = ?
"""
TICK = 0.005
"""Seconds by which the clock of events may be behind."""
MANY = 5_000
"""Ends of agents that are gone through: of a run with more only the first and last moments are told."""

Parse = Callable[[str, int | None], Mapping[str, Any]]
"""Reads a line, and checks it."""


@dataclass(slots=True)
class Worked:
    """An agent's part of a run. `stretches` are from when it was begun to when it ended, on the clock of the
    run, which stands still between attempts; what ran at the same time is one stretch. `seconds` is the sum.
    `calls` are those of models, failed ones too and cached ones not, also of agents within it."""

    began: float | None = None
    stretches: list[tuple[float, float | None]] = field(default_factory=list)
    seconds: float = 0.0
    cached: int = 0
    calls: int = 0
    open: int = 0
    at_once: int = 0
    past: list[float] = field(default_factory=list)
    went: list[float] = field(default_factory=list)

    def begin(self, actual: float, clock: float) -> None:
        if self.began is None:
            self.began = actual
        if not self.open:
            self.stretches.append((clock, None))
            self.at_once = 0
        self.open += 1
        self.at_once += 1

    def end(self, clock: float, seconds: float | None) -> None:
        """`seconds` is what the outcome says: events have a coarser clock. Older outcomes count waiting."""
        self.open -= 1
        if self.open:
            return
        began = self.stretches[-1][0]
        self.stretches[-1] = (began, clock)
        if seconds is None or self.at_once > 1 or seconds >= clock - began + TICK:
            seconds = clock - began
        self.seconds += seconds

    def drop(self) -> None:
        """Forget the stretch that is open."""
        self.open = 0
        self.stretches.pop()

    def again(self, clock: float) -> None:
        """Another attempt begins: what was under way ended with the one before, at its last event."""
        if self.open:
            self.open = 1
            self.end(clock, None)
        self.past, self.went = max(self.past, self.went, key=len), []
        self.cached = 0


def work_of(database: sqlite3.Connection, run: int, parse: Parse) -> dict[str, Worked]:
    """By agent."""
    if database.execute(_ENDS, (run,)).fetchone()[0] > MANY:
        return {agent: _from_first_to_last(*row) for agent, *row in database.execute(_ROWS, (run,))}
    found: dict[str, Worked] = defaultdict(Worked)
    fresh: dict[tuple[str, int], float] = {}
    for agent, attempt, calls, first in database.execute(_ASKED, (run,)):
        fresh[agent, attempt] = inf if first is None else first
        for name in _with_those_around(agent):
            found[name].calls += calls
    shift, attempt = 0.0, 0
    for seq, ts, kind, agent, text, check in database.execute(_EVENTS, (run,)):
        if kind == "run_started":
            attempt += 1
            shift = _again(database, run, seq, ts, shift, found)
        elif kind == "agent_started":
            found[agent].begin(ts, ts - shift)
        elif "parent" not in (line := parse(text, check)):
            # Else it never began: this event begins its piece of work too.
            _ended(found[agent], line["outcome"], ts - shift, fresh.get((agent, attempt), inf) < ts)
    return found


def _from_first_to_last(began: float | None, ended: float | None, calls: int, is_open: int) -> Worked:
    worked = Worked(began=began, calls=calls, open=is_open)
    if began is not None:
        worked.stretches.append((began, None if is_open else ended))
        worked.seconds = max(0.0, (ended or began) - began)
    return worked


def _ended(worked: Worked, outcome: Mapping[str, Any], clock: float, has_asked: bool) -> None:
    worked.cached += outcome["status"] == "cached"
    if not worked.open:
        return
    took, well = outcome["duration_s"], outcome["status"] in ("succeeded", "cached") and not outcome["error"]
    # In a further attempt: what an agent did before, as often as it did, is read, which takes less.
    before = worked.past[len(worked.went)] if len(worked.went) < len(worked.past) else 0.0
    if well and not has_asked and took < before and worked.open == worked.at_once == 1:
        worked.drop()
        took = before
    else:
        worked.end(clock, took)
    if well:
        worked.went.append(took)


def _again(
    database: sqlite3.Connection, run: int, seq: int, ts: float, shift: float, found: Mapping[str, Worked]
) -> float:
    """By how much the clock of an attempt is behind."""
    row = database.execute("SELECT ts FROM events WHERE run = ? AND seq = ?", (run, seq - 1)).fetchone()
    before: float = ts if row is None else row[0]
    for worked in found.values():
        worked.again(before - shift)
    return shift + max(0.0, ts - before)


def _with_those_around(agent: str) -> list[str]:
    parts = agent.split("/")
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]
