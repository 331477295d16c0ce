"""Spans as OTLP JSON: an ExportTraceServiceRequest per line, as collectors take it and write it.

The JSON form of OTLP (opentelemetry-proto, docs/specification.md): ids are hexadecimal, 64-bit numbers are
strings, enumerations are numbers.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.util.instrumentation import InstrumentationScope
from opentelemetry.trace import SpanKind
from opentelemetry.trace.status import StatusCode

Json = dict[str, object]
_KINDS = {
    SpanKind.INTERNAL: 1,
    SpanKind.SERVER: 2,
    SpanKind.CLIENT: 3,
    SpanKind.PRODUCER: 4,
    SpanKind.CONSUMER: 5,
}
_CODES = {StatusCode.UNSET: 0, StatusCode.OK: 1, StatusCode.ERROR: 2}
_HAS_IS_REMOTE, _IS_REMOTE = 0x100, 0x200


def line(span: ReadableSpan) -> str:
    """The span as one line, with its resource and scope."""
    resource, scope = span.resource, span.instrumentation_scope
    scoped: Json = {"scope": _scope(scope), "spans": [_span(span)]}
    if scope is not None and scope.schema_url:
        scoped["schemaUrl"] = scope.schema_url
    request = {"resourceSpans": [{"resource": _resource(resource), "scopeSpans": [scoped]}]}
    return json.dumps(request, ensure_ascii=False, separators=(",", ":"))


def _resource(resource: Resource) -> Json:
    return {"attributes": _attributes(resource.attributes)}


def _scope(scope: InstrumentationScope | None) -> Json:
    if scope is None:
        return {}
    return {"name": scope.name, **({"version": scope.version} if scope.version else {})}


def _span(span: ReadableSpan) -> Json:
    context, parent = span.context, span.parent
    assert context is not None
    found: Json = {"traceId": f"{context.trace_id:032x}", "spanId": f"{context.span_id:016x}"}
    if context.trace_state:
        found["traceState"] = context.trace_state.to_header()
    if parent is not None:
        found["parentSpanId"] = f"{parent.span_id:016x}"
    remote = _IS_REMOTE if parent is not None and parent.is_remote else 0
    return {
        **found,
        "flags": int(context.trace_flags) | _HAS_IS_REMOTE | remote,
        "name": span.name,
        "kind": _KINDS[span.kind],
        "startTimeUnixNano": str(span.start_time),
        "endTimeUnixNano": str(span.end_time),
        "attributes": _attributes(span.attributes or {}),
        "events": [
            {
                "timeUnixNano": str(event.timestamp),
                "name": event.name,
                "attributes": _attributes(event.attributes or {}),
            }
            for event in span.events
        ],
        "status": _status(span),
    }


def _status(span: ReadableSpan) -> Json:
    code = _CODES[span.status.status_code]
    return {"code": code, **({"message": span.status.description} if span.status.description else {})}


def _attributes(given: Mapping[str, object]) -> list[Json]:
    return [{"key": key, "value": _value(value)} for key, value in given.items()]


def _value(value: object) -> Json:
    match value:
        case bool():
            return {"boolValue": value}
        case int():
            return {"intValue": str(value)}
        case float():
            return {"doubleValue": value}
        case Sequence() if not isinstance(value, str):
            return {"arrayValue": {"values": [_value(each) for each in value]}}
    return {"stringValue": str(value)}
