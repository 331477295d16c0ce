"""Past runs as rows to learn from."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.recorded import RecordedRun
from llm_orc.errors import UsageFailed
from llm_orc.optimize.dataset import Row, repeated, shuffled

_SEEDS = 1 << 40
"""Rows that were drawn with a seed that also splits them into parts would all be in one part."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """Which runs: those worth `min_score` at least, a `rate` of them, with `balance` as many of each output,
    and `limit` at most. The same `seed` draws the same ones."""

    min_score: float | None = None
    rate: float = 1.0
    balance: bool = False
    limit: int | None = None
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Collected:
    """The rows, the oldest first, and how many runs are left out, by reason."""

    rows: tuple[JsonObject, ...]
    left_out: Mapping[str, int]


def collect(runs: Sequence[RecordedRun], scores: Mapping[str, float], wanted: Wanted) -> Collected:
    """Runs of one ensemble as rows. Of those that were given the same, the best counts; of equals, the last.

    Raises `UsageFailed` where nothing is left, or where outputs are no classes that could be balanced.
    """
    left_out: dict[str, int] = {}
    kept = _those(runs, left_out, "did not succeed", lambda run: run.status == "succeeded")
    if kept and all(run.inputs is None for run in kept):
        raise UsageFailed(
            f"the content of these {len(kept)} runs was not kept, so there is nothing to learn from",
            hint="set keep_content: true in config.yaml, and run the ensemble again",
        )
    kept = _those(kept, left_out, "without their content", lambda run: run.inputs is not None)
    kept = _those(kept, left_out, "without an output", lambda run: run.output is not None)
    least = wanted.min_score
    if least is not None:
        kept = _those(kept, left_out, "without feedback", lambda run: run.run_id in scores)
        kept = _those(kept, left_out, f"worth less than {least:g}", lambda run: scores[run.run_id] >= least)
    rows = _distinct(kept, scores)
    left_out["given the same as others"] = len(kept) - len(rows)
    drawn = shuffled(rows, _SEEDS + wanted.seed)[: math.ceil(len(rows) * wanted.rate)]
    left_out["not drawn"] = len(rows) - len(drawn)
    chosen = _balanced(drawn, wanted.limit) if wanted.balance else drawn[: wanted.limit]
    left_out["more than wanted"] = len(drawn) - len(chosen)
    left_out = {reason: count for reason, count in left_out.items() if count}
    if not chosen:
        why = ", ".join(f"{count} {reason}" for reason, count in left_out.items())
        raise UsageFailed(f"no run is left to collect{why and f': {why}'}")
    names = {row.id for row in chosen}
    ordered = sorted((run.started_at, run.run_id, run) for run in kept if run.run_id in names)
    return Collected(tuple(_json(run, scores.get(run.run_id)) for *_, run in ordered), left_out)


def _those(
    runs: Sequence[RecordedRun], left_out: dict[str, int], otherwise: str, keep: Callable[[RecordedRun], bool]
) -> list[RecordedRun]:
    kept = [run for run in runs if keep(run)]
    left_out[otherwise] = len(runs) - len(kept)
    return kept


def _distinct(runs: Sequence[RecordedRun], scores: Mapping[str, float]) -> list[Row]:
    """One row for each thing that was asked: spaces, case and Unicode form aside."""
    best_first = sorted(
        runs, key=lambda run: (scores.get(run.run_id, -1.0), run.started_at, run.run_id), reverse=True
    )
    rows = [Row(id=run.run_id, inputs=run.inputs or {}, expected=run.output) for run in best_first]
    again = {row.id for group in repeated(rows) for row in group[1:]}
    return [row for row in rows if row.id not in again]


def _balanced(rows: Sequence[Row], limit: int | None) -> list[Row]:
    """As many of each output."""
    classes: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        output = row.expected
        text = output if isinstance(output, str) else json.dumps(output, sort_keys=True)
        classes[" ".join(text.casefold().split())].append(row)
    if len(rows) > 1 and len(classes) == len(rows):
        raise UsageFailed(
            f"all {len(rows)} outputs are different: there are no classes to balance",
            hint="leave out --balance",
        )
    size = min(map(len, classes.values()), default=0)
    if limit is not None:
        size = min(size, limit // len(classes))
    return [row for members in classes.values() for row in members[:size]]


def _json(run: RecordedRun, score: float | None) -> JsonObject:
    # A list stands for several right answers.
    expected: JsonValue = [run.output] if isinstance(run.output, list) else run.output
    row: dict[str, JsonValue] = {"id": run.run_id, "inputs": run.inputs, "expected": expected}
    return row if score is None else {**row, "score": score}
