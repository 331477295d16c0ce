"""Providers around a provider: `Patient(Admitted(...))` tries again, waits its turn, asks no broken host."""

from __future__ import annotations

import math
import random
from functools import partial
from time import perf_counter

import anyio
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception

from llm_orc.domain.calling import Caller, Queued, Queueing, Retrying, may_be_charged
from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Completion, Provider, Request
from llm_orc.domain.policy import Policy
from llm_orc.errors import CircuitOpen, DeadlinePassed, OrcError, ProviderFailed, RateLimited
from llm_orc.providers.host import Host

FIRST_WAIT = 0.5
"""Seconds: the pause before the n-th retry is drawn from [0, FIRST_WAIT * 2 ** n] (full jitter; Brooker,
"Exponential Backoff and Jitter", AWS Architecture Blog 2015)."""
_AT_ONCE = {"ollama": 1}
"""Calls of a model at once, where its catalogue entry does not say."""


class Admitted:
    """Each request is paid for, waits for its host and passes the caller's gate.

    In this order: nobody who has a place at a host waits for money that others hold.
    """

    def __init__(self, provider: Provider, host: Host, caller: Caller) -> None:
        self._provider = provider
        self._host = host
        self._caller = caller

    async def complete(self, request: Request) -> Completion:
        """Raises `BudgetSpent`, `CircuitOpen`, and what the provider raises."""
        return await self._caller.pay(partial(self._in_turn, request))

    async def _in_turn(self, request: Request) -> Completion:
        host, caller = self._host, self._caller
        began = perf_counter()
        usual = _AT_ONCE.get(request.model.provider, math.inf)
        has_to_wait = False

        def waits() -> None:
            nonlocal has_to_wait
            if not has_to_wait:
                has_to_wait = True
                caller.told(Queueing())

        async with host.turn(request, usual, waits) as turn:
            if has_to_wait:
                caller.told(Queued(seconds=perf_counter() - began))
            host.breaker.admit(caller)
            try:
                async with caller.sending():
                    turn.sent()
                    completion = await self._provider.complete(request)
            except OrcError as error:
                turn.failed(counted=may_be_charged(error))
                host.failed(error, caller)
                raise
            except BaseException:
                host.breaker.given_up(caller)
                raise
            turn.answered(completion)
            host.answered(caller)
            return completion


class Patient:
    """What may work later is tried again: after the pause that the server asks for, or a growing random one.

    Not where that pause is too long, or ends after the deadline, or there is another model to ask instead of
    a host that is left alone.
    """

    def __init__(self, provider: Admitted, policy: Policy, caller: Caller) -> None:
        self._provider = provider
        self._caller = caller
        self._left = policy.retries or 0
        self._number = 1
        self._longest = policy.max_wait_seconds or 0.0

    async def complete(self, request: Request) -> Completion:
        """Raises the last error."""
        attempts = AsyncRetrying(
            retry=retry_if_exception(self._may_pass),
            wait=self._wait,
            stop=self._is_enough,
            before_sleep=self._tell,
            sleep=anyio.sleep,
            reraise=True,
        )
        return await attempts(self._provider.complete, request)

    def _may_pass(self, error: BaseException) -> bool:
        if isinstance(error, CircuitOpen):
            return not self._caller.has_alternative
        return isinstance(error, DeadlinePassed) or (isinstance(error, ProviderFailed) and error.retryable)

    def _wait(self, state: RetryCallState) -> float:
        error = _error(state)
        if isinstance(error, RateLimited | CircuitOpen) and error.retry_after is not None:
            return error.retry_after
        return random.uniform(0, min(self._longest, FIRST_WAIT * 2**state.attempt_number))

    def _is_enough(self, state: RetryCallState) -> bool:
        if not isinstance(_error(state), CircuitOpen):
            # Waiting until a host is asked again is no attempt.
            self._left -= 1
            self._number += 1
        if self._left < 0 or state.upcoming_sleep > self._longest:
            return True
        return anyio.current_time() + state.upcoming_sleep >= anyio.current_effective_deadline()

    def _tell(self, state: RetryCallState) -> None:
        error = _error(state)
        cause = Cause(kind=error.kind, message=error.message, hint=error.hint, exit_code=error.exit_code)
        wait = state.upcoming_sleep
        self._caller.told(Retrying(cause=cause, attempt=self._number, wait_s=wait))


def _error(state: RetryCallState) -> OrcError:
    error = state.outcome.exception() if state.outcome is not None else None
    assert isinstance(error, OrcError)
    return error
