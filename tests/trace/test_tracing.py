"""Tracing within a program: whose trace a run is part of, and the thread that makes its spans."""

from __future__ import annotations

import json
from pathlib import Path

import anyio
import pytest
from opentelemetry import trace
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags

from llm_orc.domain.completion import Choice, Completion, Request
from llm_orc.domain.ensemble import Agent, Ensemble, Llm
from llm_orc.domain.model import Model
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.tracing import Wanted, wanted
from llm_orc.providers.scripted import Scripted
from llm_orc.trace.behind import Behind

MODEL = Model(name="m", provider="mine", wire_name="m")
ENSEMBLE = Ensemble(name="e", agents={"a": Agent(name="a", work=Llm(models=(MODEL,)))}, outputs=("a",))


def spans(path: Path) -> list[dict]:
    found = [json.loads(line) for line in path.read_text().splitlines()]
    return [each["resourceSpans"][0]["scopeSpans"][0]["spans"][0] for each in found]


async def test_a_run_is_part_of_the_span_that_is_current_in_the_program(tmp_path):
    around = SpanContext(int("ab" * 16, 16), int("cd" * 8, 16), False, TraceFlags(1))
    flags = {"trace": str(tmp_path / "t.jsonl")}
    async with Orchestrator(tmp_path, providers={"mine": Scripted(["yes"])}, flags=flags) as orchestrator:
        with trace.use_span(NonRecordingSpan(around)):
            result = await orchestrator.invoke(ENSEMBLE, "go")
    root = spans(tmp_path / "t.jsonl")[-1]
    assert (result.trace_id, root["traceId"], root["parentSpanId"]) == ("ab" * 16, "ab" * 16, "cd" * 8)


async def test_runs_at_once_do_not_meet(tmp_path):
    flags = {"trace": str(tmp_path / "t.jsonl")}
    traces: list[str] = []
    async with Orchestrator(tmp_path, providers={"mine": Meeting(3)}, flags=flags) as orchestrator:

        async def run() -> None:
            traces.append((await orchestrator.invoke(ENSEMBLE, "go")).trace_id)

        async with anyio.create_task_group() as tasks:
            for _ in range(3):
                tasks.start_soon(run)
    by_trace: dict[str, list[str]] = {}
    for span in spans(tmp_path / "t.jsonl"):
        by_trace.setdefault(span["traceId"], []).append(span["name"])
    assert by_trace == {each: ["chat m", "invoke_agent a", "invoke_workflow e"] for each in traces}
    assert len(by_trace) == 3


class Meeting:
    """Answers when so many are asking."""

    def __init__(self, many: int) -> None:
        self._many = many
        self._all_here = anyio.Event()

    async def complete(self, request: Request) -> Completion:
        self._many -= 1
        if not self._many:
            self._all_here.set()
        await self._all_here.wait()
        return Completion(choices=(Choice(text="yes"),))

    async def aclose(self) -> None:
        pass


def test_jobs_behind_the_run_are_done_in_order_before_it_closes():
    behind, done = Behind(), list[int]()
    for number in range(1000):
        behind.put(lambda number=number: done.append(number))
    behind.close()
    assert done == list(range(1000))


def test_a_bug_behind_the_run_is_raised_when_it_closes():
    behind = Behind()
    behind.put(lambda: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        behind.close()


@pytest.mark.parametrize(
    ("setting", "environ", "found"),
    [
        (None, {}, Wanted()),
        (None, {"OTEL_SERVICE_NAME": "x"}, Wanted()),
        (None, {"OTEL_TRACES_EXPORTER": "otlp, console"}, Wanted(("otlp", "console"), ("otlp",))),
        (None, {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h"}, Wanted(("otlp",), ("otlp",))),
        (None, {"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://h"}, Wanted(("otlp",), ("otlp",))),
        (None, {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": "http://h"}, Wanted((), ("otlp",))),
        (
            None,
            {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h", "OTEL_TRACES_EXPORTER": "none"},
            Wanted((), ("otlp",)),
        ),
        ("console", {}, Wanted(("console",), ())),
        ("otlp", {"OTEL_METRICS_EXPORTER": "none"}, Wanted(("otlp",), ())),
        ("t.jsonl", {"OTEL_TRACES_EXPORTER": "otlp"}, Wanted(("t.jsonl",), ())),
        ("none", {"OTEL_TRACES_EXPORTER": "otlp"}, Wanted()),
        ("otlp", {"OTEL_SDK_DISABLED": "TRUE"}, Wanted()),
    ],
)
def test_the_setting_comes_before_the_environment(setting, environ, found):
    assert wanted(setting, environ) == found
