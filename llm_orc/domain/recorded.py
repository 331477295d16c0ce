"""What the journal knows about a run, and how scripts see it (docs/runs.md)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from llm_orc.domain.cause import Cause, cause_json
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.text import moment
from llm_orc.domain.usage import Usage, usage_json


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedRun:
    """A run. `status` is that of its result, `running`, or `killed` when its process ended without one.

    Times are Unix time. `text`, `inputs` and `output` are None where content is not kept; `hash` is the
    SHA-256 of `text`, `parts` are the texts of the ensemble's other files, by path. `attempts` counts the
    processes that worked at it, `calls` those of models. Between attempts were `idle_s` seconds, which are no
    part of `duration_s`.
    """

    run_id: str
    ensemble: str
    status: str
    started_at: float
    ended_at: float | None
    usage: Usage
    cost_usd: float | None
    calls: int
    attempts: int
    source: str
    text: str | None
    parts: Mapping[str, str]
    hash: str
    inputs: JsonObject | None
    settings: JsonObject
    output: JsonValue
    error: Cause | None
    trace_id: str | None
    process: str
    idle_s: float = 0.0

    @property
    def duration_s(self) -> float | None:
        return None if self.ended_at is None else self.ended_at - self.started_at - self.idle_s

    @property
    def began(self) -> str:
        """When, for people: UTC, to the second."""
        return moment(self.started_at)[:19].replace("T", " ")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedAgent:
    """An agent of a run, summed over its executions: those within a loop or a fan-out have several.

    `status` is `failed` if any of them failed, `cached` if all of them built on what was known already, and
    `unfinished` while one has no end. With `error` and without having failed it gave its default. It was at
    work in `stretches`, from and to on the clock of the run, the last one without an end while it is; what
    ran at the same time is one. `duration_s` is the sum of them, None while one has no end.
    """

    agent: str
    status: str
    executions: int
    model: str | None
    strategy: str | None
    variant: str | None
    calls: int
    samples: int
    usage: Usage
    cost_usd: float | None
    started_at: float | None
    duration_s: float | None
    stretches: tuple[tuple[float, float | None], ...]
    error: Cause | None

    @property
    def is_default(self) -> bool:
        """Whether its output is what `on_failure` gives in place of one."""
        return self.error is not None and self.status in ("succeeded", "cached")


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedDetail:
    """A run with its agents, in the order in which they began, and its plans."""

    run: RecordedRun
    agents: tuple[RecordedAgent, ...]
    plan: tuple[JsonObject, ...] = field(default=())


def run_json(run: RecordedRun) -> dict[str, JsonValue]:
    """One entry of `runs list --json`."""
    return {
        "run_id": run.run_id,
        "ensemble": run.ensemble,
        "status": run.status,
        "started_at": moment(run.started_at),
        "ended_at": None if run.ended_at is None else moment(run.ended_at),
        "duration_s": None if run.duration_s is None else round(run.duration_s, 6),
        "idle_s": round(run.idle_s, 6),
        "usage": usage_json(run.usage),
        "cost_usd": run.cost_usd,
        "calls": run.calls,
        "attempts": run.attempts,
        "source": run.source,
        "hash": run.hash,
        "trace_id": run.trace_id,
        "error": None if run.error is None else cause_json(run.error),
    }


def detail_json(detail: RecordedDetail) -> dict[str, JsonValue]:
    """What `runs show --json` prints."""
    run = detail.run
    return {
        **run_json(run),
        "inputs": run.inputs,
        "settings": run.settings,
        "output": run.output,
        "agents": {each.agent: agent_json(each) for each in detail.agents},
        "plan": list(detail.plan),
        "text": run.text,
    }


def agent_json(each: RecordedAgent) -> dict[str, JsonValue]:
    """One entry of `agents`."""
    return {
        "status": each.status,
        "executions": each.executions,
        "model": each.model,
        "strategy": each.strategy,
        "variant": each.variant,
        "calls": each.calls,
        "samples": each.samples,
        "usage": usage_json(each.usage),
        "cost_usd": each.cost_usd,
        "started_at": None if each.started_at is None else moment(each.started_at),
        "duration_s": None if each.duration_s is None else round(each.duration_s, 6),
        "error": None if each.error is None else cause_json(each.error),
    }
