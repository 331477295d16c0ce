"""The spans of a recorded run."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator

from opentelemetry.sdk.resources import SERVICE_INSTANCE_ID, Resource
from opentelemetry.sdk.trace import ReadableSpan

from llm_orc.domain.events import Event
from llm_orc.trace.otlp_json import line
from llm_orc.trace.spans import SpanMaker
from llm_orc.trace.tracing import content, resource


def otlp_lines(events: Iterable[Event], redact: Callable[[str], str]) -> Iterator[str]:
    """A line per span, as it ends. A run that has no end ends with its last event."""
    ended: deque[ReadableSpan] = deque()
    # Which process it was is not known any more.
    known = dict(resource(os.environ).attributes)
    known.pop(SERVICE_INSTANCE_ID, None)
    maker = SpanMaker(ended.append, Resource(known), content(redact, os.environ))
    moment = 0.0
    for event in events:
        maker(event)
        moment = event.ts
        while ended:
            yield line(ended.popleft())
    maker.close(moment)
    yield from map(line, ended)
