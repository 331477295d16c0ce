"""Whether an evaluation is good enough: a least score, and no worse than before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llm_orc.domain.json import JsonValue, parse_json
from llm_orc.errors import NotFound, UsageFailed
from llm_orc.optimize.evaluation import Evaluation
from llm_orc.optimize.statistics import Difference, difference

_NOT_ONE = "is not what `llm-orc eval --json` printed"


@dataclass(frozen=True, slots=True, kw_only=True)
class Baseline:
    """An earlier evaluation: the scores of its candidates by name and row id."""

    file: Path
    scores: Mapping[str, Mapping[str, float]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Regression:
    """How a candidate compares with the baseline. `unpaired` rows are in one of the two only."""

    name: str
    apart: Difference
    unpaired: int


def read_baseline(file: Path, metric: str) -> Baseline:
    """What `eval --json` printed with the same metric. Raises `NotFound` or `UsageFailed`."""
    try:
        report = parse_json(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise NotFound(f"cannot read the baseline {file}: {error.strerror}") from error
    except ValueError as error:
        raise UsageFailed(f"{file} {_NOT_ONE}") from error
    match report:
        case {"metric": str(before), "candidates": [_, *_] as candidates}:
            if before != metric:
                raise UsageFailed(f"the baseline {file} was scored by {before!r}, not by {metric!r}")
            scores = {name: rows for each in candidates for name, rows in [_candidate(each, file)]}
            return Baseline(file=file, scores=scores)
    raise UsageFailed(f"{file} {_NOT_ONE}")


def regression(baseline: Baseline, now: Evaluation, seed: int) -> Regression:
    """Row by row against the baseline. Raises `UsageFailed` where no row is in both."""
    before = baseline.scores.get(now.name)
    if before is None and len(baseline.scores) == 1:
        before = next(iter(baseline.scores.values()))
    if before is None:
        known = ", ".join(baseline.scores)
        raise UsageFailed(f"{baseline.file} has no candidate {now.name!r}", hint=f"it has: {known}")
    pairs = [(before[row.row.id], row.score) for row in now.rows if row.row.id in before]
    if not pairs:
        raise UsageFailed(
            f"no row is in the baseline {baseline.file} too", hint="was it made from another dataset?"
        )
    apart = difference([one for one, _ in pairs], [two for _, two in pairs], seed)
    return Regression(name=now.name, apart=apart, unpaired=len(before) + len(now.rows) - 2 * len(pairs))


def reasons(
    evaluation: Evaluation, *, min_score: float | None, found: Regression | None, tolerance: float | None
) -> list[str]:
    """Why it is not good enough, a sentence each; empty where it is."""
    said = []
    if evaluation.failed:
        rows = "1 row" if len(evaluation.failed) == 1 else f"{len(evaluation.failed)} rows"
        said.append(f"{evaluation.name}: {rows} failed")
    if min_score is not None and (not evaluation.rows or _mean(evaluation) < min_score):
        score = f"{_mean(evaluation):.4f}" if evaluation.rows else "no score"
        said.append(f"{evaluation.name}: {score} is below --min-score {min_score:g}")
    if found is None:
        return said
    apart, against = found.apart, f"{found.name}: {found.apart.mean:+.4f} against the baseline"
    if apart.mean < 0 and apart.known:
        said.append(f"{against}, worse beyond chance (p = {apart.p:.2g})")
    elif tolerance is not None and apart.mean < -tolerance:
        said.append(f"{against}, worse than --tolerance {tolerance:g}")
    return said


def _mean(evaluation: Evaluation) -> float:
    return sum(evaluation.scores) / len(evaluation.scores)


def _candidate(candidate: JsonValue, file: Path) -> tuple[str, dict[str, float]]:
    match candidate:
        case {"name": str(name), "rows": list(rows)}:
            return name, dict(_row(row, file) for row in rows)
    raise UsageFailed(f"{file} {_NOT_ONE}")


def _row(row: JsonValue, file: Path) -> tuple[str, float]:
    match row:
        case {"id": str(place), "score": int() | float() as score}:
            return place, float(score)
    raise UsageFailed(f"{file} {_NOT_ONE}")
