"""What a run would do, as far as it can be known before it starts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from llm_orc.domain.plan import Plan
from llm_orc.domain.task import Task


@dataclass(frozen=True, slots=True)
class Range:
    """The least and the most that is expected."""

    low: float
    high: float

    def __add__(self, other: Range) -> Range:
        return Range(self.low + other.low, self.high + other.high)


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One agent: its task, its model, and what its work is expected to take. `thinks` says how `auto` would
    have it think, and why; "" for any other strategy.

    `usd` and `seconds` are None where the price or the speed is unknown.
    """

    task: Task
    model: str
    tokens: Range
    usd: Range | None
    seconds: Range | None
    thinks: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foresight:
    """`layers` are all agents by depth; `plans` has one step for each layer that asks models.

    `vram_gb` is what is resident at each of these steps, `room_gb` the room, empty when it is unlimited,
    `room_worth` what one more GB on each device would add to the objective of the first step.
    """

    ensemble: str
    router: str
    layers: tuple[tuple[str, ...], ...]
    plans: tuple[Plan, ...]
    agents: Mapping[str, Expected]
    vram_gb: tuple[float, ...]
    room_gb: tuple[float, ...]
    room_worth: tuple[float, ...]
    tokens: Range
    usd: Range | None
    seconds: Range | None
    formulation: str = ""
