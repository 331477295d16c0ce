"""What is told of a run as rows of its journal. All of this runs in the writer's thread."""

from __future__ import annotations

import json
import re
import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from time import time

from llm_orc.domain.call_json import completion_json, keyed
from llm_orc.domain.cause import Cause, cause_json
from llm_orc.domain.completion import Request
from llm_orc.domain.events import AgentFinished, AgentStarted, Event, ModelCalled, RunFinished, RunStarted
from llm_orc.domain.json import JsonValue
from llm_orc.domain.outcome import NO_USAGE, Answered, Failed, Outcome, Skipped
from llm_orc.domain.recorder import ModelCall, Work
from llm_orc.domain.usage import Usage
from llm_orc.domain.wire import event_json
from llm_orc.domain.wording_events import VariantChosen
from llm_orc.run.journal_checksums import checksum, checksum_of

_CONTENT = frozenset({
    "output", "text", "message", "hint", "detail", "evidence", "arguments", "content", "result",
})  # fmt: skip
"""Keys of events under which stands what models, scripts and users wrote."""

_BY_AGENT = frozenset({"agents", "depends_on", "assignments"})
"""Keys of objects whose own keys are names of agents, whatever these are called."""

_encoded = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
_HALF = re.compile(r"[\ud800-\udfff]")
_EVENT = "INSERT INTO events (run, seq, ts, type, agent, json, checksum) VALUES (?, ?, ?, ?, ?, ?, ?)"
_STARTED = """
    INSERT INTO agents (run, agent, first_seq, started, model, cost_usd, started_at)
    VALUES (?, ?, ?, 1, ?, 0.0, ?) ON CONFLICT DO UPDATE SET started = started + 1
"""
_FINISHED = """
    INSERT INTO agents (
        run, agent, first_seq, succeeded, failed, skipped, model, strategy, calls, samples, input_tokens,
        output_tokens, cost_usd, started_at, ended_at, error
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
    ON CONFLICT DO UPDATE SET
        succeeded = succeeded + excluded.succeeded, failed = failed + excluded.failed,
        skipped = skipped + excluded.skipped, model = coalesce(excluded.model, model),
        strategy = coalesce(excluded.strategy, strategy), calls = calls + excluded.calls,
        samples = samples + excluded.samples, input_tokens = input_tokens + excluded.input_tokens,
        output_tokens = output_tokens + excluded.output_tokens, cost_usd = cost_usd + excluded.cost_usd,
        started_at = coalesce(started_at, excluded.started_at), ended_at = excluded.ended_at,
        error = coalesce(excluded.error, error)
"""
_VARIANT = "INSERT OR REPLACE INTO variants (run, agent, variant, wording) VALUES (?, ?, ?, ?)"
_ENDED = """
    UPDATE runs SET status = ?, ended_at = ?, output = ?, output_checksum = ?, error = ?, input_tokens = ?,
        output_tokens = ?, cost_usd = ?, trace_id = ? WHERE id = ?
"""
_REQUEST = "INSERT OR IGNORE INTO requests (run, key, model, json, checksum) VALUES (?, ?, ?, ?, ?)"
_CALL = """
    INSERT INTO calls (
        run, agent, kind, number, key, occurrence, attempt, model, status, response, checksum, error,
        input_tokens, output_tokens, cost_usd, started_at, duration_s
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
"""


class Rows:
    """Writes one run. `row` is the run's in the table, `attempt` counts the processes that worked at it."""

    def __init__(self, row: int, attempt: int, *, keep_content: bool) -> None:
        self._row = row
        self._attempt = attempt
        self._keep = keep_content
        self._numbers: Counter[str] = Counter()
        self._occurrences: Counter[tuple[str, bytes]] = Counter()
        self._under_way: dict[int, tuple[Request, bytes]] = {}

    def go_on(self, calls: Iterable[tuple[str, bytes, bool]]) -> None:
        """Count on from the calls that are there: agent, key, and whether it was answered."""
        for agent, key, answered in calls:
            self._numbers[agent] += 1
            self._occurrences[agent, key] += answered

    def event(self, database: sqlite3.Connection, event: Event) -> None:
        """Keep an event, and what it says about its agent or the run's end."""
        line = event_json(event)
        if not self._keep:
            line = {key: _without_content(key, value) for key, value in line.items()}
        what = event.what
        agent = getattr(what, "agent", None)
        text = to_text(line)
        database.execute(_EVENT, (self._row, event.seq, event.ts, what.type, agent, text, checksum_of(text)))
        if isinstance(what, RunStarted) and self._attempt == 1:
            # It was made known a moment before: everywhere it took as long as its events say.
            database.execute("UPDATE runs SET started_at = ? WHERE id = ?", (event.ts, self._row))
        elif isinstance(what, AgentStarted):
            database.execute(_STARTED, (self._row, agent, event.seq, what.model, event.ts))
        elif isinstance(what, ModelCalled) and what.request is not None:
            # While the model works: nobody waits then.
            self._under_way[id(what.request)] = what.request, self._request(database, what.request)
        elif isinstance(what, AgentFinished):
            database.execute(
                _FINISHED, (self._row, agent, event.seq, *self._finished(what.outcome, event.ts))
            )
        elif isinstance(what, VariantChosen):
            database.execute(_VARIANT, (self._row, agent, what.variant, what.wording))
        elif isinstance(what, RunFinished):
            self._run_finished(database, what, event.ts)

    def call(self, database: sqlite3.Connection, call: ModelCall) -> None:
        """Keep a call of a model: its request once, its answer or error each time."""
        model = call.request.model.name
        known = self._under_way.pop(id(call.request), None)
        key = self._request(database, call.request) if known is None else known[1]
        self._numbers[call.agent] += 1
        number = self._numbers[call.agent]
        occurrence, usage, response = 0, NO_USAGE, None
        status = "cancelled" if call.error is None else "failed"
        if call.completion is not None:
            occurrence = self._occurrences[call.agent, key]
            self._occurrences[call.agent, key] += 1
            usage, status = call.completion.usage, "cached" if call.cached else "answered"
            response = to_text(completion_json(call.completion)) if self._keep else None
        database.execute(_CALL, (
            self._row, call.agent, "model", number, key, occurrence, self._attempt, model, status, response,
            checksum(call.agent, key, response), self._error(call.error), usage.input_tokens,
            usage.output_tokens, call.cost_usd, call.started_at, call.duration_s,
        ))  # fmt: skip

    def _request(self, database: sqlite3.Connection, request: Request) -> bytes:
        """Keep what is asked of a model, once; its key."""
        key, asked = keyed(request)
        text = _storable(asked) if self._keep else None
        database.execute(_REQUEST, (self._row, key, request.model.name, text, checksum_of(text)))
        return key

    def work(self, database: sqlite3.Connection, work: Work) -> None:
        """Keep what a script or a tool made, or which model an agent was given."""
        occurrence = self._occurrences[work.agent, work.key]
        self._occurrences[work.agent, work.key] += 1
        response = to_text(work.output) if self._keep else None
        database.execute(_CALL, (
            self._row, work.agent, work.kind, 0, work.key, occurrence, self._attempt, "", "answered",
            response, checksum(work.agent, work.key, response), None, 0, 0, None, time(), 0.0,
        ))  # fmt: skip

    def _finished(self, outcome: Outcome, ts: float) -> Sequence[object]:
        effort = None if isinstance(outcome, Skipped) else outcome.effort
        error = outcome.replaced if isinstance(outcome, Answered) else outcome.cause
        usage = effort.usage if effort else Usage()
        return (
            isinstance(outcome, Answered), isinstance(outcome, Failed), isinstance(outcome, Skipped),
            effort.model if effort else None, effort.strategy if effort else None,
            effort.attempts if effort else 0, effort.samples if effort else 0,
            usage.input_tokens, usage.output_tokens, effort.cost_usd if effort else 0.0,
            effort.started_at if effort else None, ts, self._error(error),
        )  # fmt: skip

    def _run_finished(self, database: sqlite3.Connection, what: RunFinished, ts: float) -> None:
        result, usage = what.result, what.result.usage
        output = to_text(result.output) if self._keep else None
        database.execute(_ENDED, (
            result.status, ts, output, checksum_of(output), self._error(result.ended_by), usage.input_tokens,
            usage.output_tokens, result.cost_usd, result.trace_id, self._row,
        ))  # fmt: skip
        self.ended(database, result.status, ts)

    def ended(self, database: sqlite3.Connection, status: str, ts: float) -> None:
        """This process no longer works at the run."""
        database.execute(
            "UPDATE attempts SET status = ?, ended_at = ? WHERE run = ? AND number = ?",
            (status, ts, self._row, self._attempt),
        )

    def _error(self, cause: object) -> str | None:
        if not isinstance(cause, Cause):
            return None
        error = cause_json(cause)
        return to_text(error if self._keep else {**error, "message": None, "hint": None})


def to_text(value: JsonValue) -> str:
    """JSON on one line, in a form that SQLite takes."""
    return _storable(_encoded(value))


def _storable(text: str) -> str:
    """The same JSON; halves of characters, which UTF-8 does not know, are escaped."""
    return text if text.isascii() else _HALF.sub(lambda half: f"\\u{ord(half[0]):04x}", text)


def _without_content(key: str, value: JsonValue) -> JsonValue:
    if key in _CONTENT:
        return None
    if isinstance(value, Mapping):
        return {
            name: _without_content("" if key in _BY_AGENT else name, each) for name, each in value.items()
        }
    return [_without_content("", each) for each in value] if isinstance(value, list) else value
