"""Which models are too weak for a task."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from llm_orc.domain.model import Model
from llm_orc.domain.task import LEVELS, Task

THINKING_FROM_B = 7.0
"""Billions of parameters from which analysing, judging and creating usually go well."""

NAMED = 3
"""Agents that a warning names; of the others it says how many."""


def doubts(task: Task, model: Model) -> Iterator[str]:
    """Why the model may be too weak, one sentence each; nothing where its size is unknown."""
    if task.kind in model.weaknesses:
        yield f"{task.kind} is a known weakness of {model.name}"
    declared = task.kind in model.capabilities
    if model.parameters_b is None or declared:
        # What was measured for the kind says more than a size.
        return
    if model.parameters_b < task.min_parameters_b:
        yield (
            f"{model.name} has {model.parameters_b:g}B parameters, and {task.kind} usually takes "
            f"{task.min_parameters_b:g}B"
        )
    elif LEVELS.index(task.level) >= LEVELS.index("analyse") and model.parameters_b < THINKING_FROM_B:
        yield f"{model.name} has {model.parameters_b:g}B parameters, and to {task.level} usually takes 7B"


def warnings(doubted: Iterable[tuple[str, str]]) -> Iterator[str]:
    """Agents and doubts as lines for people: those that have the same doubt share one."""
    by_doubt: dict[str, list[str]] = {}
    for agent, doubt in doubted:
        by_doubt.setdefault(doubt, []).append(agent)
    for doubt, agents in by_doubt.items():
        named = ", ".join(map(repr, agents[:NAMED]))
        more = f" and {len(agents) - NAMED} more" if len(agents) > NAMED else ""
        yield f"agent{'s' * (len(agents) > 1)} {named}{more}: {doubt}"
