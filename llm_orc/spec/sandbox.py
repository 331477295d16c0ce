"""Jinja, fenced in: no attributes of Python's own, nothing mutable, no output without end.

The fence keeps templates from reaching out and from filling memory by accident or in one step; it is
no bound on the time that nested loops take.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from jinja2 import StrictUndefined, Undefined
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from llm_orc.domain.json import JsonValue

MAX_RANGE = 10_000
MAX_TEXT = 1_000_000
MAX_BITS = 10_000
_MAX_WIDTH = 1_000
_WIDE = re.compile(r"\*|\d{4,}")
# For str.format: a width that is large, or one that is itself a value.
_WIDE_FIELD = re.compile(r"\d{4,}|\{[^{}]*\{")
_PADDING = frozenset({"center", "ljust", "rjust", "zfill", "expandtabs", "format", "format_map"})


class TooLarge(ValueError):
    """An expression whose value would be larger than any prompt."""


class Sandbox(ImmutableSandboxedEnvironment):
    """The environment of every prompt. It has no loader until a prompt includes files."""

    intercepted_binops = frozenset({"*", "**", "%"})

    def __init__(self) -> None:
        # Jinja's optimiser folds constants again at every level of an expression: in one of 100 levels for
        # seconds.
        super().__init__(undefined=StrictUndefined, autoescape=False, finalize=_as_text, optimized=False)
        self.globals.pop("lipsum")
        self.globals["range"] = _range
        self.filters["json"] = _json
        for name in ("center", "indent", "format", "wordwrap"):
            self.filters[name] = _narrow(self.filters[name])

    def call_binop(self, context: Context, operator: str, left: Any, right: Any) -> Any:  # noqa: ANN401
        if operator == "%" and isinstance(left, str) and _WIDE.search(left):
            raise TooLarge("a width is too large")
        if operator == "**" and _power_bits(left, right) > MAX_BITS:
            raise TooLarge("a power is too large")
        if operator == "*" and _repeated(left, right) > MAX_TEXT:
            raise TooLarge("a repetition is too long")
        return super().call_binop(context, operator, left, right)

    def wrap_str_format(self, value: Any) -> Callable[..., str] | None:  # noqa: ANN401
        text = getattr(value, "__self__", None)
        return None if isinstance(text, str) and _WIDE_FIELD.search(text) else super().wrap_str_format(value)

    def is_safe_attribute(self, obj: Any, attr: str, value: Any) -> bool:  # noqa: ANN401
        return super().is_safe_attribute(obj, attr, value) and not (isinstance(obj, str) and attr in _PADDING)


def _range(*bounds: int) -> range:
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise TooLarge(f"range() is limited to {MAX_RANGE:,} numbers")
    return numbers


def _power_bits(left: object, right: object) -> int:
    return left.bit_length() * right if isinstance(left, int) and isinstance(right, int) else 0


def _repeated(left: object, right: object) -> int:
    """How long text or a list becomes when it is multiplied; 0 for numbers."""
    if isinstance(right, str | list | tuple):
        left, right = right, left
    return len(left) * right if isinstance(left, str | list | tuple) and isinstance(right, int) else 0


def _narrow(apply: Any) -> Any:  # noqa: ANN401 - a filter of Jinja's, whatever its signature
    @wraps(apply)  # with Jinja's marks on it
    def narrow(*args: Any, **options: Any) -> Any:  # noqa: ANN401
        if isinstance(args[0], str) and apply.__name__ == "do_format" and _WIDE.search(args[0]):
            raise TooLarge("a width is too large")
        if any(isinstance(size, int) and size > _MAX_WIDTH for size in (*args[1:], *options.values())):
            raise TooLarge("a width is too large")
        return apply(*args, **options)

    return narrow


def _json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _as_text(value: object) -> object:
    """Text as it is, anything else as JSON: how a prompt shows an agent's structured output."""
    if isinstance(value, str | Undefined):
        return value
    return json.dumps(value, ensure_ascii=False)
