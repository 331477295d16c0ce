"""A list that changes in part: the items that it keeps stay as they are written."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from itertools import takewhile

from llm_orc.domain.json import JsonValue
from llm_orc.spec.patch import Patch, check_shared, comments_of_lines
from llm_orc.spec.spans import Span, line_end, line_start, newline
from llm_orc.spec.written import Manner, block

_DASH_OR_COMMENT = re.compile(r"(?<!\S)#[^\r\n]*|-")


def items_patch(text: str, old: Span, before: JsonValue, value: JsonValue, manner: Manner) -> Patch | None:
    """The items between those that stay at the start and at the end, replaced; None if that is no use.

    Raises `RewriteRefused` where an alias stands for one that goes.
    """
    if old.style != "block" or not isinstance(before, list) or not isinstance(value, list | tuple):
        return None
    first, last = _kept(before, list(value))
    if not value or not first + last or len(before) != len(old.items):
        return None
    start = _dash(text, old, first) if first < len(old.items) else -1
    column = old.start - line_start(text, old.start)
    if text[line_start(text, old.start) : old.start].strip(" "):  # below a `? ` or `- `
        return None
    new = value[first : len(value) - last]
    lines = block(new, replace(manner, column=column)) if new else []
    gone = old.items[first : len(before) - last]
    check_shared(text, gone)
    line_break = newline(text, old.start)
    if not gone:
        at = line_end(text, old.items[first - 1].last) if first else line_start(text, old.start)
        return Patch(at, at, "".join(line_break + line if first else line + line_break for line in lines))
    end = line_end(text, gone[-1].last)
    kept = [" " * column + comment for comment in comments_of_lines(text, gone, start)]
    if kept or lines:
        return Patch(start, end, line_break.join([*kept, *lines])[column:])
    begin = line_start(text, start)
    if end < len(text):
        return Patch(begin, end + len(newline(text, end)), "")
    return Patch(len(text[:begin].removesuffix("\n").removesuffix("\r")), end, "")


def _kept(before: list[JsonValue], after: list[JsonValue]) -> tuple[int, int]:
    """How many items stay at the start, and how many at the end."""
    one, other = ([json.dumps(item) for item in items] for items in (before, after))
    first = sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], zip(one, other, strict=False)))
    room = min(len(one), len(other)) - first
    pairs = zip(one[::-1][:room], other[::-1][:room], strict=True)
    return first, sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _dash(text: str, old: Span, index: int) -> int:
    """Where the dash of an item is."""
    at = old.items[index - 1].end if index else old.start
    found = (m.start() for m in _DASH_OR_COMMENT.finditer(text, at) if m[0] == "-")
    return next(found)
