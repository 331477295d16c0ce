"""Events as the page gets them: those of the journal, with what is long cut short.

A page of 20,000 events has to load at once; the whole of one is asked for when somebody looks at it.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from llm_orc.domain.json import JsonValue

SHORT = 4_000
"""Characters of an event that is passed on as it is."""
_TYPE = re.compile(r'"type": ?"(\w+)"')
_TEXT = 600
_ITEMS = 40
_CONTENT = frozenset({"output", "evidence", "detail", "arguments", "text", "message"})
"""Keys under which stands what models, scripts and users wrote."""
_MOST_BYTES = 400_000


def short(text: str) -> str:
    """An event as the journal has it; a long one is cut and says so: `"cut": true`.

    The end of a run tells of its agents and plans what their own events did: here it does not.
    """
    kind = _TYPE.search(text)
    finished = kind is not None and kind[1] == "run_finished"
    if (len(text) <= SHORT and not finished) or (kind is not None and kind[1] == "run_started"):
        return text
    event: dict[str, Any] = json.loads(text)
    if finished:
        event.pop("agents", None)
        event.pop("plan", None)
    else:
        event["cut"] = True
    if event.get("type") == "planned":
        found = event["assignments"].items()
        event["assignments"] = {name: each for name, each in found if each.get("step") == 0}
        event.pop("horizon", None)
    return json.dumps(_cut("", event), ensure_ascii=False)


def batches(lines: Sequence[tuple[int, str]]) -> Iterator[tuple[int, int, bytes]]:
    """Messages of server-sent events: the first and last number of each, and its bytes."""
    start = 0
    while start < len(lines):
        end, size, parts = start, 0, []
        while end < len(lines) and size < _MOST_BYTES:
            parts.append(short(lines[end][1]))
            size += len(parts[-1])
            end += 1
        first, last = lines[start][0], lines[end - 1][0]
        yield first, last, f"id: {last}\ndata: [{','.join(parts)}]\n\n".encode("utf-8", "replace")
        start = end


def _cut(key: str, value: JsonValue) -> JsonValue:
    """What stands under the keys of content, with long texts and lists cut short; the rest as it is."""
    if key in _CONTENT:
        return _shortened(value)
    if isinstance(value, Mapping):
        return {name: _cut(name, each) for name, each in value.items()}
    return value


def _shortened(value: JsonValue) -> JsonValue:
    if isinstance(value, str):
        return value if len(value) <= _TEXT else f"{value[:_TEXT]}…"
    if isinstance(value, Mapping):
        return {name: _shortened(each) for name, each in islice(value.items(), _ITEMS)}
    if isinstance(value, Sequence):
        return [_shortened(each) for each in value[:_ITEMS]]
    return value
