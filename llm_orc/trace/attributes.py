"""What spans and their events say: OpenTelemetry's names for generative AI, and `llm_orc.` for the rest.

The names are those of open-telemetry/semantic-conventions-genai; docs/tracing.md lists all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llm_orc.domain.events import (
    AgentStarted,
    AnswerRepaired,
    AskStarted,
    CallRetried,
    CircuitChanged,
    FellBack,
    Happening,
    HostThrottled,
    ItemStarted,
    ModelAnswered,
    ModelCalled,
    Planned,
    RoundFinished,
    RunEnding,
    RunStarted,
    ScriptLogged,
    StrategyStep,
    ToolAnswered,
    ToolCalled,
    Warned,
)
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import Answered, Effort, Outcome, RunResult, Skipped
from llm_orc.domain.wire import server_of
from llm_orc.domain.wording_events import DemosChosen, VariantChosen
from llm_orc.trace.content import Content

Attribute = str | bool | int | float | Sequence[str] | Sequence[int] | Sequence[float]
Attributes = dict[str, Attribute]

OPERATION = "gen_ai.operation.name"
_EMBEDDED = frozenset({"llamacpp", "scripted"})
"""Providers whose models run in this process."""


def run_started(what: RunStarted) -> Attributes:
    return {
        OPERATION: "invoke_workflow",
        "gen_ai.workflow.name": what.ensemble,
        "llm_orc.run.id": what.run_id,
        "llm_orc.run.attempt": what.attempt,
        "llm_orc.run.agents": len(what.depends_on),
    }


def run_finished(result: RunResult) -> Attributes:
    calls = sum(o.effort.attempts for o in result.agents.values() if not isinstance(o, Skipped))
    found: Attributes = {
        "llm_orc.run.status": result.status,
        "llm_orc.total.calls": calls,
        "llm_orc.total.input_tokens": result.usage.input_tokens,
        "llm_orc.total.output_tokens": result.usage.output_tokens,
    }
    return found if result.cost_usd is None else {**found, "llm_orc.total.usd": result.cost_usd}


def agent_started(what: AgentStarted) -> Attributes:
    found: Attributes = {OPERATION: "invoke_agent", "gen_ai.agent.name": what.agent}
    return found if what.model is None else {**found, "gen_ai.request.model": what.model}


def agent_finished(outcome: Outcome, content: Content) -> Attributes:
    if isinstance(outcome, Skipped):
        return {"llm_orc.agent.status": "skipped"}
    effort = outcome.effort
    well = "cached" if effort.cached else "succeeded"
    found: Attributes = {
        "llm_orc.agent.status": well if isinstance(outcome, Answered) else "failed",
        **_spent(effort),
    }
    if effort.model is not None:
        found["llm_orc.agent.model"] = effort.model
    if effort.strategy is not None:
        found["llm_orc.agent.strategy"] = effort.strategy
        found["llm_orc.agent.samples"] = effort.samples
    if effort.variant is not None:
        found["llm_orc.agent.variant"] = effort.variant
    if isinstance(outcome, Answered):
        if outcome.confidence is not None:
            found["llm_orc.agent.confidence"] = outcome.confidence
        if outcome.replaced is not None:
            found["llm_orc.agent.replaced"] = outcome.replaced.kind
        found.update(_evidence(outcome.evidence))
        found.update(content.output("llm_orc.agent.output", outcome.output))
    return found


def _spent(effort: Effort) -> Attributes:
    found: Attributes = {
        "llm_orc.total.calls": effort.attempts,
        "llm_orc.total.input_tokens": effort.usage.input_tokens,
        "llm_orc.total.output_tokens": effort.usage.output_tokens,
    }
    return found if effort.cost_usd is None else {**found, "llm_orc.total.usd": effort.cost_usd}


def _evidence(evidence: Mapping[str, object]) -> Attributes:
    """How a strategy's answer came about, in numbers and names of models; what was said is content."""
    found: Attributes = {}
    votes = evidence.get("votes")
    if isinstance(votes, Mapping) and votes:
        weights = sorted((float(each) for each in votes.values()), reverse=True)
        found["llm_orc.vote.weights"] = weights
        found["llm_orc.vote.share"] = round(weights[0] / (sum(weights) or 1.0), 4)
    if isinstance(drawn := evidence.get("drawn"), int):
        found["llm_orc.vote.drawn"] = drawn
    if isinstance(stopped := evidence.get("stopped_early"), str):
        found["llm_orc.vote.stopped_early"] = stopped
    rungs = evidence.get("rungs")
    if isinstance(rungs, list | tuple):
        reached = [rung for rung in rungs if isinstance(rung, Mapping)]
        found["llm_orc.cascade.models"] = [str(rung.get("model")) for rung in reached]
        # -1 where nothing measured it: lists of numbers have no place for nothing.
        sure = [rung.get("confidence") for rung in reached]
        found["llm_orc.cascade.confidences"] = [
            float(c) if isinstance(c, int | float) else -1.0 for c in sure
        ]
    return found


def item_started(what: ItemStarted) -> Attributes:
    return {"llm_orc.item.index": what.index, "llm_orc.item.count": what.items}


def ask_started(what: AskStarted) -> Attributes:
    return {
        "llm_orc.ask.number": what.ask,
        "llm_orc.ask.strategy": what.strategy,
        "llm_orc.ask.samples": what.n,
        "gen_ai.request.model": what.model,
    }


def is_embedded(what: ModelCalled) -> bool:
    """Whether the model runs in this process."""
    return what.request is not None and what.request.model.provider in _EMBEDDED


def model_called(what: ModelCalled, content: Content) -> Attributes:
    found: Attributes = {
        OPERATION: "chat",
        "llm_orc.call.number": what.call,
        "llm_orc.call.model": what.model,
    }
    request = what.request
    if request is None:
        return {**found, "gen_ai.request.model": what.model}
    found.update(asked(request.model))
    if request.n != 1:
        found["gen_ai.request.choice.count"] = request.n
    if request.schema is not None:
        found["gen_ai.output.type"] = "json"
    sampling = request.sampling
    for name in ("temperature", "top_p", "top_k", "max_tokens", "seed"):
        value = getattr(sampling, name)
        if value is not None:
            found[f"gen_ai.request.{name}"] = value
    if sampling.stop:
        found["gen_ai.request.stop_sequences"] = list(sampling.stop)
    found.update(content.asked(request))
    return found


def asked(model: Model) -> Attributes:
    """Who is asked: the same on spans and metrics."""
    found: Attributes = {
        "gen_ai.provider.name": provider(model.provider),
        "gen_ai.request.model": model.wire_name,
    }
    if (server := server_of(model)) is not None:
        host, _, port = server.rpartition(":")
        found["server.address"] = host.strip("[]")
        found["server.port"] = int(port)
    return found


def provider(name: str) -> str:
    """The conventions know `openai` and `anthropic`; others keep the name that they have here."""
    return "llama.cpp" if name == "llamacpp" else name


def known(model: str) -> Attributes:
    """A call that was answered without being sent: only the model's name here is known."""
    return {OPERATION: "chat", "gen_ai.request.model": model, "llm_orc.call.model": model}


def model_answered(what: ModelAnswered, content: Content) -> Attributes:
    found: Attributes = {"llm_orc.call.source": what.source}
    if what.source == "model":
        # What was known already was paid for before, and is on a span of then.
        found["gen_ai.usage.input_tokens"] = what.usage.input_tokens
        found["gen_ai.usage.output_tokens"] = what.usage.output_tokens
        found["llm_orc.call.queued_seconds"] = what.queued_s
        if what.cost_usd is not None:
            found["llm_orc.cost.amount"] = what.cost_usd
            found["llm_orc.cost.currency"] = "USD"
    if what.load_seconds is not None:
        found["llm_orc.model.load_seconds"] = what.load_seconds
    if what.completion is not None:
        found["gen_ai.response.finish_reasons"] = [choice.finish for choice in what.completion.choices]
        if what.completion.model:
            found["gen_ai.response.model"] = what.completion.model
        found.update(content.answered(what.completion))
    return found


def tool_called(what: ToolCalled, content: Content) -> Attributes:
    return {
        OPERATION: "execute_tool",
        "gen_ai.tool.name": what.tool,
        "gen_ai.tool.type": "function",
        **content.output("gen_ai.tool.call.arguments", what.arguments),
    }


def tool_answered(what: ToolAnswered, content: Content) -> Attributes:
    return dict(content.output("gen_ai.tool.call.result", what.output))


def planned(what: Planned) -> Attributes:
    route = what.plan.route
    served = [name for name in what.plan.ready if name in route.assignments]
    found: Attributes = {
        OPERATION: "plan",
        "llm_orc.plan.step": what.step,
        "llm_orc.plan.solver": route.solver,
        "llm_orc.plan.status": route.status,
        "llm_orc.plan.ready": served,
        "llm_orc.plan.models": [route.assignments[name].model for name in served],
    }
    if route.objective is not None:
        found["llm_orc.plan.objective"] = route.objective
    if what.plan.unloaded:
        found["llm_orc.plan.unloaded"] = list(what.plan.unloaded)
    return found


def skipped(agent: str, outcome: Skipped) -> Attributes:
    return {"gen_ai.agent.name": agent, "llm_orc.skipped.reason": outcome.cause.kind}


def event(what: Happening, content: Content) -> tuple[str, Attributes] | None:
    """A happening as an event of a span: its name and what it says; None for what is none."""
    match what:
        case StrategyStep():
            numbers: Attributes = {
                f"llm_orc.step.{name}": value
                for name, value in what.detail.items()
                if isinstance(value, bool | int | float)
                or (name in ("model", "kind") and isinstance(value, str))
            }
            return f"{what.strategy} {what.step}", {
                **numbers,
                **content.said("llm_orc.message", what.message),
            }
        case FellBack(model=model, to=to, cause=cause):
            return "fallback", {"llm_orc.from": model, "llm_orc.to": to, "error.type": cause.kind}
        case AnswerRepaired(message=message):
            return "answer repaired", dict(content.said("llm_orc.message", message))
        case RoundFinished(round=number, done=done):
            return "round finished", {"llm_orc.round.number": number, "llm_orc.round.done": done}
        case Warned(message=message):
            return "warning", {"llm_orc.message": content.redact(message)}
        case ScriptLogged(text=text):
            return "script log", dict(content.said("llm_orc.message", text))
    return _of_calling(what)


def _of_calling(what: Happening) -> tuple[str, Attributes] | None:
    match what:
        case CallRetried(cause=cause, attempt=attempt, wait_s=wait):
            waited: Attributes = {"llm_orc.retry.attempt": attempt, "llm_orc.retry.wait_seconds": wait}
            return "retry", {"error.type": cause.kind, **waited}
        case HostThrottled(host=host, at_once=at_once, pause_s=pause):
            found: Attributes = {"llm_orc.host.at_once": at_once, "llm_orc.host.pause_seconds": pause}
            return "host throttled", {"llm_orc.host": host, **found}
        case CircuitChanged(host=host, state=state):
            return "circuit changed", {"llm_orc.host": host, "llm_orc.host.circuit": state}
        case VariantChosen(variant=variant, share=share, wording=wording):
            chosen: Attributes = {"llm_orc.variant.share": share, "llm_orc.variant.wording": wording}
            return "variant chosen", {"llm_orc.variant.name": variant, **chosen}
        case DemosChosen(lines=lines, similarities=similarities, by=by):
            near: Attributes = {"llm_orc.demos.lines": lines, "llm_orc.demos.similarities": similarities}
            return "examples chosen", {"llm_orc.demos.by": by, **near}
        case RunEnding(cause=cause, under_way=under_way):
            return "run ending", {"error.type": cause.kind, "llm_orc.run.under_way": under_way}
    return None
