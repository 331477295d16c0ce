"""The one stream of events of a run: numbered, timed, placed, handed to every observer in order.

Whoever emits an event is at work on what it tells of, in a task of its own or of what is around it. So the
pieces of work (`Span`) are known from the events alone: a context variable holds the innermost one.
"""

from __future__ import annotations

from collections.abc import Sequence
from time import time

from llm_orc.domain.events import (
    AgentFinished,
    AgentHeld,
    AgentStarted,
    AskFinished,
    AskStarted,
    CallQueued,
    CallRetried,
    CallSent,
    Event,
    Happening,
    ItemFinished,
    ItemStarted,
    ModelAnswered,
    ModelCalled,
    ModelCancelled,
    ModelFailed,
    Observer,
    Planned,
    RunFinished,
    RunStarted,
    ScriptLogged,
    ToolAnswered,
    ToolCalled,
)
from llm_orc.domain.span import CURRENT, Span, SpanKind, Trace, new_span_id, new_trace

_BEGINS: dict[type, tuple[SpanKind, int, str]] = {
    ItemStarted: ("item", 1, "index"),
    AskStarted: ("ask", 2, "ask"),
    ModelCalled: ("call", 3, "call"),
    ToolCalled: ("tool", 3, "call"),
}
"""Event -> what begins with it, how deep what is around it may lie, and the field that numbers it."""

_ENDS: dict[type, tuple[SpanKind, int, str]] = {
    ItemFinished: ("item", 1, "index"),
    AskFinished: ("ask", 2, "ask"),
    ModelAnswered: ("call", 3, "call"),
    ModelFailed: ("call", 3, "call"),
    ModelCancelled: ("call", 3, "call"),
    ToolAnswered: ("tool", 3, "call"),
}

_DEPTH: dict[SpanKind, int] = {"run": 0, "agent": 1, "item": 2, "ask": 3, "call": 4, "tool": 4}
_OF_AN_AGENT = 2
"""As deep as agents of an ensemble within an agent, and what its strategy says, can lie."""
_ANYWHERE = 4

_WITHIN = frozenset({CallQueued, CallSent, CallRetried, ScriptLogged})
"""Events of whatever is going on."""

Place = tuple[str, str | None]
"""The ids of a span and, where it begins, of its parent."""


class EventStream:
    """Stamps what happens and tells the observers."""

    def __init__(
        self, observers: Sequence[Observer] = (), last_seq: int = 0, trace: Trace | None = None
    ) -> None:
        self._observers = tuple(observers)
        self._seq = last_seq
        self.trace = trace or new_trace()
        self._root = Span(new_span_id(), "run", "", 0, None, self.trace)
        self._agents: dict[tuple[str, str], Span] = {}
        self._outside = CURRENT.get()

    def __call__(self, what: Happening) -> None:
        self._seq += 1
        span, parent = self._place(what)
        event = Event(self._seq, time(), what, span, parent)
        for observe in self._observers:
            observe(event)

    def _place(self, what: Happening) -> Place:
        kind = type(what)
        agent: str | None = getattr(what, "agent", None)
        if agent is None:
            return self._of_run(what)
        if kind in _BEGINS:
            begins, depth, field = _BEGINS[kind]
            return self._begun(begins, agent, getattr(what, field), self._nearest(agent, depth))
        if kind in _ENDS:
            ends, depth, field = _ENDS[kind]
            return self._ended(ends, agent, getattr(what, field), depth)
        if kind is AgentStarted:
            return self._begun("agent", agent, 0, self._around(agent))
        if kind is AgentFinished:
            return self._agent_ended(agent)
        if kind is AgentHeld:
            return self._around(agent).id, None
        return self._nearest(agent, _ANYWHERE if kind in _WITHIN else _OF_AN_AGENT).id, None

    def _of_run(self, what: Happening) -> Place:
        match what:
            case RunStarted():
                CURRENT.set(self._root)
                return self._root.id, self.trace.parent
            case RunFinished():
                CURRENT.set(self._outside)
            case Planned():
                return new_span_id(), self._root.id
        return self._root.id, None

    def _begun(self, kind: SpanKind, agent: str, number: int, around: Span) -> Place:
        span = Span(new_span_id(), kind, agent, number, around, self.trace)
        if kind == "agent":
            self._agents[around.id, agent] = span
        CURRENT.set(span)
        return span.id, around.id

    def _ended(self, kind: SpanKind, agent: str, number: int, depth: int) -> Place:
        span = CURRENT.get()
        while span is not None:
            if span.kind == kind and span.agent == agent and span.number == number:
                CURRENT.set(span.parent)
                return span.id, None
            span = span.parent
        # It never began: an answer that was there already.
        return new_span_id(), self._nearest(agent, depth).id

    def _agent_ended(self, agent: str) -> Place:
        around = self._around(agent)
        span = self._agents.pop((around.id, agent), None)
        CURRENT.set(around)
        # One that was never started has no span yet.
        return (new_span_id(), around.id) if span is None else (span.id, None)

    def _around(self, agent: str) -> Span:
        """The span that an agent runs within: the run's, or that of the agent around it."""
        outer, _, _ = agent.rpartition("/")
        return self._nearest(outer, _OF_AN_AGENT)

    def _nearest(self, agent: str, depth: int) -> Span:
        """The innermost span of an agent down to a depth.

        What was cancelled is still in the variable: it lies deeper, or belongs to an agent before this one.
        """
        span = CURRENT.get()
        while span is not None and (span.agent != agent or _DEPTH[span.kind] > depth):
            span = span.parent
        return self._root if span is None else span
