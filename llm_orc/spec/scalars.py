"""Plain scalars as YAML 1.2 reads them: `on` is text, `1e3` a number, `010` ten, `12:30` text."""

from __future__ import annotations

import math
import re

from llm_orc.domain.json import JsonValue

_CONSTANTS: dict[str, JsonValue] = {
    "": None, "~": None, "null": None, "Null": None, "NULL": None,
    "true": True, "True": True, "TRUE": True,
    "false": False, "False": False, "FALSE": False,
}  # fmt: skip
_INTEGER = re.compile(r"[-+]?[0-9]+", re.ASCII)
_OTHER_BASE = re.compile(r"0o[0-7]+|0x[0-9a-fA-F]+", re.ASCII)
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?", re.ASCII)
_NOT_FINITE = re.compile(r"[-+]?\.(inf|Inf|INF)|\.(nan|NaN|NAN)")
_MAY_BE_NUMBER = frozenset("+-.0123456789")
# Longer integers have no float, and Python refuses to read very long ones.
_LONGEST = 300
_PREFIX = "tag:yaml.org,2002:"


def plain_scalar(text: str) -> JsonValue:
    """The value of an unquoted scalar. Raises `ValueError` for a number that JSON cannot hold."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    return _number(text) if text[0] in _MAY_BE_NUMBER else text


def tagged_scalar(tag: str, text: str) -> JsonValue:
    """The value of a scalar with an explicit tag. Raises `ValueError` when the two do not go together."""
    kind = tag.removeprefix(_PREFIX)
    if tag == "!" or kind == "str":
        return text
    allowed = {"int": (int,), "float": (int, float), "bool": (bool,), "null": (type(None),)}.get(kind)
    if allowed is None or not tag.startswith(_PREFIX):
        raise ValueError(f"the tag {tag.replace(_PREFIX, '!!')!r} is not supported")
    value = plain_scalar(text)
    if type(value) not in allowed:
        raise ValueError(f"this is not what its tag '!!{kind}' says")
    return float(value) if kind == "float" and isinstance(value, int) else value


def _number(text: str) -> JsonValue:
    if _INTEGER.fullmatch(text):
        return int(_short(text))
    if _OTHER_BASE.fullmatch(text):
        return int(_short(text), 0)
    if _FLOAT.fullmatch(text):
        value = float(text)
        if math.isinf(value):
            raise ValueError("this number is too large")
        return value
    if _NOT_FINITE.fullmatch(text):
        raise ValueError("infinity and 'not a number' cannot be used")
    return text


def _short(digits: str) -> str:
    if len(digits) > _LONGEST:
        raise ValueError("this number is too large")
    return digits
