"""Where every call of a run goes through: the journal or the cache may know its answer, the budget allows
it, the gate lets it pass, the policy sends it, the journal keeps it. Scripts and tools go the same way."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace
from functools import partial
from time import perf_counter

import anyio

from llm_orc.domain.calling import Connect
from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.ensemble import Agent
from llm_orc.domain.events import ModelCancelled, ModelFailed
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.policy import Policy
from llm_orc.domain.recorder import Recorder, Work, WorkKind, work_key
from llm_orc.domain.usage import Usage
from llm_orc.errors import BudgetSpent, OrcError
from llm_orc.run.answer_cache import AnswerCache
from llm_orc.run.attempt import Attempt, cause_of
from llm_orc.run.budget import Amount, Expectations, cost_of, taken_by
from llm_orc.run.call import Call
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
    _counted: set[tuple[str, str]] = field(default_factory=set)

    async def complete(self, request: Request, attempt: Attempt, policy: Policy) -> Completion:
        """The answer of a model. Raises `ProviderFailed`, `DeadlinePassed` and `BudgetSpent`."""
        request = replace(request, timeout_seconds=policy.call_seconds)
        call = Call(self.emit, self.gate, self.expectations, attempt, request)
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

    def brought_nothing(self, agent: str, budget: str) -> Amount:
        """What earlier attempts at the run took for calls without an answer, of an agent or of those within
        it: each `budget` of it is told once, since nobody knows of which execution they were."""
        if self.recorder is None or (agent, budget) in self._counted:
            return Amount()
        self._counted.add((agent, budget))
        found = self.recorder.brought_nothing.items()
        return Amount(calls=sum(calls for name, calls in found if f"{name}/".startswith(f"{agent}/")))

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

    async def _sent(self, call: Call, policy: Policy) -> Completion:
        """Sent, each attempt paid for, and kept; what fails is kept and told too."""
        request, completion = call.request, None
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
        except anyio.get_cancelled_exc_class():
            if completion is None and call.failed_with is not None:
                # While it waited for another attempt.
                await self._failed(call, call.failed_with)
            elif completion is None and call.number:
                await self._given_up(call)
            raise
        finally:
            call.leave()
        call.tell(completion, cost, "model")
        return completion

    async def _failed(self, call: Call, error: OrcError) -> None:
        took, cause = perf_counter() - call.began, cause_of(error)
        if self.recorder is not None:
            with anyio.CancelScope(shield=True):
                await self.recorder.record(call.ended(error=cause, duration_s=took))
        self.emit(ModelFailed(
            agent=call.attempt.name, call=call.number, model=call.request.model.name, cause=cause,
            duration_s=took,
        ))  # fmt: skip

    async def _given_up(self, call: Call) -> None:
        took = perf_counter() - call.began
        if self.recorder is not None and call.was_sent:
            with anyio.CancelScope(shield=True):
                await self.recorder.record(call.ended(duration_s=took))
        self.emit(ModelCancelled(
            agent=call.attempt.name, call=call.number, model=call.request.model.name, sent=call.was_sent,
            duration_s=took,
        ))  # fmt: skip

    async def _keep(
        self, call: Call, completion: Completion, cost: float | None, *, cached: bool = False
    ) -> None:
        if self.recorder is not None:
            took = perf_counter() - call.began
            await self.recorder.record(
                call.ended(completion=completion, cost_usd=cost, duration_s=took, cached=cached)
            )
