"""Where the spans and metrics of a process go."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Mapping
from functools import partial
from importlib.metadata import version
from pathlib import Path
from time import time
from typing import TextIO

from opentelemetry import trace as current
from opentelemetry.sdk.metrics.export import ConsoleMetricExporter
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.sampling import Decision
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags, set_span_in_context

from llm_orc.domain.events import Event
from llm_orc.domain.span import Trace, carried, new_trace
from llm_orc.errors import UsageFailed
from llm_orc.trace.behind import Behind
from llm_orc.trace.console import Tree
from llm_orc.trace.content import Content
from llm_orc.trace.environment import longest_text
from llm_orc.trace.metrics import Metrics
from llm_orc.trace.otlp_json import line
from llm_orc.trace.sending import MetricSender, Sender, Watch, end_patiently, told
from llm_orc.trace.spans import SpanMaker

CAPTURE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
_STABILITY = "OTEL_SEMCONV_STABILITY_OPT_IN"


class Tracing:
    """Made once per process, before anything is run; `close` sends what is left.

    `traces` and `metrics` name where they go: `console` (standard error), `otlp`, or the path of a file.
    Raises `UsageFailed` for a file that cannot be written and for variables of OpenTelemetry's that cannot be
    used, `NotAvailable` where what sends is not installed.
    """

    def __init__(
        self,
        traces: tuple[str, ...],
        metrics: tuple[str, ...],
        *,
        redact: Callable[[str], str],
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        self._environ = environ
        self._watch = Watch()
        self._resource = resource(environ)
        # The SDK reads the sampler's variables; it makes no spans here (see `spans`).
        self._sampler = TracerProvider(resource=self._resource, shutdown_on_exit=False).sampler
        self._content = content(redact, environ)
        self._behind = Behind()
        self._senders: list[Sender] = []
        self._files: list[SpanFile] = []
        self._sinks = [self._sink(name) for name in traces]
        self._meters: MetricSender | None = None
        self._metrics = self._measured(metrics)

    def begin(self, ensemble: str) -> tuple[Trace, TracedRun]:
        """The trace of a run, and the observer that has its spans made.

        The run is part of the span that is current in the program, or that `TRACEPARENT` names.
        """
        around = _current() or carried(self._environ)
        trace_id = around.trace_id if around is not None else new_trace().trace_id
        parent = None if around is None else around.parent
        state = "" if around is None else around.state
        sampled = self._samples(trace_id, around, f"invoke_workflow {ensemble}")
        trace = Trace(trace_id=trace_id, parent=parent, sampled=sampled, told=True, state=state)
        maker = SpanMaker(
            self._ended if sampled else _drop, self._resource, self._content, self._metrics, state=state
        )
        return trace, TracedRun(maker, self._behind)

    def close(self) -> tuple[str, ...]:
        """Send what is left, and wait for it; what was lost and why, one line each."""
        self._behind.close()
        lost = [file.close() for file in self._files]
        end_patiently([*self._senders, *([] if self._meters is None else [self._meters])], self._watch)
        lost += told(self._senders, self._meters, self._watch)
        self._watch.close()
        return tuple(filter(None, lost))

    def _ended(self, span: ReadableSpan) -> None:
        for sink in self._sinks:
            sink(span)

    def _sink(self, name: str) -> Callable[[ReadableSpan], None]:
        if name == "console":
            return Tree(lambda text: print(text, file=sys.stderr))  # noqa: T201 - what the user asked for
        if name == "otlp":
            self._senders.append(Sender(self._environ, self._watch))
            return self._senders[-1].send
        self._files.append(SpanFile(Path(name)))
        return self._files[-1].write

    def _measured(self, names: tuple[str, ...]) -> Metrics | None:
        if not names:
            return None
        to = ConsoleMetricExporter(sys.stderr) if names == ("console",) else None
        self._meters = MetricSender(self._environ, self._watch, self._resource, to)
        latest = "gen_ai_latest_experimental" in self._environ.get(_STABILITY, "")
        return Metrics(self._meters.provider.get_meter("llm_orc"), latest=latest)

    def _samples(self, trace_id: str, around: Trace | None, name: str) -> bool:
        context = None
        if around is not None and around.parent is not None:
            flags = TraceFlags(TraceFlags.SAMPLED if around.sampled else TraceFlags.DEFAULT)
            parent = SpanContext(int(trace_id, 16), int(around.parent, 16), True, flags)
            context = set_span_in_context(NonRecordingSpan(parent))
        decision = self._sampler.should_sample(context, int(trace_id, 16), name).decision
        return decision is Decision.RECORD_AND_SAMPLE


class TracedRun:
    """An observer that leaves its work to the thread behind the run."""

    def __init__(self, maker: SpanMaker, behind: Behind) -> None:
        self._maker = maker
        self._behind = behind

    def __call__(self, event: Event, /) -> None:
        self._behind.put(partial(self._maker, event))

    def close(self) -> None:
        """The run is over, even if no event says so."""
        self._behind.put(partial(self._maker.close, time()))


class SpanFile:
    """Appends each span as a line when it ends."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lost = ""
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            # Only for its owner, as the journal: spans may hold what was said.
            self._file: TextIO = open(  # noqa: SIM115 - open until `close`; a path has no opener
                path, "a", encoding="utf-8", errors="backslashreplace", opener=partial(os.open, mode=0o600)
            )
        except OSError as error:
            raise UsageFailed(
                f"the trace cannot be written to {path}: {error.strerror}", hint="name another file"
            ) from error

    def write(self, span: ReadableSpan) -> None:
        try:
            self._file.write(line(span) + "\n")
        except OSError as error:
            self._failed(error)

    def close(self) -> str:
        """What went wrong; "" when nothing did."""
        try:
            self._file.close()
        except OSError as error:
            self._failed(error)
        return self._lost

    def _failed(self, error: OSError) -> None:
        self._lost = f"the trace in {self._path} is not complete: {error.strerror}"


def resource(environ: Mapping[str, str]) -> Resource:
    """What the process is, as the environment names it."""
    named = environ.get("OTEL_SERVICE_NAME") or "service.name=" in environ.get("OTEL_RESOURCE_ATTRIBUTES", "")
    return Resource.create(
        {SERVICE_VERSION: version("llm-orc")} | ({} if named else {SERVICE_NAME: "llm-orc"})
    )


def content(redact: Callable[[str], str], environ: Mapping[str, str]) -> Content:
    """Whether prompts and answers are wanted, by the conventions' variable; `true` is its older value."""
    wanted = environ.get(CAPTURE, "").strip().lower() in ("span_only", "span_and_event", "true")
    return Content(wanted=wanted, redact=redact, longest=longest_text(environ))


def _current() -> Trace | None:
    """The span that the program around us is at work for, as a trace to be part of."""
    found = current.get_current_span().get_span_context()
    if not found.is_valid:
        return None
    return Trace(
        trace_id=f"{found.trace_id:032x}",
        parent=f"{found.span_id:016x}",
        sampled=found.trace_flags.sampled,
        state=found.trace_state.to_header(),
    )


def _drop(span: ReadableSpan) -> None:
    """Metrics are wanted of what is not sampled, too."""
