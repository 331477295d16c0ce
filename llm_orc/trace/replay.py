"""The spans of a recorded run."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from opentelemetry.sdk.trace import ReadableSpan

from llm_orc.domain.events import Event
from llm_orc.trace.otlp_json import line
from llm_orc.trace.spans import SpanMaker
from llm_orc.trace.tracing import content, resource


def otlp_lines(events: Iterable[Event], redact: Callable[[str], str]) -> Iterator[str]:
    """A line per span, as it ends. A run that has no end ends with its last event."""
    ended: deque[ReadableSpan] = deque()
    maker = SpanMaker(ended.append, resource(os.environ), content(redact, os.environ))
    moment = 0.0
    for event in events:
        maker(event)
        moment = event.ts
        while ended:
            yield line(ended.popleft())
    maker.close(moment)
    yield from map(line, ended)
