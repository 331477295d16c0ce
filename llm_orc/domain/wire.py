"""Results and events as the JSON that users script against (docs/results.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from functools import cache
from urllib.parse import urlsplit

from llm_orc.domain.cause import Cause, cause_json
from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.events import Event, Planned, RunFinished
from llm_orc.domain.foresight import Expected, Foresight, Range
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import Answered, Failed, Outcome, RunResult, Skipped
from llm_orc.domain.plan import Assignment, Plan, Weighed
from llm_orc.domain.text import moment
from llm_orc.domain.usage import Usage, usage_json


def result_json(result: RunResult) -> dict[str, JsonValue]:
    """The object that `invoke --output-format json` prints."""
    return {
        "run_id": result.run_id,
        "ensemble": result.ensemble,
        "status": result.status,
        "output": result.output,
        "agents": {name: outcome_json(outcome) for name, outcome in result.agents.items()},
        "plan": [plan_json(step, plan) for step, plan in enumerate(result.plans, start=1)],
        "usage": usage_json(result.usage),
        "cost_usd": result.cost_usd,
        "duration_s": round(result.duration_s, 6),
        "trace_id": result.trace_id,
        "error": None if result.ended_by is None else cause_json(result.ended_by),
    }


def outcome_json(outcome: Outcome) -> dict[str, JsonValue]:
    """One entry of `agents`; the same keys whatever became of the agent."""
    effort = None if isinstance(outcome, Skipped) else outcome.effort
    error = outcome.replaced if isinstance(outcome, Answered) else outcome.cause
    return {
        "status": _status(outcome),
        "output": outcome.output if isinstance(outcome, Answered) else None,
        "model": effort.model if effort else None,
        "strategy": effort.strategy if effort else None,
        "variant": effort.variant if effort else None,
        "confidence": outcome.confidence if isinstance(outcome, Answered) else None,
        "evidence": outcome.evidence if isinstance(outcome, Answered) else {},
        "samples": effort.samples if effort else 0,
        "usage": usage_json(effort.usage if effort else Usage()),
        "cost_usd": effort.cost_usd if effort else 0.0,
        "attempts": effort.attempts if effort else 0,
        "started_at": moment(effort.started_at) if effort else None,
        "duration_s": round(effort.duration_s, 6) if effort else 0.0,
        "error": cause_json(error) if error is not None else None,
    }


def event_json(event: Event) -> dict[str, JsonValue]:
    """One line of `--output-format jsonl`."""
    what = event.what
    line: dict[str, JsonValue] = {"seq": event.seq, "ts": moment(event.ts), "type": what.type}
    if event.span:
        line["span"] = event.span
    if event.parent is not None:
        line["parent"] = event.parent
    if isinstance(what, Planned):
        return {**line, **plan_json(what.step, what.plan)}
    if isinstance(what, RunFinished):
        return {**line, **result_json(what.result)}
    kind: type = type(what)
    for name in _fields(kind):
        line[name] = _plain(getattr(what, name))
    return line


def plan_json(step: int, plan: Plan) -> dict[str, JsonValue]:
    """One entry of `plan`: utilities and terms per call, `resident` by step of the horizon."""
    route = plan.route
    return {
        "step": step,
        "ready": list(plan.ready),
        "horizon": [list(names) for names in plan.ahead if names],
        "assignments": {name: _assignment(found) for name, found in route.assignments.items()},
        "candidates": {name: [_weighed(each) for each in those] for name, those in plan.weighed.items()},
        "resident": [{name: list(on) for name, on in there.items()} for there in route.resident],
        "unloaded": list(plan.unloaded),
        "objective": route.objective,
        "bound": route.bound,
        "status": route.status,
        "solver": route.solver,
        "solve_ms": round(route.solve_ms, 3),
        "note": route.note,
    }


def foresight_json(found: Foresight) -> dict[str, JsonValue]:
    """What `plan --json` prints; ranges are `[least, most]`, null where a price or a speed is unknown."""
    return {
        "ensemble": found.ensemble,
        "router": found.router,
        "layers": [list(layer) for layer in found.layers],
        "room_gb": list(found.room_gb),
        "room_worth": list(found.room_worth),
        "plan": [
            {**plan_json(step, plan), "vram_gb": used, "warnings": list(plan.warnings)}
            for step, (plan, used) in enumerate(zip(found.plans, found.vram_gb, strict=True), start=1)
        ],
        "agents": {name: _expected(each) for name, each in found.agents.items()},
        "tokens": _range(found.tokens),
        "usd": _range(found.usd),
        "seconds": _range(found.seconds),
        **({"formulation": found.formulation} if found.formulation else {}),
    }


def _expected(each: Expected) -> dict[str, JsonValue]:
    return {
        "model": each.model,
        "task": {field.name: getattr(each.task, field.name) for field in fields(each.task)},
        "tokens": _range(each.tokens),
        "usd": _range(each.usd),
        "seconds": _range(each.seconds),
        "thinks": each.thinks,
    }


def _range(found: Range | None) -> list[JsonValue] | None:
    return None if found is None else [found.low, found.high]


def _assignment(found: Assignment) -> dict[str, JsonValue]:
    return {
        "model": found.model,
        "step": found.step,
        "utility": round(found.utility, 6),
        "quality": round(found.quality, 6),
        "token_term": round(found.token_term, 6),
        "usd": found.usd,
    }


def _weighed(each: Weighed) -> dict[str, JsonValue]:
    return {
        "model": each.model,
        "utility": round(each.utility, 6),
        "quality": round(each.quality, 6),
        "token_term": round(each.token_term, 6),
        "switch_term": round(each.switch_term, 6),
        "usd": each.usd,
        "refused": each.refused,
    }


def call_json(call: Request | Completion) -> dict[str, JsonValue]:
    """Who is asked, and how its answer is to be drawn; or who answered. Nothing of what is said."""
    if isinstance(call, Completion):
        return {"model": call.model, "finish": [choice.finish for choice in call.choices]}
    request = call
    model, sampling = request.model, request.sampling
    asked: dict[str, JsonValue] = {"provider": model.provider, "model": model.wire_name}
    if (server := server_of(model)) is not None:
        asked["server"] = server
    if request.n != 1:
        asked["n"] = request.n
    for field in fields(sampling):
        value = getattr(sampling, field.name)
        if field.name != "options" and value not in (None, ()):
            asked[field.name] = _plain(value)
    return {**asked, "json": True} if request.schema is not None else asked


def server_of(model: Model) -> str | None:
    """The host and port that a model is served at; None where its entry does not say, or says no address."""
    if model.base_url is None:
        return None
    try:
        url = urlsplit(model.base_url)
        port = url.port or (443 if url.scheme == "https" else 80)
    except ValueError:
        return None
    host = url.hostname or ""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


@cache
def _fields(kind: type) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


def _status(outcome: Outcome) -> str:
    known = isinstance(outcome, Answered) and outcome.effort.cached
    return "cached" if known else _STATUS[type(outcome)]


_STATUS = {Answered: "succeeded", Failed: "failed", Skipped: "skipped"}


def _plain(value: object) -> JsonValue:
    match value:
        case str() | int() | float() | bool() | None:
            return value
        case Answered() | Failed() | Skipped():
            return outcome_json(value)
        case Cause():
            return cause_json(value)
        case Usage():
            return usage_json(value)
        case Request() | Completion():
            return call_json(value)
        case Mapping():
            return {str(key): _plain(item) for key, item in value.items()}
        case list() | tuple():
            return [_plain(item) for item in value]
    raise TypeError(f"{type(value).__name__} has no JSON form")
