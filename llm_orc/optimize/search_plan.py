"""What a search is to do."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from llm_orc.domain.model import Model

Effort = Literal["light", "medium", "heavy"]
GraphStrategy = Literal["joint", "sequential", "alternating"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What is searched. `chain` are optimizers, one after the other; `instructions` the user's own, by agent.

    `accept` is the score from which an answer may become an example; `demos` bounds the examples that
    models make, `labeled` those of the dataset. `proposer` writes prompts, `teacher` makes examples.
    """

    agents: tuple[str, ...]
    chain: tuple[str, ...]
    graph_strategy: GraphStrategy = "joint"
    effort: Effort = "light"
    seed: int = 0
    at_once: int = 8
    accept: float = 1.0
    demos: int = 4
    labeled: int = 8
    instructions: Mapping[str, Sequence[str]] | None = None
    teacher: Model | None = None
    proposer: Model | None = None
