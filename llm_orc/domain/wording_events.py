"""What happens while it is settled how an agent is asked (see `events`)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True, kw_only=True)
class VariantChosen:
    """An agent is asked in one of its wordings. `share` is its part of the runs, `wording` a hash of it."""

    type: ClassVar[str] = "variant_chosen"
    agent: str
    variant: str
    share: float
    wording: str


@dataclass(frozen=True, slots=True, kw_only=True)
class DemosChosen:
    """The worked examples that are nearest to an agent's input, by their lines in the file, the nearest last.

    They were compared `by` their words, or by an embedding model.
    """

    type: ClassVar[str] = "demos_chosen"
    agent: str
    lines: tuple[int, ...]
    similarities: tuple[float, ...]
    by: str
