"""Evaluations as the JSON that `eval --json` prints (docs/eval.md)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

from llm_orc.domain.cause import cause_json
from llm_orc.domain.json import JsonValue
from llm_orc.domain.usage import usage_json
from llm_orc.optimize.confusion import Confusion, confusion_of
from llm_orc.optimize.evaluation import Evaluation, ScoredRow
from llm_orc.optimize.gate import Regression
from llm_orc.optimize.sequential import Betting
from llm_orc.optimize.statistics import (
    LEAST_ROWS,
    Difference,
    bounded_interval,
    detectable,
    difference,
    holm,
    mean,
)


def score_of(evaluation: Evaluation) -> float | None:
    """The mean score, failed rows as 0; None where no row was finished."""
    return mean(evaluation.scores) if evaluation.rows else None


def interval_of(evaluation: Evaluation, seed: int) -> tuple[float, float] | None:
    """The 95 % interval of the score; None where there are too few rows to claim one."""
    if len(evaluation.rows) < LEAST_ROWS:
        return None
    return bounded_interval(evaluation.scores, seed=seed)


def agent_scores(evaluation: Evaluation) -> dict[str, float]:
    """The mean score of each agent that rows have labels for; rows that failed count 0."""
    found: dict[str, list[float]] = {}
    for row in evaluation.rows:
        for agent in row.row.labels:
            if row.error is not None or agent in row.agents:
                scored = row.agents.get(agent)
                found.setdefault(agent, []).append(0.0 if scored is None else scored.score)
    return {agent: mean(scores) for agent, scores in found.items()}


def paired(first: Evaluation, second: Evaluation, seed: int) -> Difference | None:
    """How much better the second is on the rows that both finished; None where there are none."""
    theirs = {row.row.id: row.score for row in second.rows}
    pairs = [(row.score, theirs[row.row.id]) for row in first.rows if row.row.id in theirs]
    return difference([one for one, _ in pairs], [two for _, two in pairs], seed) if pairs else None


def compared(
    evaluations: Sequence[Evaluation], seed: int
) -> list[tuple[Evaluation, Evaluation, Difference, float | None]]:
    """Every two of them, with the p-value adjusted for how many comparisons there are."""
    found = [
        (one, two, apart)
        for one, two in combinations(evaluations, 2)
        if (apart := paired(one, two, seed)) is not None
    ]
    adjusted = iter(holm([apart.p for _, _, apart in found if apart.p is not None]))
    return [(one, two, apart, None if apart.p is None else next(adjusted)) for one, two, apart in found]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All of an evaluation. `betting` is there with `--ab`, a regression per candidate with a baseline;
    `failures` say why it is not good enough."""

    dataset: str
    metric: str
    seed: int
    tolerance: float | None
    evaluations: tuple[Evaluation, ...]
    regressions: tuple[Regression, ...]
    failures: tuple[str, ...]
    betting: Betting | None = None
    interrupted: bool = False


def exit_code(report: Report) -> int:
    """130 interrupted, 4 no row reached a provider, 1 not good enough, else 0."""
    if report.interrupted:
        return 130
    if not report.failures:
        return 0
    rows = [row for each in report.evaluations for row in each.rows]
    lost = all(row.error is not None and row.error.exit_code == 4 for row in rows)
    return 4 if lost else 1


def report_json(report: Report) -> dict[str, JsonValue]:
    """What `eval --json` prints."""
    evaluations, seed, betting = report.evaluations, report.seed, report.betting
    return {
        "dataset": report.dataset,
        "metric": report.metric,
        "seed": seed,
        "candidates": [candidate_json(each, seed) for each in evaluations],
        "comparisons": comparisons_json(evaluations, seed) if betting is None else [],
        "sequential": None if betting is None else sequential_json(report, betting),
        "baseline": [
            {"name": each.name, "unpaired": each.unpaired, **difference_json(each.apart, each.apart.p)}
            for each in report.regressions
        ],
        "passed": not report.failures,
        "failures": list(report.failures),
    }


def candidate_json(evaluation: Evaluation, seed: int) -> dict[str, JsonValue]:
    """One entry of `candidates`."""
    confusion = confusion_of(evaluation.rows)
    interval = interval_of(evaluation, seed)
    return {
        "name": evaluation.name,
        "asked": evaluation.asked,
        "finished": len(evaluation.rows),
        "failed": len(evaluation.failed),
        "score": score_of(evaluation),
        "interval": None if interval is None else list(interval),
        "agents": agent_scores(evaluation),
        "usage": usage_json(evaluation.usage),
        "cost_usd": evaluation.cost_usd,
        "seconds": round(sum(row.seconds for row in evaluation.rows), 6),
        "confusion": None if confusion is None else confusion_json(confusion),
        "rows": [row_json(row) for row in evaluation.rows],
    }


def row_json(row: ScoredRow) -> dict[str, JsonValue]:
    """One entry of `rows`."""
    return {
        "id": row.row.id,
        "score": row.score,
        "output": row.output,
        "expected": row.row.expected,
        "feedback": row.feedback,
        "agents": {
            name: {"score": scored.score, "feedback": scored.feedback} for name, scored in row.agents.items()
        },
        "usage": usage_json(row.usage),
        "cost_usd": row.cost_usd,
        "seconds": round(row.seconds, 6),
        "error": None if row.error is None else cause_json(row.error),
        "run_id": row.run_id,
    }


def confusion_json(confusion: Confusion) -> dict[str, JsonValue]:
    """Counts as rows of those expected, and what they come to per class."""
    found = list(dict.fromkeys((*confusion.classes, *(got for _, got in confusion.counts))))
    return {
        "counts": {
            wanted: {got: confusion.counts.get((wanted, got), 0) for got in found}
            for wanted in confusion.classes
        },
        "classes": {
            name: {
                "precision": confusion.precision(name),
                "recall": confusion.recall(name),
                "f1": confusion.f1(name),
                "rows": confusion.expected(name),
            }
            for name in confusion.classes
        },
        "macro_f1": confusion.macro_f1,
    }


def difference_json(apart: Difference, adjusted: float | None) -> dict[str, JsonValue]:
    """A difference; `claim` says in a word what is known of it."""
    return {
        "difference": apart.mean,
        "interval": None if apart.low is None else [apart.low, apart.high],
        "p": apart.p,
        "p_adjusted": adjusted,
        "test": apart.test or None,
        "better": apart.better,
        "worse": apart.worse,
        "rows": apart.rows,
        "detectable": detectable(apart.spread, apart.rows) if apart.spread else None,
        "claim": claim(apart.mean, adjusted),
    }


def comparisons_json(evaluations: Sequence[Evaluation], seed: int) -> list[JsonValue]:
    """Entries of `comparisons`: how much better `second` is than `first`."""
    return [
        {"first": one.name, "second": two.name, **difference_json(apart, adjusted)}
        for one, two, apart, adjusted in compared(evaluations, seed)
    ]


def sequential_json(report: Report, betting: Betting) -> dict[str, JsonValue]:
    """What `--ab` found out, which holds although it looked after every row."""
    first, second = report.evaluations
    return {
        "first": first.name,
        "second": second.name,
        "verdict": betting.verdict or ("equal" if betting.within(report.tolerance) else "unknown"),
        "difference": betting.mean,
        "interval": list(betting.interval),
        "evidence": betting.evidence,
        "rows": betting.rows,
        "asked": first.asked,
    }


def claim(apart: float, p: float | None) -> str | None:
    """`better`, `worse`, `unknown`; None under `LEAST_ROWS` rows."""
    if p is None:
        return None
    if p >= 0.05 or apart == 0.0:
        return "unknown"
    return "better" if apart > 0 else "worse"
