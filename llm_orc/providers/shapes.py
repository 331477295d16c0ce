"""Read JSON that others wrote: what is not there, or is of another type, is a `WrongShape`."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from llm_orc.domain.json import JsonObject, JsonValue


class WrongShape(ValueError):
    """A reply that is not what the protocol promises; the message names the place."""


def parse_object(data: bytes) -> JsonObject:
    """A JSON object. RecursionError is what the parser raises for brackets nested without end."""
    try:
        value: JsonValue = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise WrongShape("it is not JSON") from error
    return as_object(value, "the reply")


def as_object(value: JsonValue, where: str) -> JsonObject:
    if not isinstance(value, Mapping):
        raise WrongShape(f"{where} is not an object")
    return value


def as_list(value: JsonValue, where: str) -> Sequence[JsonValue]:
    if isinstance(value, str) or not isinstance(value, Sequence):
        raise WrongShape(f"{where} is not a list")
    return value


def as_text(value: JsonValue, where: str) -> str:
    """A string that can be encoded; null is the empty string, as servers use it."""
    if value is None:
        return ""
    if not isinstance(value, str):
        raise WrongShape(f"{where} is not a string")
    return value if value.isascii() else _without_lone_surrogates(value)


def as_number(value: JsonValue, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise WrongShape(f"{where} is not a number")
    return float(value)


def as_vector(value: JsonValue, where: str) -> list[float]:
    return [as_number(number, where) for number in as_list(value, where)]


def as_count(value: JsonValue, where: str) -> int:
    """A number of tokens; 0 when the server did not say."""
    if value is None:
        return 0
    number = as_number(value, where)
    if not 0 <= number < 2**53:
        raise WrongShape(f"{where} is not a count")
    return int(number)


def _without_lone_surrogates(text: str) -> str:
    """JSON may spell half a character (`\\ud83d`), which no file, terminal or database takes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text
