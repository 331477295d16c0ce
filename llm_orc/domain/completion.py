"""What goes to a model and what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.usage import Usage

Role = Literal["system", "user", "assistant", "tool"]
Finish = Literal["stop", "length", "tool_calls", "other"]


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A tool that a model wants called."""

    id: str
    name: str
    arguments: JsonObject


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a conversation. `tool_call_id` names the call that a `tool` message answers."""

    role: Role
    content: str
    tool_calls: tuple[ToolCall, ...] = ()
    tool_call_id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tool:
    """A tool as a model sees it; `parameters` is a JSON Schema."""

    name: str
    description: str
    parameters: JsonObject


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One call of one model. `top_logprobs` is None when no log-probabilities are wanted,
    0 for those of the chosen tokens alone. `schema` asks for JSON that satisfies it. `sample` tells draws of
    the same request apart; it is not sent."""

    model: Model
    messages: tuple[Message, ...]
    sampling: Sampling = Sampling()
    n: int = 1
    top_logprobs: int | None = None
    schema: JsonObject | None = None
    tools: tuple[Tool, ...] = ()
    timeout_seconds: float | None = None
    sample: int | None = None


@dataclass(frozen=True, slots=True)
class TokenLogprob:
    """A chosen token, its natural-log probability, and the likeliest alternatives."""

    token: str
    logprob: float
    top: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """One of the `n` answers. `logprobs` is None when the server gave none, never an empty tuple."""

    text: str
    finish: Finish = "stop"
    logprobs: tuple[TokenLogprob, ...] | None = None
    tool_calls: tuple[ToolCall, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """What a model answered. `usage` counts all choices; `load_seconds` is None when not reported."""

    choices: tuple[Choice, ...]
    usage: Usage = Usage()
    model: str = ""
    load_seconds: float | None = None

    @property
    def text(self) -> str:
        """The first choice's text."""
        return self.choices[0].text


@dataclass(frozen=True, slots=True, kw_only=True)
class Installed:
    """A model that a server says it has. `resident` is None when the server does not tell."""

    wire_name: str
    resident: bool | None = None
    vram_gb: float | None = None
    details: Mapping[str, JsonValue] = field(default_factory=dict)


class Provider(Protocol):
    """One wire protocol at one address. Raises `ProviderFailed` subclasses, nothing else of its own."""

    async def complete(self, request: Request) -> Completion:
        """Ask once; cancelling the call cancels the request."""
        ...

    def stream(self, request: Request) -> AsyncIterator[str]:
        """The answer's text as it is written. `request.n` must be 1."""
        ...

    async def installed(self) -> Sequence[Installed]:
        """What the server has. Raises `Unreachable` when there is no server."""
        ...

    async def check(self, model: Model) -> None:
        """Raises `ProviderFailed` when the model could not be served now; generates nothing."""
        ...

    async def unload(self, model: Model) -> None:
        """Take the model out of memory where the server can be told to, and does not use it now."""
        ...

    async def aclose(self) -> None:
        """Let go of connections and memory; the provider is not used again."""
        ...
