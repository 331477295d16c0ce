"""What one agent's execution taught about a model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal["metric", "feedback", "schema", "judge", "cascade", "agreement", "usage"]
"""Where a score comes from, strongest first; `usage` teaches tokens and speed alone."""

WEIGHTS: dict[Source, float] = {
    "metric": 1.0,
    "feedback": 1.0,
    "schema": 1.0,
    "judge": 1.0,
    "cascade": 1.0,
    "agreement": 0.5,
    "usage": 0.0,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """`model` is its digest or name, `task` a kind of task. `score` is in [0, 1], None where nothing
    measured it: that a call did not fail is no evidence of quality. `token_ratio` is tokens used over
    tokens estimated."""

    model: str
    task: str
    source: Source
    score: float | None = None
    token_ratio: float | None = None
    seconds_per_token: float | None = None

    @property
    def weight(self) -> float:
        return WEIGHTS[self.source]


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """Which model served an agent of a run, at what kind of task: what later feedback is about."""

    agent: str
    model: str
    task: str
