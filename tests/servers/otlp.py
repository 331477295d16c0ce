"""A collector: takes spans and metrics over OTLP, by HTTP (protobuf or JSON) and by gRPC, and tells what
came.

It is a process of its own. In a test, use `collecting`; by hand, run this file: it prints its two addresses.
Requests to paths that begin with `/503` or `/404` are answered with that status. `GET /received` says what
came.
"""

from __future__ import annotations

import base64
import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Collector:
    """Where it listens."""

    http: str
    grpc: str

    @property
    def received(self) -> Json:
        with urllib.request.urlopen(f"{self.http}/received", timeout=10) as reply:
            found: Json = json.load(reply)
            return found

    @property
    def spans(self) -> list[Json]:
        """In the order in which they came."""
        spans: list[Json] = self.received["spans"]
        return spans

    @property
    def metrics(self) -> dict[str, list[Json]]:
        """The points by the name of their metric."""
        metrics: dict[str, list[Json]] = self.received["metrics"]
        return metrics


@contextmanager
def collecting() -> Iterator[Collector]:
    with subprocess.Popen([sys.executable, __file__], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        http, grpc = process.stdout.readline().split()
        try:
            yield Collector(http, grpc)
        finally:
            process.kill()


def tree(spans: list[Json]) -> list[str]:
    """The spans as lines: each below its parent and further in, in the order in which they began."""
    ids = {span["id"] for span in spans}

    def lines(parent: str | None, depth: int) -> Iterator[str]:
        for span in sorted(spans, key=lambda each: int(each["began"])):
            if span["parent"] == parent or (parent is None and span["parent"] not in ids):
                yield "  " * depth + span["name"]
                yield from lines(span["id"], depth + 1)

    return list(lines(None, 0))


def spans_of(request: Any) -> Iterator[Json]:
    """The spans of an ExportTraceServiceRequest."""
    for of_resource in request.resource_spans:
        for of_scope in of_resource.scope_spans:
            for span in of_scope.spans:
                yield {
                    "trace": span.trace_id.hex(),
                    "id": span.span_id.hex(),
                    "parent": span.parent_span_id.hex() or None,
                    "state": span.trace_state,
                    "flags": span.flags,
                    "name": span.name,
                    "kind": type(span).SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    "began": str(span.start_time_unix_nano),
                    "ended": str(span.end_time_unix_nano),
                    "attributes": attributes_of(span.attributes),
                    "events": [[event.name, attributes_of(event.attributes)] for event in span.events],
                    "error": span.status.message if span.status.code == 2 else None,
                    "resource": attributes_of(of_resource.resource.attributes),
                    "scope": of_scope.scope.name,
                    "schema": of_scope.schema_url,
                }


def request_of_json(line: str) -> Any:
    """The request that a line of OTLP JSON is. Protobuf's own JSON has ids in base64."""
    from google.protobuf.json_format import ParseDict
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    given = json.loads(line)
    for of_resource in given["resourceSpans"]:
        for of_scope in of_resource["scopeSpans"]:
            for span in of_scope["spans"]:
                for name in ("traceId", "spanId", "parentSpanId"):
                    if name in span:
                        span[name] = base64.b64encode(bytes.fromhex(span[name])).decode()
    return ParseDict(given, ExportTraceServiceRequest())


def attributes_of(given: Any) -> Json:
    return {each.key: _value(each.value) for each in given}


def _value(value: Any) -> Any:
    kind = value.WhichOneof("value")
    if kind == "array_value":
        return [_value(each) for each in value.array_value.values]
    return getattr(value, kind)


def _points(request: Any) -> Iterator[tuple[str, Json]]:
    for of_resource in request.resource_metrics:
        for of_scope in of_resource.scope_metrics:
            for metric in of_scope.metrics:
                kind = metric.WhichOneof("data")
                for point in getattr(metric, kind).data_points:
                    given: Json = {"attributes": attributes_of(point.attributes), "unit": metric.unit}
                    if kind == "histogram":
                        given |= {"count": point.count, "sum": point.sum}
                    else:
                        given["value"] = getattr(point, point.WhichOneof("value"))
                    yield metric.name, given


class _Received:
    """What came, by whatever way."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._spans: list[Json] = []
        self._metrics: dict[str, list[Json]] = {}
        self._headers: list[Json] = []

    def take(self, request: Any, headers: Json) -> None:
        with self._lock:
            self._headers.append(headers)
            if hasattr(request, "resource_spans"):
                self._spans.extend(spans_of(request))
                return
            # Each export has all points from the beginning.
            self._metrics = {}
            for name, point in _points(request):
                self._metrics.setdefault(name, []).append(point)

    def told(self) -> bytes:
        with self._lock:
            whole = {"spans": self._spans, "metrics": self._metrics, "headers": self._headers}
            return json.dumps(whole).encode()


def _http(received: _Received) -> ThreadingHTTPServer:
    from opentelemetry.proto.collector.metrics.v1.metrics_service_pb2 import ExportMetricsServiceRequest
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, received.told())

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            path = self.path
            if path.startswith(("/503", "/404")):
                self._answer(int(path[1:4]), b"")
                return
            if self.headers["content-type"] == "application/json":
                request = request_of_json(body.decode())
            else:
                kind = ExportTraceServiceRequest if path == "/v1/traces" else ExportMetricsServiceRequest
                request = kind.FromString(body)
            received.take(request, dict(self.headers.items()))
            self._answer(200, b"")

        def _answer(self, status: int, body: bytes) -> None:
            self.send_response(status)
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *said: object) -> None:
            """Quiet."""

    return ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def _grpc(received: _Received) -> int:
    import grpc
    from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
    from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):  # type: ignore[misc]
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
            received.take(request, dict(context.invocation_metadata()))
            return trace_service_pb2.ExportTraceServiceResponse()

    class Points(metrics_service_pb2_grpc.MetricsServiceServicer):  # type: ignore[misc]
        def Export(self, request: Any, context: Any) -> Any:  # noqa: N802
            received.take(request, dict(context.invocation_metadata()))
            return metrics_service_pb2.ExportMetricsServiceResponse()

    server = grpc.server(ThreadPoolExecutor(4))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Points(), server)
    port: int = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _KEPT.append(server)
    return port


_KEPT: list[Any] = []
"""A gRPC server that nobody holds ends."""


def main() -> None:
    received = _Received()
    port = _grpc(received)
    server = _http(received)
    sys.stdout.write(f"http://127.0.0.1:{server.server_address[1]} http://127.0.0.1:{port}\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
