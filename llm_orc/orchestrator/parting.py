"""Rows divided into those to learn from, to choose by, and to judge with."""

from __future__ import annotations

from collections.abc import Sequence

from llm_orc.errors import UsageFailed
from llm_orc.optimize.dataset import Row, Split, distinct, leaked, shuffled, split
from llm_orc.optimize.statistics import LEAST_ROWS

FEWEST = 4


def parted(
    rows: Sequence[Row], seed: int, validation: Sequence[Row] = (), held_out: Sequence[Row] = ()
) -> Split:
    """Rows to learn from, to choose by, and, where there are enough, to judge with.

    Copies of a row are left out, and held-out rows that ask what another row asks. What is given for the
    last two is not taken from `rows`. Raises `UsageFailed`.
    """
    rows, validation, held_out = distinct(rows), distinct(validation), distinct(held_out)
    if len(rows) < FEWEST:
        raise UsageFailed(f"{len(rows)} distinct rows are too few", hint=f"give {LEAST_ROWS} or more")
    unseen = 0.0 if held_out else _unseen(len(rows), len(rows) + len(validation))
    ordered = shuffled(rows, seed)
    known = len(rows) - (_held_out(ordered, seed, unseen) if unseen else 0)
    learning = known if validation else known // 2
    chosen = tuple(validation) or ordered[learning:known]
    unseen_rows = tuple(held_out) or ordered[known:]
    told = leaked((*ordered[:learning], *chosen), unseen_rows)
    return Split(
        train=ordered[:learning],
        validation=chosen,
        held_out=tuple(row for row in unseen_rows if row not in told),
        leaked=told,
    )


def _held_out(ordered: Sequence[Row], seed: int, share: float) -> int:
    """How many at the end: whom the share falls on, so that more rows move few; enough of few for a claim."""
    fallen = len(split(ordered, seed, train=1 - share, validation=0.0).held_out)
    half = len(ordered) // 2
    return min(max(fallen, min(LEAST_ROWS, half)), half)


def _unseen(rows: int, known: int) -> float:
    """The share that is held out: more of few rows, so that they can show anything."""
    if known < LEAST_ROWS:
        return 0.0
    return max(0.3, min(0.5, 1.3 * LEAST_ROWS / rows))
