"""Metrics of runs: those of the conventions for generative AI, and ours for cost and planning.

The conventions are renaming theirs. The old names are what today's backends read; the new ones are used
where `OTEL_SEMCONV_STABILITY_OPT_IN` says `gen_ai_latest_experimental`.
"""

from __future__ import annotations

from opentelemetry.metrics import Counter, Histogram, Meter

from llm_orc.domain.cause import Cause
from llm_orc.domain.events import (
    AgentFinished,
    CallRetried,
    Happening,
    ModelAnswered,
    ModelFailed,
    Planned,
    ToolAnswered,
)
from llm_orc.domain.outcome import Failed, RunResult, Skipped
from llm_orc.trace.attributes import OPERATION, Attributes

SECONDS = (0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92)
"""Boundaries that the conventions give for durations."""

TOKENS = tuple(4**power for power in range(14))
"""Boundaries that the conventions give for tokens: 1 to 67,108,864."""

_OF_CALLS = (
    OPERATION, "gen_ai.provider.name", "gen_ai.request.model", "server.address", "server.port",
)  # fmt: skip


class Metrics:
    """Counts what spans are told. `called` are the attributes of the call's span: who was asked."""

    def __init__(self, meter: Meter, *, latest: bool = False) -> None:
        self._inference = _seconds(
            meter, "gen_ai.client.inference.duration" if latest else "gen_ai.client.operation.duration"
        )
        self._tokens: Histogram | None = None
        self._read: Counter | None = None
        self._written: Counter | None = None
        if latest:
            self._read = meter.create_counter("gen_ai.client.inference.usage.input_tokens", "{token}")
            self._written = meter.create_counter("gen_ai.client.inference.usage.output_tokens", "{token}")
        else:
            self._tokens = meter.create_histogram(
                "gen_ai.client.token.usage", "{token}", explicit_bucket_boundaries_advisory=TOKENS
            )
        self._run = _seconds(meter, "gen_ai.invoke_workflow.duration")
        self._agent = _seconds(meter, "gen_ai.invoke_agent.duration")
        self._tool = _seconds(meter, "gen_ai.execute_tool.duration")
        self._plan = _seconds(meter, "llm_orc.plan.duration")
        self._cost = meter.create_counter(
            "llm_orc.cost", "{USD}", "What answers of models cost, where known."
        )
        self._queued = _seconds(meter, "llm_orc.queue.duration")
        self._retries = meter.create_counter("llm_orc.retries", "{call}", "Calls that were sent again.")
        self._known = meter.create_counter("llm_orc.cache.hits", "{call}", "Calls that were answered before.")

    def work(self, what: Happening, called: Attributes) -> None:
        """A call of a model or of a tool ended."""
        match what:
            case ModelAnswered():
                self._answered(what, called)
            case ModelFailed(cause=cause):
                self._inference.record(what.duration_s, {**_of_call(called), "error.type": cause.kind})
            case ToolAnswered(tool=tool, error=error):
                given: Attributes = {OPERATION: "execute_tool", "gen_ai.tool.name": tool}
                self._tool.record(what.duration_s, _with(given, error))

    def _answered(self, what: ModelAnswered, called: Attributes) -> None:
        given = _of_call(called)
        if what.source != "model":
            self._known.add(1, {**given, "llm_orc.call.source": what.source})
            return
        if what.completion is not None and what.completion.model:
            given["gen_ai.response.model"] = what.completion.model
        self._inference.record(what.duration_s - what.queued_s, given)
        self._queued.record(what.queued_s, given)
        read, written = what.usage.input_tokens, what.usage.output_tokens
        if self._tokens is not None:
            self._tokens.record(read, {**given, "gen_ai.token.type": "input"})
            self._tokens.record(written, {**given, "gen_ai.token.type": "output"})
        if self._read is not None and self._written is not None:
            self._read.add(read, given)
            self._written.add(written, given)
        if what.cost_usd:
            self._cost.add(what.cost_usd, given)

    def retried(self, what: CallRetried, called: Attributes) -> None:
        if what.cause.kind == "circuit_open":
            return  # nothing was sent, and nothing is sent again
        self._retries.add(1, {**_of_call(called), "error.type": what.cause.kind})

    def agent(self, what: AgentFinished) -> None:
        """Only agents of the run's own ensemble: strategies invent names for those within an agent."""
        outcome = what.outcome
        if "/" in what.agent or isinstance(outcome, Skipped):
            return
        given: Attributes = {OPERATION: "invoke_agent", "gen_ai.agent.name": what.agent}
        error = outcome.cause if isinstance(outcome, Failed) else None
        self._agent.record(outcome.effort.duration_s, _with(given, error))

    def run(self, result: RunResult, error: Cause | None) -> None:
        given: Attributes = {OPERATION: "invoke_workflow", "gen_ai.workflow.name": result.ensemble}
        self._run.record(result.duration_s, _with(given, error))

    def planned(self, what: Planned) -> None:
        route = what.plan.route
        given = {"llm_orc.plan.solver": route.solver, "llm_orc.plan.status": route.status}
        self._plan.record(route.solve_ms / 1e3, given)


def _seconds(meter: Meter, name: str) -> Histogram:
    return meter.create_histogram(name, "s", explicit_bucket_boundaries_advisory=SECONDS)


def _of_call(called: Attributes) -> Attributes:
    return {name: called[name] for name in _OF_CALLS if name in called}


def _with(given: Attributes, error: Cause | None) -> Attributes:
    return given if error is None else {**given, "error.type": error.kind}
