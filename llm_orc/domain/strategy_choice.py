"""Which strategy suits a task: by its kind, the size of the model, and what is at stake.

Voting helps where answers can be compared and a model is often right but not always; critique where they
cannot; neither where a plain answer is nearly always right. docs/strategies.md has the table.
"""

from __future__ import annotations

from typing import Literal

from llm_orc.domain.ensemble import StrategySpec
from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Model
from llm_orc.domain.task import Task

Quality = Literal["low", "normal", "high"]

SMALL_B = 7.0
_COMPARABLE = frozenset({"classification", "extraction", "qa_simple"})
_WRITTEN = frozenset({"analysis", "creative", "summarisation", "qa_complex"})


def choose(task: Task, model: Model, quality: Quality) -> tuple[StrategySpec, str]:
    """The strategy and the reason."""
    size = model.parameters_b
    small = size is not None and size < SMALL_B
    if quality == "low":
        return StrategySpec(), "little is at stake"
    if task.kind == "reasoning":
        return _reasoning(small=small, quality=quality)
    if quality == "normal":
        return StrategySpec(), f"{task.kind} seldom gains from more than one answer"
    if task.kind in _COMPARABLE:
        return _votes(5, 3), f"much is at stake, and answers to {task.kind} can be compared"
    if task.kind in _WRITTEN:
        return StrategySpec(type="refine", settings={"rounds": 2}), (
            f"much is at stake, and {task.kind} gains from a critique"
        )
    return StrategySpec(type="verify", settings={"retries": 1}), f"much is at stake: {task.kind} is checked"


def _reasoning(*, small: bool, quality: Quality) -> tuple[StrategySpec, str]:
    if quality == "high":
        return _votes(20, 5), "much is at stake, and solutions can be compared"
    if small:
        return _votes(10, 4), "a small model is often right: the answers that agree are"
    return StrategySpec(type="chain_of_thought"), "a large model needs room to reason, not votes"


def _votes(samples: int, window: int) -> StrategySpec:
    settings: JsonObject = {"samples": samples, "early_stop": {"window": window}}
    return StrategySpec(type="self_consistency", settings=settings)
