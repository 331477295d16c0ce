"""Prompts as templates: Jinja in a sandbox, over data that is never rendered again.

Most prompts are text with names in it. Those are put together without Jinja, to the same effect.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.errors import PromptFailed
from llm_orc.spec.document import ReadText, read_text
from llm_orc.spec.redaction import redacted

if TYPE_CHECKING:
    from jinja2 import Template

MAX_OUTPUT = 10_000_000
_NAME = re.compile(r"\{\{\s*([A-Za-z_][A-Za-z0-9_]*)\s*\}\}")
_OBJECT = re.compile(r"'\w+ object'|'\w+' object")
# What Jinja reads as something else than the name of a variable.
_RESERVED = frozenset({
    "true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else",
    "self", "super", "caller", "varargs", "kwargs", "loop", "range", "dict", "cycler", "joiner",
    "namespace", "lipsum",
})  # fmt: skip


class PlainPrompt:
    """Text with names in it: `parts` are text and names by turns, text first."""

    __slots__ = ("_constants", "_parts", "_source", "names")

    def __init__(self, source: str, parts: tuple[str, ...], constants: JsonObject) -> None:
        self._source = source
        self._parts = parts
        self._constants = constants
        self.names = frozenset(parts[1::2])

    @property
    def source(self) -> str:
        return self._source

    @property
    def optional(self) -> frozenset[str]:
        return frozenset()

    def render(self, variables: Mapping[str, JsonValue]) -> str:
        parts = list(self._parts)
        for index in range(1, len(parts), 2):
            name = parts[index]
            try:
                value = variables[name] if name in variables else self._constants[name]
            except KeyError:
                raise _undefined(f"{name!r} is undefined") from None
            parts[index] = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        return "".join(parts)


class JinjaPrompt:
    """A template that needs Jinja. `optional` are names that it reads only where they are defined."""

    __slots__ = ("_constants", "_source", "_template", "names", "optional")

    def __init__(
        self,
        source: str,
        template: Template,
        names: tuple[frozenset[str], frozenset[str]],
        constants: JsonObject,
    ) -> None:
        self._source = source
        self._template = template
        self._constants = constants
        self.names, self.optional = names

    @property
    def source(self) -> str:
        return self._source

    def render(self, variables: Mapping[str, JsonValue]) -> str:
        try:
            return "".join(_bounded(self._template.generate({**self._constants, **variables})))
        except RecursionError as error:
            raise PromptFailed("the prompt cannot be rendered: it includes itself without end") from error
        except _template_caused() as error:
            raise _undefined(str(error) or type(error).__name__) from error


def compile_prompt(
    source: str, folder: Path, constants: JsonObject | None = None, read: ReadText = read_text
) -> PlainPrompt | JinjaPrompt:
    """The prompt of a source. `{% include %}` finds files in `folder` only, and `read`s them now.

    `constants` are variables that are the same in every run. Raises `TemplateFault`.
    """
    parts = _plain_parts(source)
    if parts is not None:
        return PlainPrompt(source, parts, constants or {})
    from llm_orc.spec.jinja_prompt import compile_jinja

    template, names, optional = compile_jinja(source, folder, read)
    return JinjaPrompt(source, template, (names, optional), constants or {})


def _plain_parts(source: str) -> tuple[str, ...] | None:
    """None when the source has anything but text and `{{ name }}`."""
    parts = tuple(_NAME.split(source.removesuffix("\n")))
    if "\r" in source or not _RESERVED.isdisjoint(parts[1::2]):
        return None
    for index, text in enumerate(parts[::2]):
        last = 2 * index == len(parts) - 1
        if "{{" in text or "{%" in text or "{#" in text or (text.endswith("{") and not last):
            return None
    return parts


def _bounded(pieces: Iterator[str]) -> Iterator[str]:
    length = 0
    for piece in pieces:
        length += len(piece)
        if length > MAX_OUTPUT:
            raise ValueError(f"it is longer than {MAX_OUTPUT:,} characters")
        yield piece


def _undefined(said: str) -> PromptFailed:
    message = _OBJECT.sub("the value", " ".join(redacted(said).split()))
    return PromptFailed(f"the prompt cannot be rendered: {message[:300].rstrip('.')}")


@cache
def _template_caused() -> tuple[type[Exception], ...]:
    """What an expression of a template can raise; anything else is a bug of ours."""
    from jinja2 import TemplateError

    return (
        TemplateError, ArithmeticError, AttributeError, LookupError, RuntimeError, TypeError, ValueError,
        AssertionError,
    )  # fmt: skip
