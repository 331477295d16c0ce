"""What kind of task a prompt asks for: a linear model over hashed words and pieces of words.

Trained by `examples/task_typing/train.py`; docs/tasks.md says how well. Level, steps and needs follow from
the kind and a few signs in the text.
"""

from __future__ import annotations

import json
import math
import re
import zlib
from array import array
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from pathlib import Path
from typing import cast

from llm_orc.domain.task import LEVELS, Level, Task, TaskKind

BUCKETS = 1 << 14
WEIGHTS = Path(__file__).with_name("task_weights.bin")
_HEAD, _TAIL = 600, 200
_WORD = re.compile(r"[^\W\d_]+|\d+|[^\w\s]")


@dataclass(frozen=True, slots=True)
class _Kind:
    level: Level
    steps: int
    world_knowledge: bool
    runs_code: bool
    min_parameters_b: float


_KINDS: dict[TaskKind, _Kind] = {
    "classification": _Kind("understand", 1, False, False, 1),
    "extraction": _Kind("understand", 2, False, False, 3),
    "qa_simple": _Kind("remember", 1, True, False, 3),
    "qa_complex": _Kind("understand", 3, True, False, 7),
    "reasoning": _Kind("apply", 6, False, False, 7),
    "code_generation": _Kind("create", 5, False, True, 7),
    "creative": _Kind("create", 3, False, False, 7),
    "analysis": _Kind("analyse", 4, True, False, 13),
    "summarisation": _Kind("understand", 2, False, False, 7),
}
_STEP_SIGNS = re.compile(
    r"(?im)^[^\S\n]*(?:\d+[.)]|[-*])\s|\b(?:first|then|next|finally|afterwards|step by step)\b"
)
_JUDGING = re.compile(r"(?i)\b(?:evaluate|judge|assess|critique|recommend|rank|which is better)\b")
_MOST_STEPS = 10


def task_of(text: str, kind: TaskKind | None = None) -> Task:
    """The task of a prompt. `kind` is what the file says, and wins; else the text is classified."""
    confidence = 1.0
    source = kind
    if kind is None:
        kind, confidence = classified(text)
    usual = _KINDS[kind]
    shown = _shown(text)
    steps = min(_MOST_STEPS, max(usual.steps, len(_STEP_SIGNS.findall(shown))))
    level: Level = "evaluate" if kind == "analysis" and _JUDGING.search(shown) else usual.level
    return Task(
        kind=kind,
        level=level,
        steps=steps,
        world_knowledge=usual.world_knowledge,
        runs_code=usual.runs_code,
        complexity=complexity(level, steps, world=usual.world_knowledge, code=usual.runs_code),
        min_parameters_b=usual.min_parameters_b,
        confidence=confidence,
        source="classifier" if source is None else "file",
    )


def complexity(level: Level, steps: int, *, world: bool, code: bool) -> float:
    """In [0, 1]: three tenths each for the level and the steps, two each for knowledge and code."""
    high = (LEVELS.index(level) + 1) / len(LEVELS)
    return 0.3 * high + 0.3 * min(steps / 10, 1.0) + 0.2 * world + 0.2 * code


@lru_cache(maxsize=1_024)
def classified(text: str) -> tuple[TaskKind, float]:
    """The likeliest kind and its probability. A text without words counts as a complex question."""
    kinds, scale, biases, weights = _model()
    scores = list(biases)
    width = len(kinds)
    buckets = set(features(text))
    if not buckets:
        return "qa_complex", 0.0
    share = scale / math.sqrt(len(buckets))
    for bucket in buckets:
        row = bucket * width
        for place in range(width):
            scores[place] += share * weights[row + place]
    best = max(range(width), key=scores.__getitem__)
    total = sum(math.exp(score - scores[best]) for score in scores)
    return cast("TaskKind", kinds[best]), 1 / total


def features(text: str) -> Iterator[int]:
    """Buckets of words, pairs of words, and first letters of words. Only the start and the end of a text are
    read: that is where a prompt says what it wants."""
    words = _WORD.findall(_shown(text).lower())
    before = "^"
    for place, word in enumerate(words):
        yield _bucket(word)
        yield _bucket(f"{before} {word}")
        if len(word) > 5:
            yield _bucket(f"{word[:5]}~")
        if place < 3:
            yield _bucket(f"{place}:{word}")
        before = word
    if words:
        yield _bucket(f"length {min(6, len(words) // 8)}")
        yield _bucket(f"{words[-1]} $")


def _shown(text: str) -> str:
    return text if len(text) <= _HEAD + _TAIL else f"{text[:_HEAD]} {text[-_TAIL:]}"


def _bucket(feature: str) -> int:
    return zlib.crc32(feature.encode("utf-8", "surrogatepass")) % BUCKETS


@cache
def _model() -> tuple[list[str], float, list[float], array[int]]:
    """The kinds, the unit of the weights, the biases, and a row of weights per bucket."""
    header, _, packed = WEIGHTS.read_bytes().partition(b"\n")
    about = json.loads(header)
    weights = array("b")
    weights.frombytes(zlib.decompress(packed))
    return about["kinds"], about["scale"], about["biases"], weights
