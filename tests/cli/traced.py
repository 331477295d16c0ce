"""Runs of the command line that a collector, or a file, is told of."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tests.servers.otlp import Collector, request_of_json, spans_of

from .command_line import CommandLine


class Traced:
    """One run and its spans at the collector."""

    def __init__(self, collector: Collector, done: Any) -> None:
        assert done.returncode in (0, 1, 3), done.stderr
        self.result = json.loads(done.stdout)
        self.stderr = done.stderr
        self.trace = self.result["trace_id"]
        self.spans = [span for span in collector.spans if span["trace"] == self.trace]

    def named(self, name: str) -> dict[str, Any]:
        """The only span of this name."""
        (span,) = [span for span in self.spans if span["name"] == name]
        return span


def run(
    llm_orc: CommandLine, collector: Collector, *flags: str, protocol: str = "http/protobuf", **variables: str
) -> Traced:
    """A run of `e.yaml` that a collector is told of."""
    place = {"OTEL_EXPORTER_OTLP_ENDPOINT": getattr(collector, protocol[:4])}
    arguments = ("invoke", "e.yaml", "hello", "--output-format", "json", *flags)
    done = llm_orc(*arguments, **{**place, "OTEL_EXPORTER_OTLP_PROTOCOL": protocol, **variables})
    return Traced(collector, done)


def lines(path: Path) -> list[dict[str, Any]]:
    """The spans in a file of OTLP JSON, as protobuf reads them."""
    return [span for line in path.read_text().splitlines() for span in spans_of(request_of_json(line))]
