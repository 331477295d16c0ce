"""Sending spans and metrics over OTLP: in a thread of the SDK's, and within bounds when the process ends."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Mapping, Sequence
from importlib import import_module
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import MetricExporter
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult

from llm_orc.errors import NotAvailable, UsageFailed

PATIENCE_SECONDS = 2.0
"""How long the end of a process waits for a collector with which something is wrong."""
LONGEST_SECONDS = 30.0
_QUEUE = 1_000_000
"""Spans that may wait. The SDK's default is 2048: a run with many samples makes that in a second."""
_TRANSIENT = re.compile(r"Transient error (.*) encountered while", re.DOTALL)
_ROOMS = {
    "http/protobuf": "opentelemetry.exporter.otlp.proto.http",
    "grpc": "opentelemetry.exporter.otlp.proto.grpc",
}


class Complaints(logging.Handler):
    """What the SDK's exporters complain of: kept for one clear line instead of printed as it comes."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.last = ""
        self.is_over = False
        logging.getLogger("opentelemetry").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        # Once it is over, they only complain of that.
        if not self.is_over:
            said = record.getMessage()
            found = _TRANSIENT.match(said)
            self.last = said if found is None else found[1]

    def close(self) -> None:
        logging.getLogger("opentelemetry").removeHandler(self)
        super().close()


class Sender:
    """Gives spans to a collector."""

    def __init__(self, environ: Mapping[str, str], complaints: Complaints) -> None:
        self._exporter = _Counting(_exporter("trace_exporter", "OTLPSpanExporter", "TRACES", environ))
        self._complaints = complaints
        self._place = (
            environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT")
            or environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
            or "the default address"
        )
        limited = "OTEL_BSP_MAX_QUEUE_SIZE" in environ
        self._processor = BatchSpanProcessor(self._exporter, max_queue_size=None if limited else _QUEUE)

    def send(self, span: ReadableSpan) -> None:
        self._processor.on_end(span)

    def close(self) -> str:
        """Send what is left; what was lost and why, "" when nothing was."""
        _patiently(self._processor.shutdown, self._exporter.shutdown, self._complaints)
        lost = self._exporter.lost
        if not lost:
            return ""
        return f"{lost} span{'s' * (lost != 1)} could not be sent to {self._place}: {self._complaints.last}"


def send_metrics(provider: MeterProvider, exporter: MetricExporter, complaints: Complaints) -> str:
    """Send the metrics of a process that ends; what went wrong, "" when nothing did."""
    if complaints.is_over:
        # The collector was given up already, and that is said.
        exporter.shutdown()
        provider.shutdown()
        return ""
    complaints.last = ""
    _patiently(provider.shutdown, exporter.shutdown, complaints)
    said = complaints.last
    return f"the metrics could not be sent: {said}" if said else ""


def metric_exporter(environ: Mapping[str, str]) -> MetricExporter:
    """The exporter that the environment asks for. Raises as the one for spans does."""
    found: MetricExporter = _exporter("metric_exporter", "OTLPMetricExporter", "METRICS", environ)
    return found


class _Counting(SpanExporter):
    """An exporter that knows how many spans it lost."""

    def __init__(self, exporter: SpanExporter) -> None:
        self._exporter = exporter
        self._sent = threading.Lock()
        self.lost = 0

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        if result is not SpanExportResult.SUCCESS:
            self.lost += len(spans)
        return result

    def shutdown(self) -> None:
        # The processor's thread and the end of the process may both be here; the exporter warns the second.
        if self._sent.acquire(blocking=False):
            self._exporter.shutdown()

    def force_flush(self, timeout_millis: int = 30_000) -> bool:
        return self._exporter.force_flush(timeout_millis)


def _exporter(module: str, name: str, signal: str, environ: Mapping[str, str]) -> Any:  # noqa: ANN401
    """Raises `UsageFailed` for an unknown protocol or a bad variable, `NotAvailable` without the package."""
    variable = "OTEL_EXPORTER_OTLP_PROTOCOL"
    protocol = (
        environ.get(f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL") or environ.get(variable) or "http/protobuf"
    )
    room = _ROOMS.get(protocol.strip())
    if room is None:
        raise UsageFailed(f"{variable} is {protocol!r}", hint=f"it may be {' or '.join(_ROOMS)}")
    try:
        exporter = getattr(import_module(f"{room}.{module}"), name)
    except ImportError as error:
        raise NotAvailable(
            "traces cannot be sent: the OTLP exporter is not installed",
            hint="pip install 'llm-orc[otlp]'; --trace none does without",
        ) from error
    try:
        return exporter()
    except ValueError as error:
        raise UsageFailed(f"the OTEL_EXPORTER_OTLP_ variables cannot be used: {error}") from error


def _patiently(end: Callable[[], object], give_up: Callable[[], object], complaints: Complaints) -> None:
    """Wait for as long as all goes well; a collector that does not answer is not waited for long."""
    ending = threading.Thread(target=end, name="llm-orc-trace", daemon=True)
    ending.start()
    ending.join(PATIENCE_SECONDS)
    if ending.is_alive() and complaints.last:
        complaints.is_over = True
        give_up()
    ending.join(LONGEST_SECONDS)
