"""Where in a run something happens, and how others are told: W3C trace context (level 1)."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from random import Random
from secrets import token_hex
from typing import Literal, TypeAlias

SpanKind: TypeAlias = Literal["run", "agent", "item", "ask", "call", "tool"]

_IDS = Random()
"""Asking the system for each id takes longer than all else about an event."""
if hasattr(os, "register_at_fork"):  # a child would go on with the same ids
    os.register_at_fork(after_in_child=_IDS.seed)
_TRACEPARENT = re.compile(r"[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?:-.*)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Trace:
    """The trace that a run belongs to. `trace_id` has 32 hexadecimal digits, `parent` has 16: the span of
    somebody else's that the run is part of, None for none. What is not `sampled` is not told to anyone;
    `told` says whether others are told of the trace at all."""

    trace_id: str
    parent: str | None = None
    sampled: bool = False
    told: bool = False
    state: str = ""


@dataclass(slots=True, eq=False)  # not frozen, which takes three times as long to make
class Span:
    """A piece of work within a run. `agent` is "" for the run itself; `number` tells items, asks, calls and
    tool calls of one agent apart."""

    id: str
    kind: SpanKind
    agent: str
    number: int
    parent: Span | None
    trace: Trace


CURRENT: ContextVar[Span | None] = ContextVar("llm_orc_span", default=None)
"""The span that the code at hand works for. The run's event stream sets it, nobody else."""


def new_trace() -> Trace:
    """A trace that nobody is told of: its id names the run's events all the same."""
    return Trace(trace_id=token_hex(16))


def new_span_id() -> str:
    """16 hexadecimal digits."""
    return f"{_IDS.getrandbits(64):016x}"


def carried(environ: Mapping[str, str]) -> Trace | None:
    """The trace that `TRACEPARENT` and `TRACESTATE` name; None where there is none, or none that is valid."""
    found = _TRACEPARENT.fullmatch(environ.get("TRACEPARENT", "").strip().lower())
    if found is None or not int(found[1], 16) or not int(found[2], 16):
        return None
    sampled = bool(int(found[3], 16) & 1)
    return Trace(trace_id=found[1], parent=found[2], sampled=sampled, state=environ.get("TRACESTATE", ""))


def to_carry() -> dict[str, str]:
    """`traceparent` and, where there is one, `tracestate` for whoever is asked now; empty when nobody is to
    be told."""
    span = CURRENT.get()
    if span is None or not span.trace.told:
        return {}
    trace = span.trace
    told = {"traceparent": f"00-{trace.trace_id}-{span.id}-{'01' if trace.sampled else '00'}"}
    return {**told, "tracestate": trace.state} if trace.state else told
