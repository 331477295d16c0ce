"""Whether and where runs are traced. Nothing of OpenTelemetry is imported before that is known."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import anyio

from llm_orc.domain.events import Event, Observer
from llm_orc.domain.span import Trace
from llm_orc.errors import UsageFailed
from llm_orc.spec.redaction import redactor
from llm_orc.spec.settings import Settings
from llm_orc.trace.environment import check

if TYPE_CHECKING:
    from llm_orc.trace.tracing import Tracing

_ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
_EXPORTERS = ("otlp", "console", "none")


@dataclass(frozen=True, slots=True)
class Wanted:
    """Where traces and metrics go: `otlp`, `console` or a path; empty: nowhere."""

    traces: tuple[str, ...] = ()
    metrics: tuple[str, ...] = ()


def wanted(setting: str | None, environ: Mapping[str, str]) -> Wanted:
    """What the setting says, or else OpenTelemetry's own variables. Raises `UsageFailed` for a bad one."""
    if environ.get("OTEL_SDK_DISABLED", "").strip().lower() == "true" or setting == "none":
        return Wanted()
    traces = (setting,) if setting else _named("TRACES", environ)
    metrics = _named("METRICS", environ, otherwise="otlp" in traces)
    return Wanted(traces, metrics)


def _named(signal: str, environ: Mapping[str, str], *, otherwise: bool = False) -> tuple[str, ...]:
    variable = f"OTEL_{signal}_EXPORTER"
    names = [name.strip() for name in environ.get(variable, "").split(",") if name.strip()]
    for name in names:
        if name not in _EXPORTERS:
            raise UsageFailed(f"{variable} names {name!r}", hint=f"it may name {', '.join(_EXPORTERS)}")
    if not names:
        own = f"OTEL_EXPORTER_OTLP_{signal}_ENDPOINT"
        names = ["otlp"] if otherwise or environ.get(_ENDPOINT) or environ.get(own) else []
    return tuple(name for name in names if name != "none")


class Tracings:
    """The tracing of one process, opened when a run first wants it. `lost` says, once it is closed, what
    could not be sent or written."""

    def __init__(self) -> None:
        self._tracing: Tracing | None = None
        self.lost: tuple[str, ...] = ()

    @asynccontextmanager
    async def run(
        self, ensemble: str, settings: Settings
    ) -> AsyncIterator[tuple[Trace | None, tuple[Observer, ...]]]:
        """The trace of a run and who makes its spans; None and nobody where it is not traced.

        Raises `UsageFailed` and `NotAvailable` for a place that traces cannot go to.
        """
        tracing = self._tracing = self._tracing or _opened(settings)
        if tracing is None:
            yield None, ()
            return
        trace, traced = tracing.begin(ensemble)
        try:
            yield trace, (traced,)
        finally:
            traced.close()

    async def aclose(self) -> None:
        """Send what is left."""
        tracing, self._tracing = self._tracing, None
        if tracing is not None:
            self.lost = await anyio.to_thread.run_sync(tracing.close)


def _opened(settings: Settings) -> Tracing | None:
    asked = wanted(settings.trace, os.environ)
    if not asked.traces and not asked.metrics:
        return None
    check(os.environ)
    from llm_orc.trace.tracing import Tracing

    return Tracing(asked.traces, asked.metrics, redact=redactor(settings.trace_redact))


def otlp_lines(events: Iterable[Event], settings: Settings) -> Iterator[str]:
    """The spans of a recorded run as OTLP JSON, one per line. Raises `UsageFailed` as `Tracings` does."""
    check(os.environ)
    from llm_orc.trace.replay import otlp_lines

    return otlp_lines(events, redactor(settings.trace_redact))
