"""Events of what an agent asks for: its strategy's asks, calls of models, calls of tools. All events are in
`events`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from llm_orc.domain.calling import Circuit
from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.json import JsonObject
from llm_orc.domain.usage import Usage

AnswerSource = Literal["model", "cache", "journal"]
HeldBy = Literal["budget", "same"]


@dataclass(frozen=True, slots=True, kw_only=True)
class CallHeld:
    """A call is not sent yet: until calls under way have left enough of a `budget`, or because one that is
    under way asks the `same` and its answer will do."""

    type: ClassVar[str] = "call_held"
    agent: str
    model: str
    why: HeldBy


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCalled:
    """A request is about to be sent; `call` counts those of the agent from 1."""

    type: ClassVar[str] = "model_called"
    agent: str
    call: int
    model: str
    n: int
    request: Request | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelAnswered:
    """A request was answered: by the `model`, from the `cache`, or, in a resumed run, from the `journal`.

    What the cache answers costs nothing. `duration_s` holds the `queued_s` that the call waited for its turn:
    at its host, and before `ModelCalled`, for money that calls under way held.
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
    completion: Completion | None = None


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
class ModelCancelled:
    """A call was given up before it was answered: its agent's time is over, or the run ends.
    `sent`: the server was asked, and may charge for it."""

    type: ClassVar[str] = "model_cancelled"
    agent: str
    call: int
    model: str
    sent: bool
    duration_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallQueued:
    """A call has to wait for its turn: its model or its host gets as many as it may have at once."""

    type: ClassVar[str] = "call_queued"
    agent: str
    call: int
    model: str


@dataclass(frozen=True, slots=True, kw_only=True)
class CallSent:
    """A call that had to wait is sent now, after `queued_s` seconds. Not told of those that need not wait."""

    type: ClassVar[str] = "call_sent"
    agent: str
    call: int
    model: str
    queued_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CallRetried:
    """A request failed and is sent again, as number `attempt`, after `wait_s` seconds.

    Where the cause is `circuit_open` nothing was sent: attempt `attempt` waits until its host is asked again.
    """

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
class AskStarted:
    """A strategy asks for `n` samples, or `aside`: for a critique, a judgement. `ask` counts from 1.

    Not told of where an ask is one call of a model: by the strategy `single` without tools.
    """

    type: ClassVar[str] = "ask_started"
    agent: str
    ask: int
    strategy: str
    model: str
    n: int
    aside: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class AskFinished:
    """An ask ended; `error` is None when it went well."""

    type: ClassVar[str] = "ask_finished"
    agent: str
    ask: int
    error: Cause | None
