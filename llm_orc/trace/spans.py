"""Spans from events: run, agent, item, ask, call of a model, call of a tool.

The events say which piece of work they belong to and when it was, so a recorded run gives the same spans as
one that is going on. That is why spans are made here and not by the SDK's tracer, whose ids and times are
its own; it takes five times as long besides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import Event as SpanEvent
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanContext, SpanKind, TraceFlags, TraceState
from opentelemetry.trace.status import Status, StatusCode

from llm_orc.domain.cause import Cause
from llm_orc.domain.events import (
    AgentFinished,
    AgentStarted,
    AskFinished,
    AskStarted,
    CallRetried,
    Event,
    ItemFinished,
    ItemStarted,
    ModelAnswered,
    ModelCalled,
    ModelCancelled,
    ModelFailed,
    Planned,
    RunFinished,
    RunStarted,
    ToolAnswered,
    ToolCalled,
)
from llm_orc.domain.outcome import Failed, Skipped
from llm_orc.trace import attributes
from llm_orc.trace.attributes import Attributes
from llm_orc.trace.content import Content
from llm_orc.trace.metrics import Metrics

SCOPE = InstrumentationScope("llm_orc", schema_url="https://opentelemetry.io/schemas/gen-ai/1.42.0")
"""The conventions that the names follow."""

_SAMPLED = TraceFlags(TraceFlags.SAMPLED)
_UNSET = Status(StatusCode.UNSET)
_ENDS = ModelAnswered, ModelFailed, ModelCancelled, ToolAnswered, AskFinished, ItemFinished


@dataclass(slots=True)
class _Open:
    """A span that has not ended; times are nanoseconds of Unix time."""

    name: str
    kind: SpanKind
    began: int
    parent: str | None
    is_root: bool
    attributes: Attributes
    events: list[SpanEvent] = field(default_factory=list)
    inner: set[str] = field(default_factory=set)


class SpanMaker:
    """An observer that gives each span to `ended` when it ends.

    A span that ends takes those within it along: they were cut off, and say so (`llm_orc.cut`).
    """

    def __init__(
        self,
        ended: Callable[[ReadableSpan], None],
        resource: Resource,
        content: Content,
        metrics: Metrics | None = None,
        *,
        state: str = "",
    ) -> None:
        self._ended = ended
        self._resource = resource
        self._content = content
        self._metrics = metrics
        self._state = TraceState.from_header([state]) if state else None
        self._trace_id = 0
        self._last = 0.0
        self._open: dict[str, _Open] = {}

    def __call__(self, event: Event, /) -> None:
        what, now = event.what, round(event.ts * 1e9)
        begins = self._beginning(event)
        self._last = event.ts
        if isinstance(what, CallRetried) and self._metrics is not None and event.span in self._open:
            self._metrics.retried(what, self._open[event.span].attributes)
        if begins is not None:
            kind, name, given = begins
            self._begin(event, kind, name, given, now)
        elif isinstance(what, _ENDS):
            self._work_ended(event, now)
        elif isinstance(what, AgentFinished):
            self._agent_ended(event, what, now)
        elif isinstance(what, RunFinished):
            self._run_ended(event, what, now)
        elif isinstance(what, Planned):
            self._planned(event, what, now)
        elif (found := attributes.event(what, self._content)) is not None and event.span in self._open:
            self._open[event.span].events.append(SpanEvent(found[0], self._content.bounded(found[1]), now))

    def close(self, moment: float) -> None:
        """End what has no end of its own: the run was cut off at this Unix time."""
        for span in [id_ for id_, found in self._open.items() if found.parent not in self._open]:
            self._end(span, round(moment * 1e9), cut=True)

    def _beginning(self, event: Event) -> tuple[SpanKind, str, Attributes] | None:
        match event.what:
            case ModelCalled() as what:
                kind = SpanKind.INTERNAL if attributes.is_embedded(what) else SpanKind.CLIENT
                given = attributes.model_called(what, self._content)
                return kind, f"chat {given.get('gen_ai.request.model', what.model)}", given
            case AgentStarted(agent=agent) as what:
                return SpanKind.INTERNAL, f"invoke_agent {agent}", attributes.agent_started(what)
            case AskStarted(aside=aside, strategy=strategy) as what:
                name = f"{'aside' if aside else 'sample'} {strategy}"
                return SpanKind.INTERNAL, name, attributes.ask_started(what)
            case ToolCalled(tool=tool) as what:
                return SpanKind.INTERNAL, f"execute_tool {tool}", attributes.tool_called(what, self._content)
            case ItemStarted(agent=agent) as what:
                return SpanKind.INTERNAL, f"item {agent}", attributes.item_started(what)
            case RunStarted(ensemble=ensemble) as what:
                # Recorded runs may have begun before, in a process that died.
                self.close(self._last)
                self._trace_id = int(what.trace_id, 16)
                return SpanKind.INTERNAL, f"invoke_workflow {ensemble}", attributes.run_started(what)
        return None

    def _begin(self, event: Event, kind: SpanKind, name: str, given: Attributes, now: int) -> None:
        self._open[event.span] = _Open(
            name, kind, now, event.parent, isinstance(event.what, RunStarted), given
        )
        around = self._open.get(event.parent or "")
        if around is not None:
            around.inner.add(event.span)

    def _work_ended(self, event: Event, now: int) -> None:
        what = event.what
        if event.span not in self._open:
            # It was known already, so it was never asked for.
            took = getattr(what, "duration_s", 0.0)
            model = getattr(what, "model", "")
            began = now - round(took * 1e9)
            self._begin(event, SpanKind.INTERNAL, f"chat {model}", attributes.known(model), began)
        if self._metrics is not None:
            self._metrics.work(what, self._open[event.span].attributes)
        match what:
            case ModelAnswered():
                self._end(event.span, now, attributes.model_answered(what, self._content))
            case ModelFailed(cause=cause):
                self._end(event.span, now, error=cause)
            case ModelCancelled():
                self._end(event.span, now, cut=True)
            case ToolAnswered(error=error):
                self._end(event.span, now, attributes.tool_answered(what, self._content), error=error)
            case AskFinished(error=error) | ItemFinished(error=error):
                self._end(event.span, now, error=error)

    def _agent_ended(self, event: Event, what: AgentFinished, now: int) -> None:
        outcome = what.outcome
        if event.span not in self._open:
            if isinstance(outcome, Skipped):
                around = self._open.get(event.parent or "")
                if around is not None:
                    around.events.append(
                        SpanEvent("agent skipped", attributes.skipped(what.agent, outcome), now)
                    )
                return
            began = now - round(outcome.effort.duration_s * 1e9)
            given = attributes.agent_started(AgentStarted(agent=what.agent, model=None))
            self._begin(event, SpanKind.INTERNAL, f"invoke_agent {what.agent}", given, began)
        error = outcome.cause if isinstance(outcome, Failed | Skipped) else None
        self._end(event.span, now, attributes.agent_finished(outcome, self._content), error=error)
        if self._metrics is not None:
            self._metrics.agent(what)

    def _run_ended(self, event: Event, what: RunFinished, now: int) -> None:
        result = what.result
        failed = next((o.cause for o in result.agents.values() if isinstance(o, Failed)), None)
        error = result.ended_by or (failed if result.status == "failed" else None)
        self._end(event.span, now, attributes.run_finished(result), error=error)
        if self._metrics is not None:
            self._metrics.run(result, error)

    def _planned(self, event: Event, what: Planned, now: int) -> None:
        took = what.plan.route.solve_ms / 1e3
        name = f"plan {what.plan.route.solver}"
        self._begin(event, SpanKind.INTERNAL, name, attributes.planned(what), now - round(took * 1e9))
        self._end(event.span, now)
        if self._metrics is not None:
            self._metrics.planned(what)

    def _end(
        self,
        span: str,
        now: int,
        given: Attributes | None = None,
        *,
        error: Cause | None = None,
        cut: bool = False,
    ) -> None:
        found = self._open.pop(span, None)
        if found is None:
            return
        for inner in found.inner:
            self._end(inner, now, cut=True)
        around = self._open.get(found.parent or "")
        if around is not None:
            around.inner.discard(span)
        status = _UNSET
        if given is not None:
            found.attributes.update(given)
        if error is not None:
            found.attributes["error.type"] = error.kind
            status = Status(StatusCode.ERROR, self._content.description(error))
        elif cut:
            found.attributes["llm_orc.cut"] = True
        self._ended(
            ReadableSpan(
                found.name,
                context=self._context(span, remote=False),
                parent=None if found.parent is None else self._context(found.parent, remote=found.is_root),
                resource=self._resource,
                attributes=self._content.bounded(found.attributes),
                events=found.events,
                kind=found.kind,
                status=status,
                start_time=min(found.began, now),
                end_time=now,
                instrumentation_scope=SCOPE,
            )
        )

    def _context(self, span: str, *, remote: bool) -> SpanContext:
        return SpanContext(self._trace_id, int(span, 16), remote, _SAMPLED, self._state)
