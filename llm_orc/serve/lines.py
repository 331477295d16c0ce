"""Events as the page gets them: those of the journal, with what is long cut short.

A page of 20,000 events has to load at once; the whole of one is asked for when somebody looks at it.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from llm_orc.domain.json import JsonValue

SHORT = 4_000
"""Characters of an event that is passed on as it is."""
_TEXT = 600
_ITEMS = 40
_CONTENT = ("output", "evidence", "detail", "arguments", "result")
_MOST_BYTES = 400_000


def short(text: str) -> str:
    """An event as the journal has it; a long one is cut and says so: `"cut": true`.

    The end of a run tells of its agents and plans what their own events did: here it does not.
    """
    finished = '"type":"run_finished"' in text[:100] or '"type": "run_finished"' in text[:100]
    if len(text) <= SHORT and not finished:
        return text
    event: dict[str, Any] = json.loads(text)
    if finished:
        event.pop("agents", None)
        event.pop("plan", None)
    elif event.get("type") == "planned":
        event["assignments"] = {
            name: found for name, found in event["assignments"].items() if found.get("step") == 0
        }
        event.pop("horizon", None)
        event["cut"] = True
    else:
        event["cut"] = True
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
    if isinstance(value, str):
        return value if len(value) <= _TEXT else f"{value[:_TEXT]}…"
    if key in _CONTENT and not isinstance(value, str):
        text = json.dumps(value, ensure_ascii=False)
        if len(text) > SHORT and key != "evidence":
            return f"{text[:_TEXT]}…"
    if isinstance(value, Mapping):
        return {name: _cut(name, each) for name, each in value.items()}
    if isinstance(value, Sequence):
        kept = value[:_ITEMS] if key not in ("layers", "ready") else value
        return [_cut("", each) for each in kept]
    return value
