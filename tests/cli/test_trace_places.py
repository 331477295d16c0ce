"""Where traces go: a file, the terminal, a collector that fails, nowhere."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import urllib.request
from typing import Any

import pytest

from tests.servers.faulty import Reply
from tests.servers.otlp import request_of_json, spans_of, tree

from .command_line import CommandLine, agent, closed_port, failing, script, served
from .traced import Traced, lines


def test_a_file_gets_a_line_per_span_and_an_export_of_the_run_is_the_same(llm_orc, collector, faulty_server):
    (llm_orc.folder / ".llm-orc").mkdir()
    llm_orc.ensemble(
        script("parts", "print('[1, 2]')"),
        served(faulty_server.openai_url, "each", depends_on=["parts"], fan_out=True),
        agent("vote", "4", "5", "4", strategy={"type": "self_consistency", "samples": 3}),
        agent("never", when="parts == 'x'", depends_on=["parts"]),
        failing("broken", on_failure="skip"),
        output="each",
    )  # fmt: skip
    llm_orc("invoke", "e.yaml", "hello", "--trace", "t.jsonl", "--quiet")
    done = llm_orc("runs", "export", "last", "--format", "otlp", "--output", "again.jsonl")
    assert done.returncode == 0, done.stderr
    live, again = lines(llm_orc.folder / "t.jsonl"), lines(llm_orc.folder / "again.jsonl")
    for span in live:
        del span["resource"]["service.instance.id"]
    assert len(live) == 11
    assert again == live
    for line in (llm_orc.folder / "again.jsonl").read_text().splitlines():
        post(f"{collector.http}/v1/traces", line)
    assert [span["id"] for span in collector.spans if span["trace"] == live[0]["trace"]] == [
        span["id"] for span in live
    ]


def test_files_of_traces_and_exports_are_their_owners_alone_unless_they_were_there(llm_orc):
    (llm_orc.folder / ".llm-orc").mkdir()
    llm_orc.ensemble(agent())
    llm_orc.file("mine.jsonl", "").chmod(0o640)
    for file in ("t.jsonl", "mine.jsonl"):
        llm_orc("invoke", "e.yaml", "hello", "--trace", file)
    llm_orc("runs", "export", "last", "--format", "otlp", "--output", "again.jsonl")
    modes = {file.name: file.stat().st_mode & 0o777 for file in llm_orc.folder.glob("*.jsonl")}
    assert modes == {"t.jsonl": 0o600, "again.jsonl": 0o600, "mine.jsonl": 0o640}


def test_a_run_that_was_killed_can_be_exported_too(llm_orc, faulty_server):
    (llm_orc.folder / ".llm-orc").mkdir()
    llm_orc.ensemble(
        served(faulty_server.openai_url), served(faulty_server.openai_url, "b", depends_on=["a"])
    )
    faulty_server.script(Reply(), Reply(hang=True))
    with llm_orc.started("invoke", "e.yaml", "hello") as process:
        while len(faulty_server.received) < 2:
            faulty_server.arrived.wait()
        process.kill()
    done = llm_orc("runs", "export", "last", "--format", "otlp")
    spans = [span for line in done.stdout.splitlines() for span in spans_of(request_of_json(line))]
    assert tree(spans)[:3] == ["invoke_workflow e", "  invoke_agent a", "    chat m"]
    (root,) = [span for span in spans if span["parent"] is None]
    assert root["attributes"]["llm_orc.cut"] is True


def test_a_terminal_gets_a_tree(llm_orc):
    llm_orc.ensemble(agent("a", "4"), failing("b", on_failure="skip"), output="a")
    done = llm_orc("invoke", "e.yaml", "hello", "--trace", "console", "--quiet")
    assert done.stdout == "4\n"
    head, *rest = done.stderr.splitlines()
    assert head.startswith("trace ")
    assert [line.split("  ")[0] if not line.startswith(" ") else line.split()[0] for line in rest] == [
        "invoke_workflow e", "invoke_agent", "chat", "invoke_agent",
    ]  # fmt: skip
    assert "1+1 tokens" in done.stderr
    assert "✗ script_failed" in done.stderr


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_that_is_not_there_is_a_warning(llm_orc, protocol):
    llm_orc.ensemble(agent("a", "4"))
    there = {"OTEL_EXPORTER_OTLP_ENDPOINT": closed_port(), "OTEL_EXPORTER_OTLP_PROTOCOL": protocol}
    done = llm_orc("invoke", "e.yaml", "hello", "--quiet", **there)
    assert (done.returncode, done.stdout) == (0, "4\n")
    assert done.stderr.startswith("warning: 3 spans and the metrics could not be sent to http://127.0.0.1:")
    assert re.search("refused|UNAVAILABLE", done.stderr)
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_collector_that_never_answers_is_given_up_whatever_the_exporters_wait_for(llm_orc, protocol):
    llm_orc.ensemble(agent("a", "4"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        there = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": f"http://127.0.0.1:{silent.getsockname()[1]}",
            "OTEL_EXPORTER_OTLP_PROTOCOL": protocol,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "3600",
        }
        done = llm_orc("invoke", "e.yaml", "hello", "--quiet", **there)
    assert (done.returncode, done.stdout) == (0, "4\n")
    place = there["OTEL_EXPORTER_OTLP_ENDPOINT"]
    assert done.stderr == (
        f"warning: 3 spans and the metrics could not be sent to {place}: no answer within 2 seconds\n"
    )


def test_what_a_collector_takes_is_not_lost_with_what_it_does_not(llm_orc, collector):
    llm_orc.ensemble(agent("a", "4"))
    with socket.create_server(("127.0.0.1", 0)) as silent:
        metrics = f"http://127.0.0.1:{silent.getsockname()[1]}/v1/metrics"
        there = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector.http,
            "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": metrics,
        }
        done = llm_orc("invoke", "e.yaml", "hello", "--output-format", "json", **there)
    (warning,) = [line for line in done.stderr.splitlines() if line.startswith("warning: ")]
    assert warning.startswith("warning: the metrics could not be sent: no answer within 2 seconds")
    assert len(Traced(collector, done).spans) == 3


def test_a_backend_that_takes_no_metrics_is_a_warning_that_says_how_to_send_none(llm_orc, collector):
    llm_orc.ensemble(agent("a", "4"))
    there = {
        "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": f"{collector.http}/v1/traces",
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector.http}/404/v1/metrics",
    }
    done = llm_orc("invoke", "e.yaml", "hello", "--quiet", **there)
    assert "the metrics could not be sent" in done.stderr
    assert "OTEL_METRICS_EXPORTER=none" in done.stderr
    done = llm_orc("invoke", "e.yaml", "hello", "--quiet", **there, OTEL_METRICS_EXPORTER="none")
    assert done.stderr == ""


def test_a_disk_that_is_full_is_a_warning(llm_orc):
    llm_orc.ensemble(agent("a", "4"))
    done = llm_orc("invoke", "e.yaml", "hello", "--quiet", "--trace", "/dev/full")
    assert (done.returncode, done.stdout) == (0, "4\n")
    assert done.stderr == "warning: the trace in /dev/full is not complete: No space left on device\n"


def test_what_is_set_is_traced_unless_a_flag_or_the_environment_says_no(llm_orc):
    llm_orc.file(".llm-orc/config.yaml", "trace: spans.jsonl\n")
    llm_orc.ensemble(agent("a", "4"))
    llm_orc("invoke", "e.yaml", "hello", "--trace", "none")
    llm_orc("invoke", "e.yaml", "hello", OTEL_SDK_DISABLED="true")
    assert not (llm_orc.folder / "spans.jsonl").exists()
    llm_orc("invoke", "e.yaml", "hello")
    llm_orc("invoke", "e.yaml", "hello")
    found = lines(llm_orc.folder / "spans.jsonl")
    assert [span["name"] for span in found] == ["chat m", "invoke_agent a", "invoke_workflow e"] * 2


@pytest.mark.parametrize(
    ("flags", "variables", "says"),
    [
        (("--trace", "/proc/nowhere/t.jsonl"), {}, "the trace cannot be written to /proc/nowhere/t.jsonl"),
        ((), {"OTEL_TRACES_EXPORTER": "zipkin"}, "OTEL_TRACES_EXPORTER names 'zipkin'"),
        (
            ("--trace", "otlp"),
            {"OTEL_EXPORTER_OTLP_PROTOCOL": "smoke"},
            "OTEL_EXPORTER_OTLP_PROTOCOL is 'smoke'",
        ),
        (("--trace", "console"), {"LLM_ORC_TRACE_REDACT": "("}, "'(' is no regular expression"),
        (("--trace", ""), {}, "--trace"),
    ],
)
def test_where_traces_cannot_go_is_said_before_anything_is_run(llm_orc, flags, variables, says):
    llm_orc.ensemble(agent("a", "4"))
    done = llm_orc("invoke", "e.yaml", "hello", *flags, **variables)
    assert (done.returncode, done.stdout) == (2, "")
    assert says in done.stderr
    assert "Traceback" not in done.stderr


def test_without_the_exporter_there_is_a_hint(llm_orc):
    llm_orc.ensemble(agent("a", "4"))
    without = "import sys; sys.modules['opentelemetry.exporter.otlp.proto.http.trace_exporter'] = None;"
    done = python(llm_orc, without, "invoke", "e.yaml", "hello", "--trace", "otlp")
    assert done.returncode == 2
    assert "hint: pip install 'llm-orc[otlp]'" in done.stderr


@pytest.mark.parametrize("variables", [{}, {"OTEL_SDK_DISABLED": "true", "OTEL_TRACES_EXPORTER": "otlp"}])
def test_a_run_that_is_not_traced_imports_nothing_of_opentelemetry(llm_orc, variables):
    llm_orc.ensemble(agent("a", "4"))
    shown = "import atexit, sys; atexit.register(lambda: print(*[m for m in sys.modules if 'telem' in m]));"
    done = python(llm_orc, shown, "invoke", "e.yaml", "hello", "--quiet", **variables)
    assert done.stdout == "4\n\n"
    done = python(llm_orc, shown, "invoke", "e.yaml", "hello", "--quiet", "--trace", "t.jsonl")
    assert "opentelemetry.sdk.trace" in done.stdout


def post(url: str, body: str) -> None:
    """What curl would do."""
    headers = {"content-type": "application/json"}
    request = urllib.request.Request(url, body.encode(), headers, method="POST")
    with urllib.request.urlopen(request, timeout=10) as reply:
        assert reply.status == 200


def python(llm_orc: CommandLine, first: str, *arguments: str, **variables: str) -> Any:
    """The command line in a process that does something before."""
    code = (
        f"{first} from llm_orc.cli.main import main; sys.argv = ['llm-orc', *{arguments!r}]; sys.exit(main())"
    )
    return subprocess.run(
        [sys.executable, "-c", code], cwd=llm_orc.folder, env={**llm_orc.environment, **variables},
        capture_output=True, text=True, timeout=60, check=False, stdin=subprocess.DEVNULL,
    )  # fmt: skip
