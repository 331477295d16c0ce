"""What every candidate was worth on every row that it was tried on, whoever tried it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from llm_orc.errors import InvalidFile, JournalFailed, OrcError, UsageFailed
from llm_orc.optimize.dataset import Row
from llm_orc.optimize.meter import Stop, Stopped
from llm_orc.optimize.metrics import Metric, Scored
from llm_orc.optimize.prompting import State, size
from llm_orc.optimize.trials import Ran, Trials

ENOUGH = 10
"""Rows after which a candidate's mean says anything."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One row: what came out and what it is worth."""

    ran: Ran
    scored: Scored


class Ledger:
    """Scores by candidate and row. Runs that only looked for examples are scored, but not entered.

    `good` has a run of each row that was worth `accept` or more, a teacher's before the agents' own.
    """

    def __init__(
        self, trials: Trials, metric: Metric, told: Callable[[], None] = lambda: None, accept: float = 1.0
    ) -> None:
        self.trials = trials
        self.scores: dict[str, dict[str, Judged]] = defaultdict(dict)
        self.good: dict[str, Ran] = {}
        self._accept = accept
        self._metric = metric
        self._told = told

    async def score(self, row: Row, ran: Ran) -> Scored:
        """A run without output is worth 0, and so is one that cannot be scored. Raises `Stopped`."""
        known = self.scores[ran.candidate].get(row.id)
        if known is not None and known.ran is ran:
            return known.scored
        scored = await self._scored(row, ran)
        if scored.score >= self._accept and (ran.explored or row.id not in self.good):
            self.good[row.id] = ran
        if not ran.explored:
            self.scores[ran.candidate][row.id] = Judged(ran, scored)
            self._told()
        return scored

    async def _scored(self, row: Row, ran: Ran) -> Scored:
        if ran.failure:
            return Scored(0.0, f"there is no output: {ran.failure}")
        try:
            return await self._metric(row, ran.output)
        except (UsageFailed, InvalidFile, JournalFailed) as error:
            self.trials.meter.end(Stop(message=error.message, exit_code=error.exit_code, hint=error.hint))
            raise Stopped from error
        except OrcError as error:
            return Scored(0.0, error.message, fault=error)

    async def judge(self, state: State, row: Row) -> Judged:
        """A state on a row. Raises `Stopped`."""
        ran = await self.trials.ran(state, row.inputs)
        return Judged(ran, await self.score(row, ran))

    def all(self) -> list[Judged]:
        """Every run that was entered."""
        return [judged for known in self.scores.values() for judged in known.values()]

    def mean(self, candidate: str, rows: Iterable[Row]) -> float | None:
        """The mean over those rows that it was tried on; None where it was tried on none."""
        known = self.scores.get(candidate, {})
        found = [known[row.id].scored.score for row in rows if row.id in known]
        return sum(found) / len(found) if found else None

    def tried(self, candidate: str, rows: Iterable[Row]) -> int:
        """On how many of the rows it was tried."""
        known = self.scores.get(candidate, {})
        return sum(row.id in known for row in rows)

    def best(self, validation: Sequence[Row], train: Sequence[Row], besides: str) -> list[str]:
        """The candidates that are worth a full look, the best first; `besides` is the baseline.

        Those that were tried on most of the validation rows count before those of the training rows; of
        equally good ones the shorter.
        """
        ranked: list[tuple[float, float, int, str]] = []
        for candidate, state in self.trials.states.items():
            if candidate == besides:
                continue
            for rank, rows in enumerate((validation, train)):
                needed = min(ENOUGH, len(rows))
                mean = self.mean(candidate, rows)
                if mean is not None and self.tried(candidate, rows) >= needed:
                    ranked.append((-mean, rank, size(state), candidate))
                    break
        return [candidate for *_, candidate in sorted(ranked)]


def scores_of(judged: Mapping[str, Judged], rows: Sequence[Row]) -> list[float]:
    """One score per row, in their order."""
    return [judged[row.id].scored.score for row in rows]
