"""Runs that failed, or whose output could not be scored: they count 0, and that is said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from llm_orc.domain.json import JsonValue
from llm_orc.optimize.dataset import Row
from llm_orc.optimize.ledger import Judged, Ledger
from llm_orc.optimize.meter import Stop, Stopped
from llm_orc.optimize.prompting import State, fingerprint

_MENDABLE = {"answer_rejected", "context_too_long", "refused"}
"""Kinds of failure that another prompt may do away with: they are wrong answers."""
_OF_METRIC = 2
"""The exit code where it is the metric that cannot score."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Failing:
    """How many of these runs failed, and the commonest cause.

    `stop` is there where every one failed of what no prompt mends: then there is nothing to compare.
    """

    runs: str
    count: int
    of: int
    cause: str
    stop: Stop | None

    @property
    def says(self) -> str:
        return f"{self.count} of {self.of} {self.runs} failed and count 0: {self.cause}"


def failing(judged: Sequence[Judged], runs: str) -> Failing | None:
    """Those that failed; None where none did. `runs` is what they are called."""
    causes: Counter[str] = Counter()
    final: list[Stop] = []
    for each in judged:
        cause, fault = each.ran.cause, each.scored.fault
        if cause is not None:
            causes[cause.message] += 1
            if cause.kind not in _MENDABLE:
                final.append(Stop(message=cause.message, exit_code=cause.exit_code or 1, hint=cause.hint))
        elif fault is not None:
            causes[fault.message] += 1
            final.append(Stop(message=fault.message, exit_code=_OF_METRIC, hint=fault.hint))
    if not causes:
        return None
    stop = None
    if len(final) == len(judged):
        message = f"all {len(judged)} {runs} failed: {final[0].message}"
        stop = Stop(message=message, exit_code=final[0].exit_code, hint=final[0].hint)
    commonest = causes.most_common(1)[0][0]
    return Failing(runs=runs, count=causes.total(), of=len(judged), cause=commonest, stop=stop)


def failing_on(ledger: Ledger, state: State, rows: Sequence[Row], runs: str) -> Failing | None:
    """The same for what a state came to on some rows, as far as it was tried on them."""
    known = ledger.scores.get(fingerprint(state), {})
    return failing([known[row.id] for row in rows if row.id in known], runs)


def refuse_failing(ledger: Ledger, state: State, rows: Sequence[Row], runs: str) -> None:
    """Raise `Stopped` where every row failed, and end the search."""
    found = failing_on(ledger, state, rows, runs)
    if found is not None and found.stop is not None:
        ledger.trials.meter.end(found.stop)
        raise Stopped


def failing_json(found: Sequence[Failing]) -> list[JsonValue]:
    """Entries of `failed` in a report."""
    return [{"runs": each.runs, "failed": each.count, "of": each.of, "cause": each.cause} for each in found]
