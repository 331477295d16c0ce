"""An ensemble over rows with known answers: what it said of each, what that was worth, what it took."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from time import perf_counter
from typing import TypeAlias

from llm_orc.domain.cause import Cause
from llm_orc.domain.json import JsonValue
from llm_orc.domain.outcome import NO_USAGE, Answered, Failed, Outcome, RunResult
from llm_orc.domain.usage import Usage
from llm_orc.errors import InvalidFile, JournalFailed, OrcError, UsageFailed
from llm_orc.optimize.dataset import Row
from llm_orc.optimize.metrics import Metric, Scored
from llm_orc.optimize.over_rows import AT_ONCE, until
from llm_orc.optimize.sequential import Betting
from llm_orc.optimize.stopping import Interrupt

Invoke: TypeAlias = Callable[[Row], Awaitable[RunResult]]
"""Runs the ensemble on a row."""

_FATAL = (UsageFailed, InvalidFile, JournalFailed)
"""What the next row would end with too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredRow:
    """What became of one row. With an `error` the score is 0: the run failed, or its output could not be
    scored.

    `agents` has the scores of those agents that the row has labels for. `usage` and `cost_usd` include the
    scoring; the cost is None where a price is unknown. `run_id` is "" where nothing was run.
    """

    row: Row
    output: JsonValue = None
    score: float = 0.0
    feedback: str = ""
    agents: Mapping[str, Scored] = field(default_factory=dict)
    usage: Usage = NO_USAGE
    cost_usd: float | None = 0.0
    seconds: float = 0.0
    error: Cause | None = None
    run_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """All rows that were finished, in their order. `asked` is how many there were to be."""

    name: str
    rows: tuple[ScoredRow, ...]
    asked: int

    @property
    def scores(self) -> tuple[float, ...]:
        return tuple(row.score for row in self.rows)

    @property
    def failed(self) -> tuple[ScoredRow, ...]:
        return tuple(row for row in self.rows if row.error is not None)

    @property
    def usage(self) -> Usage:
        return sum((row.usage for row in self.rows), NO_USAGE)

    @property
    def cost_usd(self) -> float | None:
        """None where the price of a row is unknown."""
        return _added(row.cost_usd for row in self.rows)


async def evaluate(
    name: str,
    rows: Sequence[Row],
    invoke: Invoke,
    metric: Metric,
    *,
    at_once: int = AT_ONCE,
    told: Callable[[ScoredRow], None] = lambda row: None,
    interrupt: Interrupt | None = None,
) -> Evaluation:
    """Run and score every row, `at_once` at a time; `told` hears of each when it is done.

    A row that fails counts 0 and the rest goes on. An `interrupt` ends it with the rows that are
    finished within its grace. Raises `OrcError` where every row would fail the same: wrong usage, or a
    journal that cannot be written.
    """

    async def one(place: int, row: Row) -> ScoredRow:
        return await score(row, invoke, metric)

    def heard(place: int, row: ScoredRow) -> bool:
        told(row)
        return False

    found = await until(rows, one, heard, at_once, interrupt)
    return Evaluation(name=name, rows=tuple(found[place] for place in sorted(found)), asked=len(rows))


async def race(
    first: tuple[str, Invoke],
    second: tuple[str, Invoke],
    rows: Sequence[Row],
    metric: Metric,
    *,
    tolerance: float | None = None,
    at_once: int = AT_ONCE,
    told: Callable[[int, float], None] = lambda rows, evidence: None,
    interrupt: Interrupt | None = None,
) -> tuple[Evaluation, Evaluation, Betting]:
    """Both on the same rows until it is known which is better, or that they differ by at most `tolerance`.

    Rows count in the order that they are given in, which must not depend on how hard they are: `shuffled`
    makes one. What was asked ahead of its turn when it is decided does not count. Raises as `evaluate` does.
    """
    betting = Betting()
    pairs: dict[int, tuple[ScoredRow, ScoredRow]] = {}
    counted: list[tuple[ScoredRow, ScoredRow]] = []

    async def one(place: int, row: Row) -> tuple[ScoredRow, ScoredRow]:
        return await score(row, first[1], metric), await score(row, second[1], metric)

    def decided(place: int, pair: tuple[ScoredRow, ScoredRow]) -> bool:
        pairs[place] = pair
        while len(counted) in pairs:
            one, two = pairs[len(counted)]
            counted.append((one, two))
            betting.add(two.score - one.score)
            told(len(counted), betting.evidence)
            if betting.verdict or betting.within(tolerance):
                return True
        return False

    await until(rows, one, decided, at_once, interrupt)
    ones, twos = tuple(one for one, _ in counted), tuple(two for _, two in counted)
    return (
        Evaluation(name=first[0], rows=ones, asked=len(rows)),
        Evaluation(name=second[0], rows=twos, asked=len(rows)),
        betting,
    )


async def score(row: Row, invoke: Invoke, metric: Metric) -> ScoredRow:
    """Run one row and score what it came to. Raises `OrcError` only for what would end every row the same."""
    began = perf_counter()
    try:
        result = await invoke(row)
    except _FATAL:
        raise
    except OrcError as error:
        return ScoredRow(row=row, error=_cause(error), seconds=perf_counter() - began)
    seen = ScoredRow(
        row=row,
        output=result.output,
        usage=result.usage,
        cost_usd=result.cost_usd,
        seconds=perf_counter() - began,
        run_id=result.run_id,
    )
    if result.ended_by is not None and result.ended_by.exit_code == JournalFailed.exit_code:
        raise JournalFailed(result.ended_by.message, hint=result.ended_by.hint)
    if result.status not in ("succeeded", "partial"):
        return replace(seen, error=_why(result))
    return await _scored(seen, result, metric)


async def _scored(seen: ScoredRow, result: RunResult, metric: Metric) -> ScoredRow:
    try:
        verdict = await metric(seen.row, seen.output)
        agents = {
            agent: await _of_agent(replace(seen.row, expected=label), result.agents[agent], metric)
            for agent, label in seen.row.labels.items()
            if agent in result.agents
        }
    except _FATAL:
        raise
    except OrcError as error:
        return replace(seen, error=_cause(error))
    verdicts = (verdict, *agents.values())
    faults = [each.fault for each in verdicts if each.fault is not None]
    return replace(
        seen,
        error=_cause(faults[0]) if faults else None,
        score=0.0 if faults else verdict.score,
        feedback=verdict.feedback,
        agents=agents,
        usage=sum((each.usage for each in verdicts), seen.usage),
        cost_usd=_added((seen.cost_usd, *(each.cost_usd for each in verdicts))),
    )


async def _of_agent(row: Row, outcome: Outcome, metric: Metric) -> Scored:
    if isinstance(outcome, Answered):
        return await metric(row, outcome.output)
    return Scored(0.0, outcome.cause.message)


def _cause(error: OrcError) -> Cause:
    return Cause(kind=error.kind, message=error.message, hint=error.hint, exit_code=error.exit_code)


def _why(result: RunResult) -> Cause:
    """What a run failed of, the first of several."""
    if result.ended_by is not None:
        return result.ended_by
    failed = {name: o for name, o in result.agents.items() if isinstance(o, Failed)}
    for name, outcome in failed.items():
        return replace(
            outcome.cause, message=f"agent {name!r}: {outcome.cause.message}", exit_code=result.exit_code
        )
    return Cause(kind="dependency", message="no output, because agents were skipped")


def _added(costs: Iterable[float | None]) -> float | None:
    total = 0.0
    for cost in costs:
        if cost is None:
            return None
        total += cost
    return total
