"""The one stream of events: everything that can be seen of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

from llm_orc.domain.calling import Circuit
from llm_orc.domain.completion import Usage
from llm_orc.domain.json import JsonObject
from llm_orc.domain.outcome import Cause, Outcome, RunResult
from llm_orc.domain.plan import Plan

AnswerSource = Literal["model", "cache", "journal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStarted:
    """A run began; `layers` are the agents by depth, `depends_on` the edges. `attempt` counts from 1 the
    processes that worked at it: more than one have a resumed run."""

    type: ClassVar[str] = "run_started"
    run_id: str
    ensemble: str
    layers: tuple[tuple[str, ...], ...]
    depends_on: Mapping[str, tuple[str, ...]]
    attempt: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Models were chosen for the agents that are ready; `step` counts plans from 1."""

    type: ClassVar[str] = "planned"
    step: int
    plan: Plan


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStarted:
    """An agent's dependencies are settled and it began. `model` is None for agents that ask none."""

    type: ClassVar[str] = "agent_started"
    agent: str
    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalled:
    """A request is about to be sent; `call` counts those of the agent from 1."""

    type: ClassVar[str] = "model_called"
    agent: str
    call: int
    model: str
    n: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswered:
    """A request was answered: by the `model`, from the `cache`, or, in a resumed run, from the `journal`.

    What the cache answers costs nothing. `duration_s` holds the `queued_s` that the call waited for its turn.
    """

    type: ClassVar[str] = "model_answered"
    agent: str
    call: int
    model: str
    usage: Usage
    cost_usd: float | None
    duration_s: float
    load_seconds: float | None
    source: AnswerSource = "model"
    queued_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelFailed:
    """A request failed."""

    type: ClassVar[str] = "model_failed"
    agent: str
    call: int
    model: str
    cause: Cause
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRetried:
    """A request failed and is sent again, as number `attempt`, after `wait_s` seconds."""

    type: ClassVar[str] = "call_retried"
    agent: str
    call: int
    model: str
    cause: Cause
    attempt: int
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class HostThrottled:
    """A host said that it gets too much: `at_once` calls from now on, none for `pause_s` seconds."""

    type: ClassVar[str] = "host_throttled"
    host: str
    at_once: int
    pause_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitChanged:
    """A host that failed too often is left alone (`open`), tried (`half_open`), or asked again (`closed`)."""

    type: ClassVar[str] = "circuit_changed"
    host: str
    state: Circuit


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnding:
    """Nothing more is begun, because of `cause`; `under_way` calls and scripts may still end."""

    type: ClassVar[str] = "run_ending"
    cause: Cause
    under_way: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolCalled:
    """A model wants a tool called; `call` counts the tool calls of the agent from 1."""

    type: ClassVar[str] = "tool_called"
    agent: str
    call: int
    tool: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolAnswered:
    """A tool call ended; the model is shown `output`, which says what went wrong where `error` is set."""

    type: ClassVar[str] = "tool_answered"
    agent: str
    call: int
    tool: str
    output: str
    error: Cause | None
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class StrategyStep:
    """What a strategy just did: a sample, a vote, an early stop, an escalation, a critique."""

    type: ClassVar[str] = "strategy_step"
    agent: str
    strategy: str
    step: str
    message: str
    detail: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class ScriptLogged:
    """What a script wrote to standard error."""

    type: ClassVar[str] = "script_logged"
    agent: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentFinished:
    """An agent ended, in whatever way."""

    type: ClassVar[str] = "agent_finished"
    agent: str
    outcome: Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class FellBack:
    """A model failed and the next one is asked."""

    type: ClassVar[str] = "fell_back"
    agent: str
    model: str
    to: str
    cause: Cause


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerRepaired:
    """An answer did not satisfy its schema, and the model is shown why."""

    type: ClassVar[str] = "answer_repaired"
    agent: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemFinished:
    """One instance of a fan-out ended; `index` counts from 0, `error` is None when it went well."""

    type: ClassVar[str] = "item_finished"
    agent: str
    index: int
    items: int
    error: Cause | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoundFinished:
    """One round of a loop ended; `round` counts from 1."""

    type: ClassVar[str] = "round_finished"
    agent: str
    round: int
    done: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Warned:
    """Something the user should know that did not stop the run."""

    type: ClassVar[str] = "warned"
    message: str
    agent: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunFinished:
    """The last event of a run."""

    type: ClassVar[str] = "run_finished"
    result: RunResult


Happening: TypeAlias = (
    RunStarted
    | Planned
    | AgentStarted
    | ModelCalled
    | ModelAnswered
    | ModelFailed
    | CallRetried
    | HostThrottled
    | CircuitChanged
    | RunEnding
    | ToolCalled
    | ToolAnswered
    | StrategyStep
    | ScriptLogged
    | AgentFinished
    | FellBack
    | AnswerRepaired
    | ItemFinished
    | RoundFinished
    | Warned
    | RunFinished
)


@dataclass(frozen=True, slots=True)
class Event:
    """A happening with its place in the run: `seq` counts from 1 without gaps, `ts` is Unix time."""

    seq: int
    ts: float
    what: Happening


class Observer(Protocol):
    """Anything callable with an event. It must not raise and must not wait."""

    def __call__(self, event: Event, /) -> None: ...
