"""One call of a model on its way: what it waits for, what it is charged to, and what is told of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from time import perf_counter, time

from llm_orc.domain.call_events import HeldBy
from llm_orc.domain.calling import CircuitMoved, Notice, Queued, Queueing, Retrying, Throttled, may_be_charged
from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.events import (
    AnswerSource,
    CallHeld,
    CallQueued,
    CallRetried,
    CallSent,
    CircuitChanged,
    HostThrottled,
    ModelAnswered,
    ModelCalled,
)
from llm_orc.domain.recorder import ModelCall
from llm_orc.errors import OrcError
from llm_orc.run.attempt import Attempt
from llm_orc.run.budget import Amount, Expectations, taken_by
from llm_orc.run.gate import Gate
from llm_orc.run.stream import EventStream


class Call:
    """The `Caller` that the policy tells what happens to it. `ended` makes what the journal keeps of it."""

    def __init__(
        self, emit: EventStream, gate: Gate, expectations: Expectations, attempt: Attempt, request: Request
    ) -> None:
        self.attempt = attempt
        self.request = request
        self.number = 0
        self.began = perf_counter()
        self.ended = partial(ModelCall, agent=attempt.name, request=request, started_at=time())
        self._emit = emit
        self._gate = gate
        self._expectations = expectations
        self._queued = 0.0
        self._is_held = False
        self._is_sent = False
        self.was_sent = False
        self._is_under_way = False
        self.failed_with: OrcError | None = None

    def begin(self) -> None:
        """What a budget forbids is no call."""
        self.attempt.attempts += 1
        self.number = self.attempt.attempts
        self.began = perf_counter()

    async def pay(self, send: Callable[[], Awaitable[Completion]]) -> Completion:
        """The first attempt that is paid for begins the call; to wait for money is to wait for its turn."""
        request, began = self.request, perf_counter()
        has_waited = False

        def waits() -> None:
            nonlocal has_waited
            if not self.number:
                self.held("budget")
            elif not has_waited:
                self.told(Queueing())
            has_waited = True

        async with self.attempt.purses.paying(request, self._expectations.of(request), waits) as bill:
            waited = perf_counter() - began if has_waited else 0.0
            if not self.number:
                self._queued = waited
                self.begin()
                self.began = began
                self._emit(ModelCalled(
                    agent=self.attempt.name, call=self.number, model=request.model.name, n=request.n,
                    request=request,
                ))  # fmt: skip
            elif has_waited:
                self.told(Queued(seconds=waited))
            self._is_sent, self.failed_with = False, None
            try:
                completion = await send()
            except BaseException as error:
                if self._is_sent:
                    bill.taken, bill.is_open = Amount(calls=1), may_be_charged(error)
                self.failed_with = error if isinstance(error, OrcError) else None
                raise
            bill.taken = taken_by(request, completion.usage)
            self._expectations.learn(request, completion.usage)
        return completion

    def held(self, why: HeldBy) -> None:
        """It cannot be sent yet."""
        if not self._is_held:
            self._is_held = True
            self._emit(CallHeld(agent=self.attempt.name, model=self.request.model.name, why=why))

    @property
    def has_alternative(self) -> bool:
        return self.attempt.has_alternative

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        await self._gate.enter()
        self._is_sent = self.was_sent = True
        try:
            yield
        except BaseException:
            self._gate.leave()
            raise
        self._is_under_way = True

    def leave(self) -> None:
        """An answer is under way until it is kept."""
        if self._is_under_way:
            self._is_under_way = False
            self._gate.leave()

    def told(self, notice: Notice) -> None:
        emit = self._emit
        match notice:
            case Retrying(cause=cause, attempt=attempt, wait_s=wait):
                emit(CallRetried(
                    agent=self.attempt.name, call=self.number, model=self.request.model.name, cause=cause,
                    attempt=attempt, wait_s=wait,
                ))  # fmt: skip
            case Queueing():
                emit(CallQueued(agent=self.attempt.name, call=self.number, model=self.request.model.name))
            case Queued(seconds=seconds):
                self._queued += seconds
                emit(CallSent(
                    agent=self.attempt.name, call=self.number, model=self.request.model.name, queued_s=seconds
                ))  # fmt: skip
            case CircuitMoved(host=host, state=state):
                emit(CircuitChanged(host=host, state=state))
            case Throttled(host=host, at_once=at_once, pause_s=pause):
                emit(HostThrottled(host=host, at_once=at_once, pause_s=pause))

    def count(self, completion: Completion, cost: float | None, source: AnswerSource) -> None:
        """Add it to the agent's account."""
        attempt = self.attempt
        attempt.count(completion.usage, cost)
        attempt.sources.add(source)
        attempt.load_seconds += (completion.load_seconds or 0.0) if source == "model" else 0.0

    def tell(self, completion: Completion, cost: float | None, source: AnswerSource) -> None:
        """An answer that is kept is an event."""
        self._emit(ModelAnswered(
            agent=self.attempt.name, call=self.number, model=self.request.model.name,
            usage=completion.usage, cost_usd=cost, duration_s=perf_counter() - self.began,
            load_seconds=completion.load_seconds, source=source, queued_s=self._queued,
            completion=completion,
        ))  # fmt: skip
