"""A trace as text: a tree of its spans with what each took, printed when its run ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

from opentelemetry.sdk.trace import ReadableSpan

from llm_orc.domain.text import dollars, one_line, safe, seconds

_WIDTH = 60
_Inner: TypeAlias = dict[int | None, list[ReadableSpan]]


class Tree:
    """Takes spans as they end. A run's own comes last, and prints all of its trace."""

    def __init__(self, write: Callable[[str], None]) -> None:
        self._write = write
        self._spans: dict[int, list[ReadableSpan]] = {}

    def __call__(self, span: ReadableSpan) -> None:
        assert span.context is not None
        spans = self._spans.setdefault(span.context.trace_id, [])
        spans.append(span)
        if span.parent is None or span.parent.is_remote:
            del self._spans[span.context.trace_id]
            self._write(f"trace {span.context.trace_id:032x}")
            for line in _lines(span, _by_parent(spans), 0):
                self._write(safe(line))


def _by_parent(spans: list[ReadableSpan]) -> _Inner:
    inner: _Inner = {}
    for span in sorted(spans, key=lambda each: each.start_time or 0):
        inner.setdefault(None if span.parent is None else span.parent.span_id, []).append(span)
    return inner


def _lines(span: ReadableSpan, inner: _Inner, depth: int) -> Iterator[str]:
    assert span.context is not None
    name = (
        one_line("  " * depth + span.name, _WIDTH)
        if depth == 0
        else "  " * depth + one_line(span.name, _WIDTH)
    )
    took = seconds(((span.end_time or 0) - (span.start_time or 0)) / 1e9)
    yield "  ".join([f"{name:<{_WIDTH}} {took:>8}", *_remarks(span)])
    for each in inner.get(span.context.span_id, []):
        yield from _lines(each, inner, depth + 1)


def _remarks(span: ReadableSpan) -> Iterator[str]:
    said = span.attributes or {}
    read, written = said.get("gen_ai.usage.input_tokens"), said.get("gen_ai.usage.output_tokens")
    if isinstance(read, int) and isinstance(written, int):
        yield f"{read}+{written} tokens"
    cost = said.get("llm_orc.cost.amount", said.get("llm_orc.total.usd"))
    if isinstance(cost, int | float) and cost:
        yield dollars(cost)
    confidence = said.get("llm_orc.agent.confidence")
    if isinstance(confidence, int | float):
        yield f"confidence {confidence:.2f}"
    if "error.type" in said:
        yield f"✗ {one_line(span.status.description or said['error.type'], 100)}"
