"""Values as YAML text that is read back as exactly those values, in the style that is nearest to a file's."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from llm_orc.domain.json import JsonValue
from llm_orc.spec.scalars import plain_scalar

MAX_FLOW = 80
MAX_INDICATOR = 9
# What editors do not show, or YAML takes for a line break; the joiner within emoji (U+200D) is left alone.
_INVISIBLE = (
    "\x7f-\xa0\xad\u061c\u200b\u200c\u200e\u200f\u2028-\u202f\u2060-\u206f\ufeff\ufff0-\uffff\ud800-\udfff"
)
_ESCAPED = re.compile(f"[{_INVISIBLE}]")
_NOT_LITERAL = re.compile(f"[\x00-\x08\x0b-\x1f{_INVISIBLE}]")
_ENDS_IN_SPACE = re.compile(r"[ \t](?:\n|\Z)")
_PLAIN = re.compile(r"[^\W\d_](?:[^\t\n:#]|:(?=[^\s,\[\]{}])|(?<=\S)#)*")
_PLAIN_IN_FLOW = re.compile(r"[A-Za-z][\w ./()%+@-]*", re.ASCII)
# What YAML 1.1 reads as something else than text, which other tools still do.
_WORDS_OF_1_1 = frozenset({"y", "n", "yes", "no", "on", "off", "true", "false", "null"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Manner:
    """How a file writes: `column` of the mapping's keys, spaces per level, `flush` lists under their key.

    `style` is that of the value that was there. `flow`: within brackets, on one line; `quoted`: as JSON does.
    `body` is the column of the old text's lines, where it was a block of lines.
    """

    column: int
    step: int = 2
    flush: bool = False
    style: str = ""
    flow: bool = False
    quoted: bool = False
    body: int | None = None
    clip: bool = False


@dataclass(frozen=True, slots=True)
class Written:
    """What stands after the key, and the lines that follow below it.

    `open`: what comes after the value on its line, a comment, stands in its first line, not in its last.
    """

    inline: str
    below: tuple[str, ...] = ()
    open: bool = True


def quoted(text: str) -> str:
    """In double quotes, as in JSON, with escapes for what editors do not show."""
    return _ESCAPED.sub(lambda found: f"\\u{ord(found[0]):04x}", json.dumps(text, ensure_ascii=False))


def text_written(text: str, manner: Manner) -> Written:
    """A text as the value of a key."""
    if manner.flow:
        return Written(_in_flow(text, manner))
    body = text.rstrip("\n")
    if ("\n" in body or manner.style in ("|", ">")) and _is_literal(text):
        return _literal(text, manner)
    if "\n" in body and len(body) > MAX_FLOW:
        return _folded(text, manner)
    if "\n" not in text:
        return Written(_one_line(text, manner.style))
    return Written(quoted(text))


def value_written(value: JsonValue, manner: Manner) -> Written:
    """Any value as the value of a key."""
    if isinstance(value, str):
        return text_written(value, manner)
    if not isinstance(value, Mapping | Sequence) or not value or manner.flow:
        return Written(flow(value, json_style=manner.quoted))
    if manner.style != "block" and _is_short(value):
        return Written(flow(value, json_style=manner.quoted))
    column = manner.column + (0 if manner.flush and not isinstance(value, Mapping) else manner.step)
    return Written("", tuple(block(value, replace(manner, column=column))))


def block(value: Mapping[str, JsonValue] | Sequence[JsonValue], manner: Manner) -> list[str]:
    """The lines of a collection that is not empty, each with its indentation."""
    space = " " * manner.column
    lines: list[str] = []
    manner = replace(manner, style="", body=None, clip=False)
    if isinstance(value, Mapping):
        for key, member in value.items():
            written = value_written(member, manner)
            lines += [f"{space}{key_written(key)}:{_after(written.inline)}", *written.below]
        return lines
    inner = replace(manner, column=manner.column + 2)
    for item in value:
        if isinstance(item, Mapping | list | tuple) and item and not _is_short(item):
            first, *rest = block(item, inner)
            lines += [f"{space}- {first[inner.column :]}", *rest]
        else:
            written = value_written(item, replace(manner, flow=not isinstance(item, str)))
            lines += [f"{space}-{_after(written.inline)}", *written.below]
    return lines


def flow(value: JsonValue, *, json_style: bool = False) -> str:
    """A value on one line, in brackets where it is a collection."""
    if isinstance(value, str):
        return value if not json_style and _is_plain_in_flow(value) else quoted(value)
    if isinstance(value, Mapping):
        members = (
            f"{key_written(key, json_style=json_style)}: {flow(member, json_style=json_style)}"
            for key, member in value.items()
        )
        return "{" + ", ".join(members) + "}"
    if isinstance(value, Sequence):
        return "[" + ", ".join(flow(item, json_style=json_style) for item in value) + "]"
    return json.dumps(value, allow_nan=False)


def key_written(key: str, *, json_style: bool = False) -> str:
    """A mapping's key."""
    return key if not json_style and _is_plain_in_flow(key) else quoted(key)


def _after(inline: str) -> str:
    return f" {inline}" if inline else ""


def _in_flow(text: str, manner: Manner) -> str:
    if manner.style == "'" and _fits_single_quotes(text):
        return _single(text)
    return text if manner.style != '"' and not manner.quoted and _is_plain_in_flow(text) else quoted(text)


def _one_line(text: str, style: str) -> str:
    if style == "'" and _fits_single_quotes(text):
        return _single(text)
    plain = _PLAIN.fullmatch(text) is not None and _is_word(text) and not text.endswith(" ")
    return text if style != '"' and plain and not _NOT_LITERAL.search(text) else quoted(text)


def _single(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _fits_single_quotes(text: str) -> bool:
    return text == text.strip() and not re.search(r"[\t\n]", text) and not _NOT_LITERAL.search(text)


def _is_plain_in_flow(text: str) -> bool:
    return _PLAIN_IN_FLOW.fullmatch(text) is not None and _is_word(text) and text == text.strip()


def _is_word(text: str) -> bool:
    return text.lower() not in _WORDS_OF_1_1 and plain_scalar(text) == text


def _is_literal(text: str) -> bool:
    """Whether a literal block shows the text as it is: nothing invisible, no space at a line's end."""
    return (
        text.strip("\n") != ""
        and not text.endswith("\n\n")
        and not _NOT_LITERAL.search(text)
        and not _ENDS_IN_SPACE.search(text)
        and "\n\t" not in f"\n{text}"
    )


def _literal(text: str, manner: Manner) -> Written:
    column = manner.column + manner.step if manner.body is None else manner.body
    indicator = str(column - manner.column) if text.lstrip("\n").startswith(" ") else ""
    chomping = "" if text.endswith("\n") or manner.clip else "-"
    lines = text.removesuffix("\n").split("\n")
    space = " " * column
    return Written(f"|{indicator}{chomping}", tuple(space + line if line else "" for line in lines))


def _folded(text: str, manner: Manner) -> Written:
    """Double quotes over several lines, one for each of the text: every line break is escaped."""
    first, *rest = [quoted(line)[1:-1] for line in text.split("\n")]
    space = " " * (manner.column + manner.step if manner.body is None else manner.body)
    rest = [f"\\{line}" if line.startswith(" ") else line for line in rest]
    lines = ['"' + first, *(space + line for line in rest)]
    opening, *below = [line + "\\n\\" for line in lines[:-1]] + [lines[-1] + '"']
    return Written(opening, tuple(below), open=False)


def _is_short(value: JsonValue) -> bool:
    """Whether a collection reads well on one line: plain settings, no texts of several lines."""
    members = list(value.values()) if isinstance(value, Mapping) else value
    if not isinstance(members, Sequence) or isinstance(members, str):
        return False
    simple = all(
        not isinstance(member, Mapping | list | tuple) and not (isinstance(member, str) and "\n" in member)
        for member in members
    )
    return not members or (simple and len(flow(value)) <= MAX_FLOW)
