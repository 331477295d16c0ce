"""JSON values, and how the JSON of scripts, models and users is read."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NoReturn, TypeAlias

JsonValue: TypeAlias = "str | int | float | bool | Sequence[JsonValue] | Mapping[str, JsonValue] | None"
JsonObject: TypeAlias = Mapping[str, JsonValue]

MAX_LEVELS = 100
_HALF = re.compile(r"\\u[dD][89a-fA-F]")


def parse_json(text: str) -> JsonValue:
    """What a text says that is JSON (RFC 8259) and can be written as JSON again.

    Raises `ValueError` for anything else: also for NaN and numbers too large for a float, for halves of
    characters (`\\ud83d`), and for more than `MAX_LEVELS` lists and objects within each other.
    """
    try:
        value: JsonValue = json.loads(text, parse_float=_finite, parse_constant=_no_number)
    except RecursionError as error:
        raise ValueError("nested too deeply") from error
    if text.count("[") + text.count("{") > MAX_LEVELS and _levels(value) > MAX_LEVELS:
        raise ValueError("nested too deeply")
    if _HALF.search(text):
        json.dumps(value, ensure_ascii=False).encode()  # raises UnicodeEncodeError, a ValueError
    return value


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits[:20]} is too large")
    return number


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is not a JSON number")


def _levels(value: JsonValue) -> int:
    """How deep lists and objects are nested, counted no further than one more than is allowed."""
    levels, layer = 0, [value]
    while levels <= MAX_LEVELS:
        layer = [whole for whole in layer if isinstance(whole, Mapping | list)]
        if not layer:
            break
        levels += 1
        layer = [part for whole in layer for part in _parts(whole)]
    return levels


def _parts(whole: JsonValue) -> Iterable[JsonValue]:
    return whole.values() if isinstance(whole, Mapping) else whole if isinstance(whole, list) else ()
