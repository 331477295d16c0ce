"""Datasets by name: files, and the one that comes with the package; what is odd about their rows is said."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from llm_orc.domain.text import safe
from llm_orc.optimize.dataset import Row, Split, contradicting, distinct

SHIPPED = "word-problems"
_TOLD = 5


def dataset_file(name: str) -> Path:
    """The file that a name stands for; a file of that name comes first."""
    from llm_orc.bench.strategies import PROBLEMS

    return PROBLEMS if name == SHIPPED and not Path(name).exists() else Path(name)


def told_apart(rows: Sequence[Row], name: str) -> tuple[Row, ...]:
    """Each distinct row once, with a warning of copies, and of rows that contradict each other."""
    kept = distinct(rows)
    if len(kept) < len(rows):
        _warn(
            f"{len(rows) - len(kept)} of {len(rows)} rows of {name} are copies and prove nothing more: "
            f"the {len(kept)} distinct ones count"
        )
    groups = contradicting(kept)
    for group in groups[:_TOLD]:
        places = ", ".join(row.source.rpartition(":")[2] for row in group)
        _warn(f"lines {places} ask the same and expect different answers")
    if len(groups) > _TOLD:
        _warn(f"and so do {len(groups) - _TOLD} more groups of lines")
    return kept


def warn_of_leaks(parts: Split) -> None:
    """Held-out rows that are among those to learn from prove nothing."""
    found = parts.leaked
    if found:
        first = ", ".join(row.id for row in found[:_TOLD]) + (" ..." if len(found) > _TOLD else "")
        what = "held-out rows ask what rows to learn from or to choose by ask, and are left out"
        _warn(f"{len(found)} {what}: {first}")


def _warn(text: str) -> None:
    click.echo(f"warning: {safe(text)}", err=True)
