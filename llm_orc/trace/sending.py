"""Sending spans and metrics over OTLP: in threads of the SDK's, and within bounds when the process ends."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib import import_module
from time import monotonic
from typing import Any, Protocol

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import (
    MetricExporter,
    MetricExportResult,
    MetricsData,
    PeriodicExportingMetricReader,
)
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from llm_orc.errors import NotAvailable, UsageFailed
from llm_orc.trace.environment import check_metrics, check_sending, named, number

PATIENCE_SECONDS = 2.0
"""How long the end of a process waits for a collector that takes nothing."""
LONGEST_SECONDS = 30.0
"""How long it waits for one that takes what it gets, but has much to take."""
_LETTING_GO_SECONDS = 0.2
_QUEUE = 1_000_000
"""Spans that may wait. The SDK's default is 2048: a run with many samples makes that in a second."""
_BATCH = 512
"""The SDK's default."""
_TRANSIENT = re.compile(r"Transient error (.*) encountered while", re.DOTALL)
_QUIET = logging.NullHandler()
_ROOMS = {
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
}


class Watch(logging.Handler):
    """What becomes of all that is sent: who took something when, and what the SDK's exporters complain of.

    That is kept for one clear line instead of printed as it comes.
    """

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.changed = threading.Condition()
        self.taken_at = 0.0
        self.is_over = False
        self._complaints: dict[str, str] = {}
        self._sending = threading.local()
        logging.getLogger("opentelemetry").addHandler(self)

    @contextmanager
    def sending(self, signal: str) -> Iterator[None]:
        """What this thread complains of meanwhile is of this signal: `TRACES` or `METRICS`."""
        self._sending.signal = signal
        try:
            yield
        finally:
            self._sending.signal = ""

    def taken(self) -> None:
        """A collector took what it was sent."""
        with self.changed:
            self.taken_at = monotonic()
            self.changed.notify_all()

    def ended(self) -> None:
        with self.changed:
            self.changed.notify_all()

    def emit(self, record: logging.LogRecord) -> None:
        # Once they are given up, they only complain of that.
        if not self.is_over:
            said = record.getMessage()
            found = _TRANSIENT.match(said)
            self._complaints[getattr(self._sending, "signal", "")] = said if found is None else found[1]

    def reason(self, *signals: str) -> str:
        """Why these were not taken. The SDK says only once what goes wrong with both."""
        for signal in (*signals, ""):
            if said := self._complaints.get(signal):
                return said
        return f"no answer within {PATIENCE_SECONDS:g} seconds"

    def close(self) -> None:
        # Threads that were given up may still complain, and nobody wants to hear it.
        logging.getLogger("opentelemetry").addHandler(_QUIET)
        logging.getLogger("opentelemetry").removeHandler(self)
        super().close()


class Sender:
    """Gives spans to a collector."""

    def __init__(self, environ: Mapping[str, str], watch: Watch) -> None:
        self._exporter = _Spans(_exporter("trace_exporter", "OTLPSpanExporter", "TRACES", environ), watch)
        self.place = _place("TRACES", environ)
        queue = number(environ, "OTEL_BSP_MAX_QUEUE_SIZE", _QUEUE)
        batch = number(environ, "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", _BATCH)
        # A batch that is larger than the queue would be an error of the SDK's.
        self._processor = BatchSpanProcessor(self._exporter, queue, max_export_batch_size=min(queue, batch))
        self._given = 0

    def send(self, span: ReadableSpan) -> None:
        self._given += 1
        self._processor.on_end(span)

    def end(self) -> None:
        """Send what is left."""
        self._processor.shutdown()  # type: ignore[no-untyped-call]

    def give_up(self) -> None:
        self._exporter.shutdown()

    @property
    def lost(self) -> str:
        """What did not arrive; "" when all did."""
        lost = self._given - self._exporter.taken
        return f"{lost} span{'s' * (lost != 1)}" if lost else ""


class MetricSender:
    """Gives metrics to a collector, or to another exporter."""

    def __init__(
        self, environ: Mapping[str, str], watch: Watch, resource: Resource, to: MetricExporter | None = None
    ) -> None:
        check_metrics(environ)
        exporter = to or _exporter("metric_exporter", "OTLPMetricExporter", "METRICS", environ)
        self._exporter = _Points(exporter, watch)
        self.place = _place("METRICS", environ)
        reader = PeriodicExportingMetricReader(self._exporter)
        self.provider = MeterProvider([reader], resource=resource, shutdown_on_exit=False)

    def end(self) -> None:
        """Send what was counted."""
        self.provider.shutdown()

    def give_up(self) -> None:
        self._exporter.shutdown()

    @property
    def lost(self) -> str:
        """As for spans."""
        return "" if self._exporter.is_well else "the metrics"


class Ending(Protocol):
    """What is sent when the process ends."""

    def end(self) -> None: ...
    def give_up(self) -> None: ...


def end_patiently(endings: Sequence[Ending], watch: Watch) -> None:
    """Send what is left of all of them at once, and wait for as long as collectors take it."""
    threads = [_thread(each.end, watch) for each in endings]
    began = monotonic()
    with watch.changed:
        while any(thread.is_alive() for thread in threads):
            until = min(max(began, watch.taken_at) + PATIENCE_SECONDS, began + LONGEST_SECONDS)
            # Looked at often as well: a thread that tells of its end is alive for a moment longer.
            left = until - monotonic()
            if left <= 0:
                break
            watch.changed.wait(min(left, 0.05))
    watch.is_over = True
    late = [each for each, thread in zip(endings, threads, strict=True) if thread.is_alive()]
    for letting_go in [_thread(each.give_up, watch) for each in late]:
        letting_go.join(_LETTING_GO_SECONDS)


def told(senders: Sequence[Sender], metrics: MetricSender | None, watch: Watch) -> tuple[str, ...]:
    """What did not arrive and why, in one line."""
    lost = [f"{each.lost} could not be sent to {each.place}" for each in senders if each.lost]
    if metrics is None or not metrics.lost:
        return tuple(f"{each}: {watch.reason('TRACES')}" for each in lost)
    if not lost:
        hint = "OTEL_METRICS_EXPORTER=none sends none"
        return (f"the metrics could not be sent: {watch.reason('METRICS')} ({hint})",)
    both = lost[0].replace(" could not", " and the metrics could not", 1)
    return (f"{both}: {watch.reason('TRACES', 'METRICS')}",)


def _thread(target: Any, watch: Watch) -> threading.Thread:  # noqa: ANN401
    def work() -> None:
        try:
            target()
        finally:
            watch.ended()

    thread = threading.Thread(target=work, name="llm-orc-trace", daemon=True)
    thread.start()
    return thread


class _Spans(SpanExporter):
    """An exporter that knows how many spans were taken."""

    def __init__(self, exporter: SpanExporter, watch: Watch) -> None:
        self._exporter = exporter
        self._watch = watch
        self._ending = threading.Lock()
        self.taken = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        with self._watch.sending("TRACES"):
            result = self._exporter.export(spans)
        if result is SpanExportResult.SUCCESS:
            self.taken += len(spans)
            self._watch.taken()
        return result

    def shutdown(self) -> None:
        # The processor's thread and the end of the process may both be here; the exporter warns the second.
        if self._ending.acquire(blocking=False):
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


class _Points(MetricExporter):
    """The same for metrics. Each export has all of them, so that only the last one counts."""

    def __init__(self, exporter: MetricExporter, watch: Watch) -> None:
        super().__init__(exporter._preferred_temporality, exporter._preferred_aggregation)
        self._exporter = exporter
        self._watch = watch
        self._ending = threading.Lock()
        self.is_well = True

    def export(
        self,
        metrics_data: MetricsData,
        timeout_millis: float = 10_000,
        **rest: Any,  # noqa: ANN401
    ) -> MetricExportResult:
        self.is_well = False
        with self._watch.sending("METRICS"):
            result = self._exporter.export(metrics_data, timeout_millis, **rest)
        if result is MetricExportResult.SUCCESS:
            self.is_well = True
            self._watch.taken()
        return result

    def shutdown(self, timeout_millis: float = 30_000, **rest: Any) -> None:  # noqa: ANN401
        if self._ending.acquire(blocking=False):
            self._exporter.shutdown(timeout_millis, **rest)

    def force_flush(self, timeout_millis: float = 10_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _exporter(module: str, name: str, signal: str, environ: Mapping[str, str]) -> Any:  # noqa: ANN401
    """Raises `UsageFailed` for a variable that cannot be used, `NotAvailable` without the package."""
    protocol = check_sending(signal, environ)
    try:
        room = import_module(f"{_ROOMS[protocol]}.{module}")
    except ImportError as error:
        raise NotAvailable(
            "traces cannot be sent: the OTLP exporter is not installed",
            hint="pip install 'llm-orc[otlp]'; --trace none does without",
        ) from error
    given: dict[str, Any] = {}
    if protocol == "grpc" and environ.get(named(signal, environ, "COMPRESSION"), "").strip() == "none":
        # What the conventions call none, this exporter does not know by that name.
        given["compression"] = room.Compression.NoCompression
    try:
        return getattr(room, name)(**given)
    except Exception as error:
        # It does nothing but read its variables: what it raises is about one of them.
        raise UsageFailed(f"the OTEL_EXPORTER_OTLP_ variables cannot be used: {error}") from error


def _place(signal: str, environ: Mapping[str, str]) -> str:
    return environ.get(named(signal, environ, "ENDPOINT"), "").strip() or "the default address"
