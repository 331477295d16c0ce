"""What all calls to one host share: how many at once and per minute, and whether it is asked at all."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

import anyio

from llm_orc.domain.calling import Caller, Circuit, CircuitMoved, Throttled
from llm_orc.domain.completion import Request
from llm_orc.domain.policy import HostPolicy
from llm_orc.errors import (
    CircuitOpen,
    DeadlinePassed,
    MalformedReply,
    OrcError,
    RateLimited,
    ServerFailed,
    Unreachable,
)
from llm_orc.providers.addresses import limits_of
from llm_orc.providers.lanes import Lanes
from llm_orc.providers.rates import Rates, Turn, Turns

USUAL_PAUSE = 1.0
"""Seconds that a host is left alone that says "too many requests" and not for how long."""
LONGEST_PAUSE = 120.0
_BREAKS = (Unreachable, ServerFailed, MalformedReply, DeadlinePassed)


class Host:
    """One address. Its limits are those of the settings, and lower for a while after a 429."""

    def __init__(self, name: str, policy: HostPolicy) -> None:
        self.name = name
        limits = limits_of(name, policy.limits)
        self.breaker = Breaker(name, policy.breaker_failures, policy.breaker_seconds)
        self._most: float = limits.concurrency or math.inf
        self._at_once = anyio.CapacityLimiter(self._most)
        self._rates = Rates(limits.requests_per_minute, limits.tokens_per_minute)
        self._of_models: dict[str, Rates] = {}
        self._turns = Turns()
        self._lanes = Lanes()
        self._pause_until = 0.0
        self._well_since = 0

    @asynccontextmanager
    async def turn(
        self, request: Request, usual_at_once: float, waits: Callable[[], None]
    ) -> AsyncIterator[Turn]:
        """Waits for a place and for the minute to have room; waiting is no part of a call's deadline.
        `waits` is called before each wait.

        The turn is told what becomes of the request, so that the minute is settled with what it took.
        """
        model = request.model
        own = self._of_models.get(model.name)
        if own is None:
            own = self._of_models[model.name] = Rates(model.requests_per_minute, model.tokens_per_minute)
        async with AsyncExitStack() as held:
            await _place(self._lanes.of(model, usual_at_once), held, waits)
            rates = (own, self._rates)
            await held.enter_async_context(self._turns.alone(request, rates, waits))
            await _place(self._at_once, held, waits)
            turn = await held.enter_async_context(self._turns.turn(request, rates, waits))
            pause = self._pause_until - monotonic()
            if pause > 0:
                waits()
            await anyio.sleep(max(0.0, pause))
            yield turn

    def answered(self, caller: Caller) -> None:
        """A call went well: a throttled host gets one more at once after as many as it has at once."""
        self.breaker.succeeded(caller)
        if self._at_once.total_tokens >= self._most:
            return
        self._well_since += 1
        if self._well_since >= self._at_once.total_tokens:
            self._well_since = 0
            self._at_once.total_tokens = min(self._most, self._at_once.total_tokens + 1)

    def failed(self, error: OrcError, caller: Caller) -> None:
        """A call did not."""
        if isinstance(error, RateLimited):
            self.breaker.succeeded(caller)
            self._throttle(error, caller)
        elif isinstance(error, _BREAKS):
            self.breaker.failed(caller)
        else:
            self.breaker.succeeded(caller)

    def _throttle(self, error: RateLimited, caller: Caller) -> None:
        """Additive increase, multiplicative decrease: half as many at once (Chiu and Jain 1989)."""
        pause = min(USUAL_PAUSE if error.retry_after is None else error.retry_after, LONGEST_PAUSE)
        now = monotonic()
        if now < self._pause_until:  # one of those that were under way when the pause began
            self._pause_until = max(self._pause_until, now + pause)
            return
        self._pause_until = now + pause
        under_way = min(self._at_once.borrowed_tokens, self._at_once.total_tokens)
        at_once = max(1, int(under_way) // 2)
        self._well_since = 0
        self._at_once.total_tokens = at_once
        caller.told(Throttled(host=self.name, at_once=at_once, pause_s=pause))


class Breaker:
    """Opens after `most` failures in a row; after `seconds` one call tries whether the host is back.

    Nygard, Release It! (2018), "Circuit Breaker".
    """

    def __init__(self, host: str, most: int, seconds: float) -> None:
        self.state: Circuit = "closed"
        self._host = host
        self._most = most
        self._seconds = seconds
        self._failures = 0
        self._opened_at = 0.0

    def admit(self, caller: Caller) -> None:
        """Raises `CircuitOpen`; one of the calls that come after the pause is the probe."""
        if self.state == "closed":
            return
        left = self._opened_at + self._seconds - monotonic()
        if self.state == "half_open" or left > 0:
            raise CircuitOpen(
                f"{self._host} failed {self._failures} times in a row and is left alone",
                hint=f"it is tried again within {self._seconds:g} s; is the server well?",
                retry_after=max(left, 1.0 if self.state == "half_open" else 0.0),
            )
        self._move("half_open", caller)

    def succeeded(self, caller: Caller) -> None:
        self._failures = 0
        if self.state != "closed":
            self._move("closed", caller)

    def failed(self, caller: Caller) -> None:
        self._failures += 1
        if self.state == "half_open" or (self.state == "closed" and self._failures >= self._most):
            self._opened_at = monotonic()
            self._move("open", caller)

    def given_up(self, caller: Caller) -> None:
        """The probe was cancelled: the next call is one."""
        if self.state == "half_open":
            self._move("open", caller)

    def _move(self, state: Circuit, caller: Caller) -> None:
        self.state = state
        caller.told(CircuitMoved(host=self._host, state=state))


async def _place(places: anyio.CapacityLimiter, held: AsyncExitStack, waits: Callable[[], None]) -> None:
    if places.available_tokens < 1:
        waits()
    await held.enter_async_context(places)
