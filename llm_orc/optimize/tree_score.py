"""How much of a JSON value is right: its leaves, each by its path."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from llm_orc.answers.extraction import json_in
from llm_orc.domain.json import JsonValue
from llm_orc.domain.path import JsonPath, shown
from llm_orc.domain.text import one_line

_NAMED = 5
_SHOWN = 60


def tree_score(expected: JsonValue, output: JsonValue) -> tuple[float, str]:
    """The share of right leaves among those that either has; empty lists and objects are leaves.

    Text is read as JSON where it is. Numbers are equal by value, texts without the spaces around them.
    """
    wanted, found = dict(_leaves(_read(expected), ())), dict(_leaves(_read(output), ()))
    paths = dict.fromkeys((*wanted, *found))
    wrong = [path for path in paths if not _equal(wanted, found, path)]
    if not wrong:
        return 1.0, ""
    said = [_said(wanted, found, path) for path in wrong[:_NAMED]]
    more = f"; and {len(wrong) - _NAMED} more" if len(wrong) > _NAMED else ""
    return 1 - len(wrong) / len(paths), f"wrong: {'; '.join(said)}{more}"


def _read(value: JsonValue) -> JsonValue:
    if not isinstance(value, str):
        return value
    read = json_in(value)
    return value if read is None else read


def _leaves(value: JsonValue, path: JsonPath) -> Iterator[tuple[JsonPath, JsonValue]]:
    if isinstance(value, Mapping) and value:
        for name, each in value.items():
            yield from _leaves(each, (*path, name))
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for place, each in enumerate(value):
            yield from _leaves(each, (*path, place))
    else:
        yield path, value


def _equal(wanted: Mapping[JsonPath, JsonValue], found: Mapping[JsonPath, JsonValue], path: JsonPath) -> bool:
    if path not in wanted or path not in found:
        return False
    one, other = wanted[path], found[path]
    if isinstance(one, str) and isinstance(other, str):
        return one.strip() == other.strip()
    # In Python True is 1.
    return one == other and isinstance(one, bool) == isinstance(other, bool)


def _said(wanted: Mapping[JsonPath, JsonValue], found: Mapping[JsonPath, JsonValue], path: JsonPath) -> str:
    place = shown(path) or "the value"
    if path not in found:
        return f"{place} is missing, expected {_short(wanted[path])}"
    if path not in wanted:
        return f"{place} should not be there"
    return f"{place} expected {_short(wanted[path])}, got {_short(found[path])}"


def _short(value: JsonValue) -> str:
    return one_line(repr(value) if isinstance(value, str) else value, _SHOWN)
