"""OpenTelemetry's variables: one that cannot be used is named before anything is run."""

from __future__ import annotations

import pytest

from llm_orc.errors import UsageFailed
from llm_orc.trace.environment import check, check_metrics, check_sending, longest_text

from .command_line import agent
from .traced import lines, run


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "abc"),
        ("OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-5"),
        ("OTEL_SPAN_ATTRIBUTE_COUNT_LIMIT", "abc"),
        ("OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "-1"),
        ("OTEL_SPAN_EVENT_COUNT_LIMIT", "x"),
        ("OTEL_TRACES_SAMPLER_ARG", "2"),
        ("OTEL_METRICS_EXEMPLAR_FILTER", "some"),
        ("OTEL_EXPORTER_OTLP_COMPRESSION", "zip"),
        ("OTEL_BSP_MAX_QUEUE_SIZE", "0"),
    ],
)
def test_a_variable_that_cannot_be_used_is_one_line_that_names_it(llm_orc, name, value):
    llm_orc.ensemble(agent("a", "4"))
    # With every place that reads one.
    there = {
        "OTEL_TRACES_SAMPLER": "traceidratio", "OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:9",
        "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc",
    }  # fmt: skip
    done = llm_orc("invoke", "e.yaml", "hello", **{**there, name: value})
    assert (done.returncode, done.stdout) == (2, "")
    error, hint = done.stderr.splitlines()
    assert error == f"error: {name} is {value!r}"
    assert hint.startswith("hint: it may be ")


def test_an_export_names_it_too(llm_orc):
    (llm_orc.folder / ".llm-orc").mkdir()
    llm_orc.ensemble(agent("a", "4"))
    llm_orc("invoke", "e.yaml", "hello")
    limit = {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "long"}
    done = llm_orc("runs", "export", "last", "--format", "otlp", **limit)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT is 'long'\n")


def test_the_longest_text_holds_for_spans_and_their_events(llm_orc):
    llm_orc.ensemble(agent("a", "4", strategy={"type": "self_consistency", "samples": 2}))
    wanted = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}
    limit = {"OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT": "9"}
    llm_orc("invoke", "e.yaml", "hello, how are you?", "--trace", "t.jsonl", **wanted, **limit)
    spans = lines(llm_orc.folder / "t.jsonl")
    said = [*(span["attributes"] for span in spans), *(said for span in spans for _, said in span["events"])]
    texts = [value for each in said for value in each.values() if isinstance(value, str)]
    assert max(map(len, texts)) == 9


def test_a_queue_that_is_shorter_than_a_batch_and_no_compression_are_fine(llm_orc, collector):
    llm_orc.ensemble(agent("a", "4"))
    small = {"OTEL_BSP_MAX_QUEUE_SIZE": "3", "OTEL_EXPORTER_OTLP_COMPRESSION": "none"}
    for protocol in ("grpc", "http/protobuf"):
        assert len(run(llm_orc, collector, protocol=protocol, **small).spans) == 3


OTLP = "OTEL_EXPORTER_OTLP_"


@pytest.mark.parametrize(
    ("name", "bad", "good"),
    [
        (f"{OTLP}TIMEOUT", ("ten", "0", "-1", "nan", "inf"), ("10", "0.5", " 3 ")),
        (f"{OTLP}TRACES_TIMEOUT", ("ten",), ("10",)),
        (f"{OTLP}METRICS_TIMEOUT", ("ten",), ("10",)),
        (
            f"{OTLP}HEADERS",
            ("nonsense", "a b=c", "=x", "x=\u00e4", "x=a%0ab"),
            ("a=b,c-d=e%20f", "a=b==,", "a="),
        ),
        (f"{OTLP}ENDPOINT", ("localhost:4318", "http://", "http://h:x", "ftp://h"), ("https://h:1/x",)),
        (f"{OTLP}METRICS_ENDPOINT", ("localhost:4318",), ("http://[::1]:4318",)),
        (f"{OTLP}COMPRESSION", ("zip",), ("gzip", "Deflate", "none")),
        (f"{OTLP}PROTOCOL", ("smoke",), ("grpc", "http/protobuf")),
        (f"{OTLP}TRACES_PROTOCOL", ("smoke",), ("grpc",)),
        (f"{OTLP}CERTIFICATE", ("/nowhere.pem", "/"), (__file__,)),
        (f"{OTLP}CLIENT_KEY", ("/nowhere.pem",), (__file__,)),
        (f"{OTLP}METRICS_TEMPORALITY_PREFERENCE", ("x",), ("delta", "LowMemory")),
        (f"{OTLP}METRICS_DEFAULT_HISTOGRAM_AGGREGATION", ("x",), ("explicit_bucket_histogram",)),
        ("OTEL_METRIC_EXPORT_INTERVAL", ("0", "x"), ("60000",)),
        ("OTEL_METRIC_EXPORT_TIMEOUT", ("x",), ("30000",)),
        ("OTEL_BSP_SCHEDULE_DELAY", ("x", "0"), ("5",)),
        ("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", ("x", "0"), ("5",)),
        ("OTEL_BSP_EXPORT_TIMEOUT", ("x",), ("5",)),
        ("OTEL_TRACES_SAMPLER", ("sometimes",), ("always_off", "parentbased_traceidratio")),
        ("OTEL_RESOURCE_ATTRIBUTES", ("x", "a=b,c"), ("a=b,c=d", "a=b,")),
        ("OTEL_LINK_ATTRIBUTE_COUNT_LIMIT", ("\u0663", "1e3"), ("0", "10", " ")),
    ],
)
def test_what_a_variable_may_be(name, bad, good):
    def look(value: str) -> None:
        environ = {name: value}
        check(environ)
        check_metrics(environ)
        for signal in ("TRACES", "METRICS"):
            check_sending(signal, environ)

    for value in good:
        look(value)
    for value in bad:
        with pytest.raises(UsageFailed, match=name):
            look(value)


def test_headers_are_never_shown():
    with pytest.raises(UsageFailed, match=r"^OTEL_EXPORTER_OTLP_HEADERS cannot be used$"):
        check_sending("TRACES", {"OTEL_EXPORTER_OTLP_HEADERS": "secret"})


def test_the_variable_of_spans_comes_before_that_of_all():
    general, own = "OTEL_ATTRIBUTE_VALUE_LENGTH_LIMIT", "OTEL_SPAN_ATTRIBUTE_VALUE_LENGTH_LIMIT"
    assert longest_text({general: "5", own: "7"}) == 7
    assert longest_text({general: "5", own: ""}) == 5
    assert longest_text({}) is None
