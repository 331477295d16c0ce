"""What kind of task an agent has: what decides how good a model is at it, and how much it will write."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

TaskKind = Literal[
    "classification", "extraction", "qa_simple", "qa_complex", "reasoning", "code_generation", "creative",
    "analysis", "summarisation",
]  # fmt: skip
Level = Literal["remember", "understand", "apply", "analyse", "evaluate", "create"]
"""Cognitive levels, lowest first (Bloom's taxonomy, revised by Anderson and Krathwohl 2001)."""

TASK_KINDS: tuple[TaskKind, ...] = get_args(TaskKind)
LEVELS: tuple[Level, ...] = get_args(Level)


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """An agent's task. `complexity` and `confidence` are in [0, 1]; `min_parameters_b` is the size in
    billions of parameters from which models usually do well. `source` says who decided on the kind."""

    kind: TaskKind
    level: Level
    steps: int
    world_knowledge: bool
    runs_code: bool
    complexity: float
    min_parameters_b: float
    confidence: float = 1.0
    source: Literal["file", "classifier"] = "file"
