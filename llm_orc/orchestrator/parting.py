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
    train = 1 - unseen if validation else (1 - unseen) / 2
    parts = split(rows, seed, train=train, validation=1 - unseen - train)
    least = min(LEAST_ROWS, len(rows) // 2) if unseen else 0
    if len(parts.held_out) < least or not parts.train or not (parts.validation or validation):
        parts = _counted(shuffled(rows, seed), least, halved=not validation)
    chosen = tuple(validation) or parts.validation
    unseen_rows = tuple(held_out) or parts.held_out
    told = leaked((*parts.train, *chosen), unseen_rows)
    return Split(
        train=parts.train,
        validation=chosen,
        held_out=tuple(row for row in unseen_rows if row not in told),
        leaked=told,
    )


def _counted(rows: Sequence[Row], held_out: int, *, halved: bool) -> Split:
    """Few rows by their number: of shares on average one may come out empty, or too small for a claim."""
    known = len(rows) - held_out
    train = known // 2 if halved else known
    return Split(train=tuple(rows[:train]), validation=tuple(rows[train:known]), held_out=tuple(rows[known:]))


def _unseen(rows: int, known: int) -> float:
    """The share that is held out: more of few rows, so that they can show anything."""
    if known < LEAST_ROWS:
        return 0.0
    return max(0.3, min(0.5, 1.3 * LEAST_ROWS / rows))
