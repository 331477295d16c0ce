"""Recorded events as events again: the way back from `event_json`, for whoever observes a run afterwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any, get_args

from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Choice, Completion, Request
from llm_orc.domain.events import Event, Happening, Planned, RunFinished
from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.outcome import Answered, Effort, Failed, Outcome, RunResult, Skipped
from llm_orc.domain.plan import Assignment, Plan, Route, Weighed
from llm_orc.domain.usage import Usage

_KINDS: dict[str, type[Any]] = {kind.type: kind for kind in get_args(Happening)}
_SAMPLING = tuple(field.name for field in fields(Sampling) if field.name != "options")


def event_of(ts: float, line: JsonObject) -> Event | None:
    """The event that was recorded at `ts` as this line; None for one of a kind that is not known here.

    What is not in the line is empty: messages, the texts of answers, `started_at`, and all that was left
    out because content is not kept. Raises `ValueError` for what is no event.
    """
    try:
        kind = _KINDS.get(_as(str, line["type"]))
        if kind is None:
            return None
        what = (
            _result(line) if kind is RunFinished else _planned(line) if kind is Planned else _flat(kind, line)
        )
        return Event(_as(int, line["seq"]), ts, what, _as(str, line.get("span", "")), _parent(line))
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"this is no event: {str(line)[:80]}") from error


def _parent(line: JsonObject) -> str | None:
    parent = line.get("parent")
    return None if parent is None else _as(str, parent)


def _flat(kind: type[Any], line: JsonObject) -> Happening:
    given = {field.name: _value(field.name, line[field.name]) for field in fields(kind) if field.name in line}
    made: Happening = kind(**given)
    return made


def _value(name: str, value: Any) -> Any:  # noqa: ANN401 - as the field of this name has it
    if name in _READ and isinstance(value, Mapping):
        return _READ[name](value)
    # The only texts that may be left out are those of messages and scripts.
    return "" if value is None and name in ("message", "text", "output") else value


def _cause(value: Mapping[str, Any]) -> Cause:
    return Cause(kind=value["kind"], message=value["message"] or "", hint=value["hint"] or "")


def _usage(value: Mapping[str, Any]) -> Usage:
    return Usage(input_tokens=value["input_tokens"], output_tokens=value["output_tokens"])


def _outcome(value: Mapping[str, Any]) -> Outcome:
    error = None if value["error"] is None else _cause(value["error"])
    effort = Effort(
        model=value["model"],
        strategy=value["strategy"],
        usage=_usage(value["usage"]),
        cost_usd=value["cost_usd"],
        attempts=value["attempts"],
        samples=value["samples"],
        duration_s=value["duration_s"],
        cached=value["status"] == "cached",
        variant=value.get("variant"),
    )
    if value["status"] in ("succeeded", "cached"):
        return Answered(
            output=value["output"],
            effort=effort,
            confidence=value["confidence"],
            evidence=value["evidence"] or {},
            replaced=error,
        )
    if error is None:
        raise KeyError("error")
    return Failed(cause=error, effort=effort) if value["status"] == "failed" else Skipped(cause=error)


def _request(value: Mapping[str, Any]) -> Request:
    server = value.get("server")
    model = Model(
        name=value["model"],
        provider=value["provider"],
        wire_name=value["model"],
        base_url=None if server is None else f"http://{server}",
    )
    given = {name: value[name] for name in _SAMPLING if name in value}
    if "stop" in given:
        given["stop"] = tuple(given["stop"])
    return Request(
        model=model, messages=(), sampling=Sampling(**given), n=value.get("n", 1),
        schema={} if value.get("json") else None,
    )  # fmt: skip


def _completion(value: Mapping[str, Any]) -> Completion:
    choices = tuple(Choice(text="", finish=finish) for finish in value["finish"])
    return Completion(choices=choices, model=value["model"])


def _planned(line: Mapping[str, Any]) -> Planned:
    assignments = {
        name: Assignment(
            agent=name, step=each["step"], model=each["model"], quality=each["quality"],
            token_term=each["token_term"], usd=each["usd"],
        )
        for name, each in line["assignments"].items()
    }  # fmt: skip
    resident = tuple({name: tuple(on) for name, on in there.items()} for there in line["resident"])
    route = Route(
        assignments=assignments,
        resident=resident,
        status=line["status"],
        solver=line["solver"],
        objective=line["objective"],
        bound=line["bound"],
        solve_ms=line["solve_ms"],
        note=line["note"] or "",
    )
    weighed = {
        # Journals of older versions have no candidates.
        name: tuple(
            Weighed(**{key: value for key, value in each.items() if key != "utility"}) for each in those
        )
        for name, those in line.get("candidates", {}).items()
    }
    return Planned(
        step=line["step"],
        plan=Plan(
            ready=tuple(line["ready"]), ahead=tuple(tuple(names) for names in line["horizon"]), route=route,
            unloaded=tuple(line["unloaded"]), weighed=weighed,
        ),
    )  # fmt: skip


def _result(line: Mapping[str, Any]) -> RunFinished:
    error = line["error"]
    return RunFinished(
        result=RunResult(
            run_id=line["run_id"],
            ensemble=line["ensemble"],
            status=line["status"],
            output=line["output"],
            agents={name: _outcome(each) for name, each in line["agents"].items()},
            usage=_usage(line["usage"]),
            cost_usd=line["cost_usd"],
            started_at=0.0,
            duration_s=line["duration_s"],
            trace_id=line["trace_id"],
            ended_by=None if error is None else _cause(error),
        )
    )


def _as(kind: type[Any], value: object) -> Any:  # noqa: ANN401 - what `kind` says
    if not isinstance(value, kind):
        raise TypeError(kind.__name__)
    return value


_READ = {
    "cause": _cause,
    "error": _cause,
    "usage": _usage,
    "outcome": _outcome,
    "request": _request,
    "completion": _completion,
}
