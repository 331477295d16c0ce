"""What recorded runs cost, and what they saved, asked of the journal."""

from __future__ import annotations

import json
import sqlite3
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llm_orc.domain.json import JsonObject
from llm_orc.domain.spending import Costs, Key, Saving, Spending, Way
from llm_orc.domain.usage import Usage
from llm_orc.run.database import damaged, reading

_COLUMNS: dict[Key, str] = {
    "run": "runs.run",
    "ensemble": "runs.ensemble",
    "agent": "calls.agent",
    "model": "calls.model",
    "strategy": "coalesce(agents.strategy, '-')",
    "day": "date(calls.started_at, 'unixepoch')",
}
_OF_CALLS = """
    FROM calls JOIN runs ON runs.id = calls.run
        LEFT JOIN agents ON agents.run = calls.run AND agents.agent = calls.agent
    WHERE calls.kind = 'model' AND calls.status <> 'cached' AND (:since IS NULL OR calls.started_at >= :since)
        AND (:ensemble IS NULL OR runs.ensemble = :ensemble)
"""
_SUMS = """
    count(DISTINCT calls.run) AS runs, count(*) AS calls, total(calls.status = 'failed') AS failed,
    coalesce(sum(calls.input_tokens), 0) AS input_tokens,
    coalesce(sum(calls.output_tokens), 0) AS output_tokens, sum(calls.cost_usd) AS cost_usd,
    total(calls.status = 'answered' AND calls.cost_usd IS NULL) AS unpriced
"""
_SINCE = """
    SELECT coalesce(sum(calls.cost_usd), 0.0), coalesce(sum(calls.input_tokens + calls.output_tokens), 0),
        count(*)
    FROM calls JOIN runs ON runs.id = calls.run
    WHERE calls.kind = 'model' AND calls.status <> 'cached' AND calls.started_at >= ?
        AND NOT (runs.run = ? AND calls.attempt = ?)
"""
_EVENTS = """
    SELECT events.run, runs.ensemble, events.agent, events.json, (
        SELECT max(number) FROM attempts WHERE attempts.run = events.run AND attempts.started_at <= events.ts
    ) FROM events JOIN runs ON runs.id = events.run
    WHERE events.type = :type AND (:since IS NULL OR events.ts >= :since)
        AND (:ensemble IS NULL OR runs.ensemble = :ensemble)
        AND (events.json LIKE :one OR events.json LIKE :other)
"""
_SILENT = """
    SELECT count(*) FROM runs WHERE inputs IS NULL AND (:since IS NULL OR started_at >= :since)
        AND (:ensemble IS NULL OR ensemble = :ensemble)
"""
_SAMPLE_COST = """
    SELECT total(calls.cost_usd) / agents.samples, total(calls.cost_usd IS NULL) FROM agents
    JOIN calls ON calls.run = agents.run AND calls.agent = agents.agent AND calls.status = 'answered'
        AND calls.kind = 'model'
    WHERE agents.run = ? AND agents.agent = ? AND agents.samples > 0
"""
_MODEL_COST = """
    SELECT avg(calls.cost_usd) FROM calls JOIN runs ON runs.id = calls.run
    WHERE calls.model = ?1 AND calls.status = 'answered' AND calls.input_tokens + calls.output_tokens > 0
        AND (?2 IS NULL OR (runs.ensemble = ?2 AND calls.agent = ?3))
"""
_OTHERS_COST = """
    SELECT total(cost_usd), total(cost_usd IS NULL) FROM calls
    WHERE run = ? AND agent = ? AND model != ? AND status = 'answered' AND kind = 'model'
"""
_FREE_KEYS = """
    SELECT key FROM calls WHERE run = ? AND agent = ? AND model = ? AND status = 'cached' ORDER BY id LIMIT ?
"""
_PAID = """
    SELECT key, avg(cost_usd) FROM calls WHERE input_tokens + output_tokens > 0 AND status = 'answered'
        AND key IN (SELECT key FROM calls WHERE status = 'cached')
    GROUP BY key
"""


@dataclass(frozen=True, slots=True)
class _Agent:
    """An agent of one run; `run` is the run's row."""

    run: int
    ensemble: str
    name: str


_SINCE = """
    SELECT coalesce(sum(calls.cost_usd), 0.0), coalesce(sum(calls.input_tokens + calls.output_tokens), 0),
        count(*)
    FROM calls JOIN runs ON runs.id = calls.run
    WHERE calls.kind = 'model' AND calls.status <> 'cached' AND calls.started_at >= ?
        AND NOT (runs.run = ? AND calls.attempt = ?)
"""


def costs(path: Path, by: Sequence[Key], since: float | None, ensemble: str | None) -> Costs:
    """Everything since a Unix time, of one ensemble or of all. Raises `JournalFailed`."""
    chosen = {"since": since, "ensemble": ensemble}
    names = ", ".join(_COLUMNS[key] for key in by)
    # What is ordered in time stays so; of other things the dearest come first.
    time = f"{_COLUMNS[by[0]]}, " if by[0] in ("day", "run") else ""
    with reading(path) as database:
        database.row_factory = sqlite3.Row
        grouped = (
            f"SELECT {names}, {_SUMS} {_OF_CALLS} GROUP BY {names} ORDER BY {time}cost_usd DESC, {names}"
        )
        rows = [_spending(row, len(by)) for row in database.execute(grouped, chosen)]
        total = _spending(database.execute(f"SELECT {_SUMS} {_OF_CALLS}", chosen).fetchone(), 0)
        found = _Savings(database, path, chosen)
        saved = (found.caching(), *found.of_strategies())
        (silent,) = database.execute(_SILENT, chosen).fetchone()
    return Costs(by=tuple(by), rows=tuple(rows), total=total, saved=saved, silent=silent)


def spent_since(
    database: sqlite3.Connection, moment: float, run_id: str, attempt: int
) -> tuple[float, int, int]:
    """Dollars, tokens and calls since a Unix time, without those of one attempt at a run."""
    found: tuple[float, int, int] = tuple(database.execute(_SINCE, (moment, run_id, attempt)).fetchone())
    return found


def nothing_spent(by: Sequence[Key]) -> Costs:
    """Where there is no journal."""
    total = Spending(keys=(), runs=0, calls=0, failed=0, unpriced=0, usage=Usage(), cost_usd=None)
    saved = (_saving("caching", ()), _saving("early_stopping", ()), _saving("cascading", ()))
    return Costs(by=tuple(by), rows=(), total=total, saved=saved, silent=0)


def _spending(row: sqlite3.Row, keys: int) -> Spending:
    return Spending(
        keys=tuple(str(row[place]) for place in range(keys)),
        runs=row["runs"],
        calls=row["calls"],
        failed=int(row["failed"]),
        unpriced=int(row["unpriced"]),
        usage=Usage(input_tokens=row["input_tokens"], output_tokens=row["output_tokens"]),
        cost_usd=row["cost_usd"],
    )


@dataclass(slots=True)
class _Cascade:
    """What events say of an agent's cascades: their last model, and how often that was not asked."""

    last: str
    by_attempt: Counter[int] = field(default_factory=Counter)

    @property
    def stops(self) -> int:
        return max(self.by_attempt.values(), default=0)


class _Savings:
    """What was not paid for, by what happened. `chosen` are the parameters `since` and `ensemble`."""

    def __init__(
        self, database: sqlite3.Connection, path: Path, chosen: Mapping[str, float | str | None]
    ) -> None:
        self._database = database
        self._path = path
        self._chosen = chosen
        self._of_models: dict[tuple[str, str | None, str | None], float | None] = {}

    def caching(self) -> Saving:
        """What the same requests cost when they were paid, else what the model's calls cost on average."""
        known: Counter[tuple[_Agent, str]] = Counter()
        for agent, event, _ in self._events("model_answered", '%"source":"cache"%'):
            if event.get("source") == "cache":
                known[agent, str(event["model"])] += 1
        paid: dict[bytes, float | None] = dict(self._database.execute(_PAID).fetchall()) if known else {}
        costs: list[tuple[float | None, int]] = []
        for (agent, model), count in known.items():
            found = self._database.execute(_FREE_KEYS, (agent.run, agent.name, model, count)).fetchall()
            keys = [key for (key,) in found] + [b""] * (count - len(found))
            same = [paid.get(key) for key in keys]
            costs += [(self._of_model(model, agent) if cost is None else cost, 1) for cost in same]
        return _saving("caching", costs)

    def of_strategies(self) -> tuple[Saving, Saving]:
        """Samples that were not drawn, and models of cascades that were not asked."""
        # Each attempt at a run tells again what those before did.
        undrawn: dict[_Agent, Counter[int]] = defaultdict(Counter)
        cascades: dict[_Agent, _Cascade] = {}
        for agent, event, attempt in self._events("strategy_step", '%"saved":%', '%"unasked":%'):
            detail = event.get("detail")
            if not isinstance(detail, dict):
                continue
            saved, unasked = detail.get("saved"), detail.get("unasked")
            if isinstance(saved, int):
                undrawn[agent][attempt] += saved
            if isinstance(unasked, list) and unasked:
                cascade = cascades.setdefault(agent, _Cascade(str(unasked[-1])))
                cascade.by_attempt[attempt] += event.get("step") == "accepted"
        most = {agent: max(found.values()) for agent, found in undrawn.items()}
        return (
            _saving("early_stopping", [(self._of_samples(each, n), n) for each, n in most.items()]),
            _saving("cascading", [(self._of_cascade(a, each), each.stops) for a, each in cascades.items()]),
        )

    def _of_samples(self, agent: _Agent, count: int) -> float | None:
        """So many samples, each as dear as those that the agent drew in the same run."""
        cost, unpriced = self._database.execute(_SAMPLE_COST, (agent.run, agent.name)).fetchone()
        return None if cost is None or unpriced else float(cost) * count

    def _of_cascade(self, agent: _Agent, cascade: _Cascade) -> float | None:
        """Against asking the last model at once: its calls that were not needed, less those of the others."""
        last = self._of_model(cascade.last, agent) if cascade.stops else 0.0
        asked = (agent.run, agent.name, cascade.last)
        others, unpriced = self._database.execute(_OTHERS_COST, asked).fetchone()
        return None if last is None or unpriced else last * cascade.stops - float(others)

    def _of_model(self, model: str, agent: _Agent) -> float | None:
        """What its calls cost on average, for this agent or else for any; None when no cost is known."""
        own = self._average(model, agent.ensemble, agent.name)
        return self._average(model, None, None) if own is None else own

    def _average(self, model: str, ensemble: str | None, agent: str | None) -> float | None:
        asked = (model, ensemble, agent)
        if asked not in self._of_models:
            (self._of_models[asked],) = self._database.execute(_MODEL_COST, asked).fetchone()
        return self._of_models[asked]

    def _events(self, kind: str, one: str, other: str = "") -> Iterator[tuple[_Agent, JsonObject, int]]:
        """Those of a kind whose text has one of two pieces in it, few of many, each with its attempt."""
        given = {**self._chosen, "type": kind, "one": one, "other": other}
        for run, ensemble, agent, text, attempt in self._database.execute(_EVENTS, given):
            try:
                yield _Agent(run, ensemble, agent), json.loads(text), attempt or 1
            except ValueError as error:
                raise damaged(self._path) from error


def _saving(way: Way, costs: Sequence[tuple[float | None, int]]) -> Saving:
    """From what each so many answers, samples or stops saved; None where that is not known."""
    return Saving(
        way=way,
        count=sum(count for _, count in costs),
        cost_usd=sum(cost for cost, _ in costs if cost is not None),
        unknown=sum(count for cost, count in costs if cost is None),
    )
