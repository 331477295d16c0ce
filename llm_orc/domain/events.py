"""The one stream of events: everything that can be seen of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol, TypeAlias

from llm_orc.domain.call_events import (
    AnswerSource as AnswerSource,
)
from llm_orc.domain.call_events import (
    AskFinished as AskFinished,
)
from llm_orc.domain.call_events import (
    AskStarted as AskStarted,
)
from llm_orc.domain.call_events import (
    CallHeld as CallHeld,
)
from llm_orc.domain.call_events import (
    CallQueued as CallQueued,
)
from llm_orc.domain.call_events import (
    CallRetried as CallRetried,
)
from llm_orc.domain.call_events import (
    CallSent as CallSent,
)
from llm_orc.domain.call_events import (
    CircuitChanged as CircuitChanged,
)
from llm_orc.domain.call_events import (
    HostThrottled as HostThrottled,
)
from llm_orc.domain.call_events import (
    ModelAnswered as ModelAnswered,
)
from llm_orc.domain.call_events import (
    ModelCalled as ModelCalled,
)
from llm_orc.domain.call_events import (
    ModelCancelled as ModelCancelled,
)
from llm_orc.domain.call_events import (
    ModelFailed as ModelFailed,
)
from llm_orc.domain.call_events import (
    ToolAnswered as ToolAnswered,
)
from llm_orc.domain.call_events import (
    ToolCalled as ToolCalled,
)
from llm_orc.domain.cause import Cause
from llm_orc.domain.json import JsonObject
from llm_orc.domain.outcome import Outcome, RunResult
from llm_orc.domain.plan import Plan
from llm_orc.domain.wording_events import DemosChosen, VariantChosen


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
    trace_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """Models were chosen for the agents that are ready; `step` counts plans from 1."""

    type: ClassVar[str] = "planned"
    step: int
    plan: Plan


HeldFor = Literal["place", "room", "layer"]


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentHeld:
    """An agent has all that it depends on and cannot begin yet: `at_once` others are at work, as many as may
    be (`place`); the `models` that agents use leave no `room` for one that may serve it; or its `layer` has
    to wait for the one before."""

    type: ClassVar[str] = "agent_held"
    agent: str
    why: HeldFor
    at_once: int | None = None
    models: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AgentStarted:
    """An agent's dependencies are settled and it began. `model` is None for agents that ask none."""

    type: ClassVar[str] = "agent_started"
    agent: str
    model: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunEnding:
    """Nothing more is begun, because of `cause`; `under_way` calls and scripts may still end."""

    type: ClassVar[str] = "run_ending"
    cause: Cause
    under_way: int


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
class ItemStarted:
    """One instance of a fan-out began; `index` counts from 0."""

    type: ClassVar[str] = "item_started"
    agent: str
    index: int
    items: int


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
    | AgentHeld
    | AgentStarted
    | VariantChosen
    | DemosChosen
    | CallHeld
    | ModelCalled
    | ModelAnswered
    | ModelFailed
    | ModelCancelled
    | CallQueued
    | CallSent
    | CallRetried
    | HostThrottled
    | CircuitChanged
    | RunEnding
    | ToolCalled
    | ToolAnswered
    | AskStarted
    | AskFinished
    | StrategyStep
    | ScriptLogged
    | AgentFinished
    | FellBack
    | AnswerRepaired
    | ItemStarted
    | ItemFinished
    | RoundFinished
    | Warned
    | RunFinished
)


@dataclass(frozen=True, slots=True)
class Event:
    """A happening with its place in the run: `seq` counts from 1 without gaps, `ts` is Unix time.

    `span` names the piece of work that it belongs to; `parent`, set where the piece begins, that around it.
    """

    seq: int
    ts: float
    what: Happening
    span: str = ""
    parent: str | None = None


class Observer(Protocol):
    """Anything callable with an event. It must not raise and must not wait."""

    def __call__(self, event: Event, /) -> None: ...
