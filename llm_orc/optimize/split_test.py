"""The wordings of an agent compared by what its runs were worth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from typing import Literal

from llm_orc.domain.json import JsonValue
from llm_orc.domain.trial import Trial
from llm_orc.optimize.statistics import LEVEL, bounded_interval, holm, mean, share_interval
from llm_orc.optimize.unpaired import Apart, needed_of_each, of_scores, of_shares

Measure = Literal["score", "success"]
Interval = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One wording. `scored` of its `runs` have feedback, `ended` were not cut short, and of these
    `succeeded` went well; intervals are of 95 %."""

    variant: str
    runs: int
    scored: int
    score: float | None
    score_interval: Interval | None
    ended: int
    succeeded: int
    success: float | None
    success_interval: Interval | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Compared:
    """Two wordings by one measure. `p` is adjusted for the other pairs of this measure, by Holm's method.

    `needed` runs of each would show a difference of `effect` with a power of 80 %, None where nothing can be
    said; `missing` are those that are still to come, of each.
    """

    measure: Measure
    first: str
    second: str
    apart: Apart
    p: float | None
    effect: float
    needed: int | None
    missing: tuple[int, int]

    @property
    def better(self) -> str | None:
        """The wording that is known to be better."""
        if self.p is None or self.p >= LEVEL:
            return None
        return self.second if self.apart.mean > 0 else self.first


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitTest:
    """An agent's wordings. `outdated` runs had an earlier text of a variant, and do not count."""

    agent: str
    variants: tuple[Measured, ...]
    compared: tuple[Compared, ...]
    outdated: int


def split_tests(trials: Sequence[Trial], effect: float | None = None) -> list[SplitTest]:
    """One for each agent. What is needed is needed for `effect`, or for the difference that was measured."""
    agents: dict[str, list[Trial]] = defaultdict(list)
    for trial in sorted(trials, key=lambda trial: (trial.started_at, trial.run_id)):
        agents[trial.agent].append(trial)
    return [_split_test(agent, found, effect) for agent, found in sorted(agents.items())]


def _split_test(agent: str, trials: Sequence[Trial], effect: float | None) -> SplitTest:
    newest = {trial.variant: trial.wording for trial in trials}
    current: dict[str, list[Trial]] = {variant: [] for variant in sorted(newest)}
    for trial in trials:
        if trial.wording == newest[trial.variant]:
            current[trial.variant].append(trial)
    scores = {name: [t.score for t in found if t.score is not None] for name, found in current.items()}
    ends = {name: [t.succeeded for t in found if t.succeeded is not None] for name, found in current.items()}
    return SplitTest(
        agent=agent,
        variants=tuple(_measured(name, len(current[name]), scores[name], ends[name]) for name in current),
        compared=(*_pairs("score", scores, effect), *_pairs("success", ends, effect)),
        outdated=len(trials) - sum(map(len, current.values())),
    )


def _measured(name: str, runs: int, scores: Sequence[float], ends: Sequence[bool]) -> Measured:
    return Measured(
        variant=name,
        runs=runs,
        scored=len(scores),
        score=mean(scores) if scores else None,
        score_interval=bounded_interval(scores) if scores else None,
        ended=len(ends),
        succeeded=sum(ends),
        success=sum(ends) / len(ends) if ends else None,
        success_interval=share_interval(sum(ends), len(ends)) if ends else None,
    )


def _pairs(measure: Measure, values: Mapping[str, Sequence[float]], effect: float | None) -> list[Compared]:
    """Every two of which something is known."""
    found = []
    for first, second in combinations([name for name, known in values.items() if known], 2):
        one, two = values[first], values[second]
        if measure == "score":
            apart = of_scores(one, two)
        else:
            apart = of_shares((round(sum(one)), len(one)), (round(sum(two)), len(two)))
        target = abs(apart.mean) if effect is None else effect
        needed = needed_of_each(apart.spreads, target)
        missing = (max(0, (needed or 0) - len(one)), max(0, (needed or 0) - len(two)))
        found.append(Compared(
            measure=measure, first=first, second=second, apart=apart, p=apart.p, effect=target,
            needed=needed, missing=missing,
        ))  # fmt: skip
    tested = [pair for pair in found if pair.p is not None]
    adjusted = iter(holm([pair.p for pair in tested if pair.p is not None]))
    return [pair if pair.p is None else replace(pair, p=next(adjusted)) for pair in found]


def split_test_json(test: SplitTest) -> dict[str, JsonValue]:
    """One entry of `runs ab --json`."""
    return {
        "agent": test.agent,
        "variants": [dict(asdict(each)) for each in test.variants],
        "comparisons": [_compared_json(each) for each in test.compared],
        "outdated_runs": test.outdated,
    }


def _compared_json(pair: Compared) -> dict[str, JsonValue]:
    apart = pair.apart
    return {
        "measure": pair.measure,
        "first": pair.first,
        "second": pair.second,
        "difference": apart.mean,
        "interval": None if apart.low is None or apart.high is None else [apart.low, apart.high],
        "test": apart.test or None,
        "statistic": apart.statistic,
        "p": apart.p,
        "p_adjusted": pair.p,
        "better": pair.better,
        "effect": pair.effect,
        "runs_needed_of_each": pair.needed,
        "runs_missing": None if pair.needed is None else list(pair.missing),
    }
