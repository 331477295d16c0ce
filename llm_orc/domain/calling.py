"""What stands between an agent's call and the server: who is asked and told on the way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.model import Model
from llm_orc.domain.policy import Policy
from llm_orc.errors import MalformedReply, ProviderFailed, Unreachable

Circuit = Literal["closed", "open", "half_open"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Retrying:
    """An attempt failed; the next one, number `attempt`, follows after `wait_s` seconds. Where a host is left
    alone nothing was sent, and the number is that of the attempt that waits."""

    cause: Cause
    attempt: int
    wait_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Queueing:
    """The call has to wait for its turn from now on; `Queued` follows when it comes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Queued:
    """The call waited so long for its turn, which is now."""

    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class CircuitMoved:
    """Calls to a host are held back (`open`), tried with one (`half_open`), or go through again."""

    host: str
    state: Circuit


@dataclass(frozen=True, slots=True, kw_only=True)
class Throttled:
    """A host said that it gets too much: so many calls at once from now on, none for `pause_s` seconds."""

    host: str
    at_once: int
    pause_s: float


Notice: TypeAlias = Retrying | Queueing | Queued | CircuitMoved | Throttled


class Caller(Protocol):
    """Who makes a call."""

    @property
    def has_alternative(self) -> bool:
        """Whether another model is asked when this one cannot answer."""
        ...

    def pay(self, send: Callable[[], Awaitable[Completion]]) -> Awaitable[Completion]:
        """Makes one attempt at the call when a budget allows it, and keeps account of what it took.

        Raises `BudgetSpent` where none does, and what `send` raises.
        """
        ...

    def sending(self) -> AbstractAsyncContextManager[None]:
        """Entered when a request is about to be sent, left when its reply is there. May never be entered:
        the run is ending."""
        ...

    def told(self, notice: Notice) -> None:
        """What happens to the call."""
        ...


class Answering(Protocol):
    """What answers one request: the part of a provider that a call needs."""

    async def complete(self, request: Request) -> Completion:
        """Raises `ProviderFailed` and `DeadlinePassed`."""
        ...


def may_be_charged(error: BaseException) -> bool:
    """Whether a server may have done the work, and want money for it, of a request that ended like this."""
    if isinstance(error, Unreachable):
        return error.was_sent
    return isinstance(error, MalformedReply) or not isinstance(error, ProviderFailed)


Connect: TypeAlias = Callable[[Model, Policy, Caller], Answering]
"""A provider for one call of a model, with everything that the policy wants around it."""
