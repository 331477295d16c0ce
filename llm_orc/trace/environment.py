"""OpenTelemetry's variables, looked at before the SDK reads them.

Of what it cannot use, the SDK raises an error here and takes a default there, and says either in its own
way. A variable that was set on purpose and does nothing is found out late.
"""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from llm_orc.errors import UsageFailed

Fault = Callable[[str], str]
"""What a value should be instead; "" for one that can be used."""

PROTOCOLS = ("http/protobuf", "grpc")
_LIMITS = (
    "OTEL_ATTRIBUTE_COUNT_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_EVENT_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", "OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT",
    "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_EVENT_COUNT_LIMIT", "OTEL_SPAN_LINK_COUNT_LIMIT",
)  # fmt: skip
_BATCHES = (
    "OTEL_BSP_EXPORT_TIMEOUT", "OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "OTEL_BSP_MAX_QUEUE_SIZE",
    "OTEL_BSP_SCHEDULE_DELAY",
)  # fmt: skip
_RATIOS = ("traceidratio", "parentbased_traceidratio")
_SAMPLERS = ("always_on", "always_off", "parentbased_always_on", "parentbased_always_off", *_RATIOS)
_FILES = ("CERTIFICATE", "CLIENT_CERTIFICATE", "CLIENT_KEY")
_SECRET = ("HEADERS",)


def check(environ: Mapping[str, str]) -> None:
    """What every trace depends on. The SDK reads some of it when it is imported: look before.

    Raises `UsageFailed` for the first variable that cannot be used.
    """
    for name in _LIMITS:
        _check(environ, name, _whole(0))
    _check(environ, "OTEL_RESOURCE_ATTRIBUTES", _pairs)
    _check(environ, "OTEL_TRACES_SAMPLER", _one_of(_SAMPLERS))
    if environ.get("OTEL_TRACES_SAMPLER", "").lower() in _RATIOS:
        _check(environ, "OTEL_TRACES_SAMPLER_ARG", _share)


def check_sending(signal: str, environ: Mapping[str, str]) -> str:
    """The same for what is sent: `TRACES` or `METRICS`. The protocol."""
    protocol = _check_of(signal, environ, "PROTOCOL", _one_of(PROTOCOLS)) or PROTOCOLS[0]
    # A channel of gRPC takes addresses of many kinds.
    _check_of(signal, environ, "ENDPOINT", _address if protocol == PROTOCOLS[0] else _unbroken)
    _check_of(signal, environ, "TIMEOUT", _seconds)
    _check_of(signal, environ, "HEADERS", _headers)
    deflate = ("deflate",) if protocol == PROTOCOLS[0] else ()
    _check_of(signal, environ, "COMPRESSION", _one_of(("none", "gzip", *deflate)))
    for each in _FILES:
        _check_of(signal, environ, each, _file)
    if signal == "TRACES":
        for name in _BATCHES:
            _check(environ, name, _whole(1))
        return protocol
    _check(
        environ,
        "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE",
        _one_of(("cumulative", "delta", "lowmemory")),
    )
    _check(
        environ,
        "OTEL_EXPORTER_OTLP_METRICS_DEFAULT_HISTOGRAM_AGGREGATION",
        _one_of(("explicit_bucket_histogram", "base2_exponential_bucket_histogram")),
    )
    return protocol


def check_metrics(environ: Mapping[str, str]) -> None:
    """The same for metrics, wherever they go."""
    for name in ("OTEL_METRIC_EXPORT_INTERVAL", "OTEL_METRIC_EXPORT_TIMEOUT"):
        _check(environ, name, _whole(1))
    _check(environ, "OTEL_METRICS_EXEMPLAR_FILTER", _one_of(("trace_based", "always_on", "always_off")))


def longest_text(environ: Mapping[str, str]) -> int | None:
    """How long a text may be; None: any length. Of variables that were checked."""
    for name in ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT"):
        if given := environ.get(name, "").strip():
            return int(given)
    return None


def number(environ: Mapping[str, str], name: str, otherwise: int) -> int:
    """A whole number that was checked."""
    return int(environ.get(name, "").strip() or otherwise)


def named(signal: str, environ: Mapping[str, str], name: str) -> str:
    """The variable that is in force for a signal: its own, or the one for all."""
    own = f"OTEL_EXPORTER_OTLP_{signal}_{name}"
    return own if environ.get(own, "").strip() else f"OTEL_EXPORTER_OTLP_{name}"


def _check_of(signal: str, environ: Mapping[str, str], name: str, fault: Fault) -> str:
    return _check(environ, named(signal, environ, name), fault)


def _check(environ: Mapping[str, str], name: str, fault: Fault) -> str:
    """The value; "" where there is none."""
    given = environ.get(name, "").strip()
    if given and (should := fault(given)):
        # Headers hold keys.
        shown = "cannot be used" if name.endswith(_SECRET) else f"is {given[:80]!r}"
        raise UsageFailed(f"{name} {shown}", hint=f"it may be {should}")
    return given


def _whole(least: int) -> Fault:
    def fault(given: str) -> str:
        usable = given.isascii() and given.isdigit() and len(given) < 16 and int(given) >= least
        return "" if usable else f"a whole number, {least} or more"

    return fault


def _one_of(names: tuple[str, ...]) -> Fault:
    return lambda given: "" if given.lower() in names else f"{', '.join(names[:-1])} or {names[-1]}"


def _float(given: str) -> float:
    try:
        return float(given)
    except ValueError:
        return math.nan


def _share(given: str) -> str:
    return "" if 0 <= _float(given) <= 1 else "a number from 0 to 1"


def _seconds(given: str) -> str:
    return "" if 0 < _float(given) < 1e6 else "a number of seconds above 0"


def _pairs(given: str) -> str:
    well = all("=" in pair for pair in given.split(",") if pair.strip())
    return "" if well else "pairs, as in name=value,other=value"


def _headers(given: str) -> str:
    """As `parse_env_headers` of the SDK takes them, which leaves out what it cannot read."""
    for pair in filter(str.strip, given.split(",")):
        name, is_pair, value = (unquote(part).strip() for part in pair.partition("="))
        if not (is_pair and name.isascii() and name.replace("-", "").replace("_", "").isalnum()):
            return "pairs, as in name=value,other=value, with %20 for a space"
        if not (value.isprintable() and value.isascii()):
            return "pairs whose values are plain ASCII text"
    return ""


def _address(given: str) -> str:
    should = "an address, as in http://localhost:4318"
    try:
        url = urlsplit(given)
        well = url.scheme in ("http", "https") and url.hostname and url.port != 0
    except ValueError:
        return should
    return "" if well and not _unbroken(given) else should


def _unbroken(given: str) -> str:
    return "an address, as in http://localhost:4317" if len(given.split()) > 1 else ""


def _file(given: str) -> str:
    return "" if Path(given).is_file() and os.access(given, os.R_OK) else "a file that can be read"
