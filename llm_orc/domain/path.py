"""Paths into JSON outputs: `items[0].name`, `solver.answer`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

from llm_orc.domain.json import JsonValue

JsonPath: TypeAlias = tuple[str | int, ...]

_STEP = re.compile(r"\.?([^.\[\]\s]+)|\[(\d+)\]")


class Missing:
    """What a path leads to when there is nothing."""


MISSING: Final = Missing()


def parse_path(text: str) -> JsonPath:
    """The steps of a path. Raises `ValueError` when it is not one."""
    steps: list[str | int] = []
    at = 0
    while at < len(text):
        step = _STEP.match(text, at)
        if step is None or (text[at] == "." and at == 0):
            raise ValueError(f"{text!r} is not a path such as items[0].name")
        steps.append(int(step[2]) if step[2] else step[1])
        at = step.end()
    if not steps:
        raise ValueError("the path is empty")
    return tuple(steps)


def value_at(value: JsonValue, path: JsonPath) -> JsonValue | Missing:
    """What a path leads to in a value."""
    for step in path:
        has = isinstance(value, Mapping) and step in value if isinstance(step, str) else _reaches(value, step)
        if not has:
            return MISSING
        value = value[step]  # type: ignore[index] # a mapping by key, or a list by place
    return value


def shown(path: JsonPath) -> str:
    """The path as it is written."""
    text = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in path)
    return text.removeprefix(".")


def _reaches(value: JsonValue, place: int) -> bool:
    return isinstance(value, Sequence) and not isinstance(value, str) and place < len(value)
