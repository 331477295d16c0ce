"""Where every call of a run goes through: the journal or the cache may know its answer, the budget allows
it, the gate lets it pass, the policy sends it, the journal keeps it. Scripts and tools go the same way."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter, time

import anyio

from llm_orc.domain.call_events import HeldBy
from llm_orc.domain.calling import (
    CircuitMoved,
    Connect,
    Notice,
    Queued,
    Queueing,
    Retrying,
    Throttled,
    may_be_charged,
)
from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.ensemble import Agent
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
    ModelFailed,
)
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.policy import Policy
from llm_orc.domain.recorder import ModelCall, Recorder, Work, WorkKind, work_key
from llm_orc.domain.usage import Usage
from llm_orc.errors import BudgetSpent, OrcError
from llm_orc.run.answer_cache import AnswerCache
from llm_orc.run.attempt import Attempt, cause_of
from llm_orc.run.budget import Amount, Expectations, cost_of, taken_by
from llm_orc.run.gate import Gate
from llm_orc.run.stream import EventStream


@dataclass(frozen=True, slots=True, kw_only=True)
class Calls:
    """The calls of one run. What is `given` for the run holds whatever agents say, `policy` where they say
    nothing."""

    emit: EventStream
    connect: Connect
    cache: AnswerCache
    policy: Policy
    given: Policy = Policy()
    gate: Gate = field(default_factory=Gate)
    recorder: Recorder | None = None
    can_resume: bool = False
    expectations: Expectations = field(default_factory=Expectations)

    async def complete(self, request: Request, attempt: Attempt, policy: Policy) -> Completion:
        """The answer of a model. Raises `ProviderFailed`, `DeadlinePassed` and `BudgetSpent`."""
        request = replace(request, timeout_seconds=policy.call_seconds)
        call = _Call(self, attempt, request)
        known = None if self.recorder is None else self.recorder.recall(attempt.name, request)
        if known is not None:
            attempt.purses.recall(taken_by(request, known.usage))
            call.begin()
            cost = cost_of(request.model, known.usage)
            call.count(known, cost, "journal")
            call.tell(known, cost, "journal")
            return known
        ask = partial(self._sent, call, policy)
        completion, was_known = await self.cache.answer(
            request, policy.cache, ask, partial(call.held, "same")
        )
        if was_known:
            completion = replace(completion, usage=Usage())
            call.begin()
            await self._keep(call, completion, 0.0, cached=True)
            call.count(completion, 0.0, "cache")
            call.tell(completion, 0.0, "cache")
        return completion

    def policy_of(self, agent: Agent) -> Policy:
        """How the agent's calls are treated."""
        return self.given.over(agent.policy).over(self.policy)

    def route_before(self, agent: str, given: JsonObject) -> str | None:
        """The model that served the agent on the same input in an earlier attempt at the run."""
        if self.recorder is None:
            return None
        known = self.recorder.recall_work("route", agent, work_key("route", given))
        return None if known is None else str(known.output)

    async def keep_route(self, agent: str, given: JsonObject, model: str) -> None:
        """Which model serves the agent."""
        if self.recorder is not None:
            key = work_key("route", given)
            await self.recorder.record_work(Work(kind="route", agent=agent, key=key, output=model))

    async def work(
        self, kind: WorkKind, attempt: Attempt, given: JsonValue, do: Callable[[], Awaitable[JsonValue]]
    ) -> JsonValue:
        """What a script or a tool makes of what it is `given`; in a resumed run, what it made before."""
        key = work_key(kind, given)
        if self.recorder is not None:
            known = self.recorder.recall_work(kind, attempt.name, key)
            if known is not None:
                return known.output
        async with self.gate.work():
            output = await do()
            if self.recorder is not None:
                await self.recorder.record_work(Work(kind=kind, agent=attempt.name, key=key, output=output))
        return output

    async def _sent(self, call: _Call, policy: Policy) -> Completion:
        """Sent, each attempt paid for, and kept; what fails is kept and told too."""
        request = call.request
        try:
            completion = await self.connect(request.model, policy, call).complete(request)
            cost = cost_of(request.model, completion.usage)
            call.count(completion, cost, "model")
            # On the disk before anybody hears of it.
            await self._keep(call, completion, cost)
        except BudgetSpent as error:
            if call.failed_with is not None:
                # It failed, and there is nothing left for another attempt.
                await self._failed(call, call.failed_with)
            if error.ends_run:
                self.gate.close(cause_of(error))
                await anyio.sleep_forever()
            raise
        except OrcError as error:
            await self._failed(call, error)
            raise
        finally:
            call.leave()
        call.tell(completion, cost, "model")
        return completion

    async def _failed(self, call: _Call, error: OrcError) -> None:
        took, cause = perf_counter() - call.began, cause_of(error)
        if self.recorder is not None:
            await self.recorder.record(call.ended(error=cause, duration_s=took))
        self.emit(ModelFailed(
            agent=call.attempt.name, call=call.number, model=call.request.model.name, cause=cause,
            duration_s=took,
        ))  # fmt: skip

    async def _keep(
        self, call: _Call, completion: Completion, cost: float | None, *, cached: bool = False
    ) -> None:
        if self.recorder is not None:
            took = perf_counter() - call.began
            await self.recorder.record(
                call.ended(completion=completion, cost_usd=cost, duration_s=took, cached=cached)
            )


class _Call:
    """One call of an agent: the `Caller` that the policy tells what happens to it."""

    def __init__(self, calls: Calls, attempt: Attempt, request: Request) -> None:
        self.attempt = attempt
        self.request = request
        self.number = 0
        self.began = perf_counter()
        self.ended = partial(ModelCall, agent=attempt.name, request=request, started_at=time())
        self._calls = calls
        self._queued = 0.0
        self._is_held = False
        self._is_sent = False
        self._is_under_way = False
        self.failed_with: OrcError | None = None

    def begin(self) -> None:
        """What a budget forbids is no call."""
        self.attempt.attempts += 1
        self.number = self.attempt.attempts
        self.began = perf_counter()

    async def pay(self, send: Callable[[], Awaitable[Completion]]) -> Completion:
        """The first attempt that is paid for begins the call; to wait for money is to wait for its turn."""
        request, calls, began = self.request, self._calls, perf_counter()
        has_waited = False

        def waits() -> None:
            nonlocal has_waited
            if not self.number:
                self.held("budget")
            elif not has_waited:
                self.told(Queueing())
            has_waited = True

        async with self.attempt.purses.paying(request, calls.expectations.of(request), waits) as bill:
            waited = perf_counter() - began if has_waited else 0.0
            if not self.number:
                self._queued = waited
                self.begin()
                self.began = began
                calls.emit(ModelCalled(
                    agent=self.attempt.name, call=self.number, model=request.model.name, n=request.n,
                    request=request,
                ))  # fmt: skip
            elif has_waited:
                self.told(Queued(seconds=waited))
            self._is_sent = False
            try:
                completion = await send()
            except BaseException as error:
                if self._is_sent:
                    bill.taken, bill.is_open = Amount(calls=1), may_be_charged(error)
                self.failed_with = error if isinstance(error, OrcError) else None
                raise
            bill.taken = taken_by(request, completion.usage)
            calls.expectations.learn(request, completion.usage)
        return completion

    def held(self, why: HeldBy) -> None:
        """It cannot be sent yet."""
        if not self._is_held:
            self._is_held = True
            self._calls.emit(CallHeld(agent=self.attempt.name, model=self.request.model.name, why=why))

    @property
    def has_alternative(self) -> bool:
        return self.attempt.has_alternative

    @asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        await self._calls.gate.enter()
        self._is_sent = True
        try:
            yield
        except BaseException:
            self._calls.gate.leave()
            raise
        self._is_under_way = True

    def leave(self) -> None:
        """An answer is under way until it is kept."""
        if self._is_under_way:
            self._is_under_way = False
            self._calls.gate.leave()

    def told(self, notice: Notice) -> None:
        emit = self._calls.emit
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
        self._calls.emit(ModelAnswered(
            agent=self.attempt.name, call=self.number, model=self.request.model.name,
            usage=completion.usage, cost_usd=cost, duration_s=perf_counter() - self.began,
            load_seconds=completion.load_seconds, source=source, queued_s=self._queued,
            completion=completion,
        ))  # fmt: skip
