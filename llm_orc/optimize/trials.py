"""Candidates on rows: run by the executor that every other verb uses, each at most once."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

import anyio

from llm_orc.domain.cause import Cause
from llm_orc.domain.ensemble import ASK_SEVERAL, Agent, Ensemble, Llm, StrategySpec
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import Answered, Failed, Outcome, RunResult
from llm_orc.domain.usage import Usage
from llm_orc.optimize.meter import Account, Meter, ProviderOf, Stopped
from llm_orc.optimize.prompting import State, applied, as_loaded, fingerprint, state_of
from llm_orc.optimize.stopping import INTERRUPTED

Shown = Sequence[tuple[JsonObject, JsonValue]]
"""What an agent saw, by variable, and what it answered: once, or once per item of a fan-out."""


class Runner(Protocol):
    """Runs an ensemble as `invoke` does, without a choice of models; raises what is no `OrcError`."""

    def __call__(
        self, ensemble: Ensemble, inputs: JsonObject, provider_of: ProviderOf
    ) -> Awaitable[RunResult]: ...


Viewer = Callable[[Agent, JsonObject, Mapping[str, Outcome]], Shown]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploring:
    """How an agent is asked for examples rather than for its answer.

    `rollout` tells repeated attempts apart; `temperature` is None for the agent's own; `model` takes the
    place of its model: the teacher.
    """

    rollout: int | None = None
    temperature: float | None = None
    model: Model | None = None

    @property
    def mark(self) -> str:
        teacher = self.model.name if self.model is not None else ""
        return f"{self.rollout}/{self.temperature}/{teacher}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ran:
    """One run: what came out, what each agent was shown and said, and what it took.

    `cause` says why there is no output, None where there is one. `usd` is None when a price is unknown.
    """

    candidate: str
    output: JsonValue
    shown: Mapping[str, Shown]
    cause: Cause | None
    usage: Usage
    usd: float | None
    seconds: float
    calls: int
    explored: bool

    @property
    def failure(self) -> str:
        return "" if self.cause is None else self.cause.message


class Trials:
    """Runs states of one ensemble on inputs and remembers what came out.

    The same state on the same inputs is run once, also when it is asked for twice at the same time: DSPy
    does so when it has waited for two minutes.
    """

    def __init__(self, ensemble: Ensemble, run: Runner, view: Viewer, meter: Meter, *, at_once: int) -> None:
        self.meter = meter
        self.ensemble = ensemble
        self.states: dict[str, State] = {}
        self._run = run
        self._view = view
        self._limit = anyio.CapacityLimiter(at_once)
        self._ran: dict[tuple[str, str, str], Ran] = {}
        self._under_way: dict[tuple[str, str, str], anyio.Event] = {}
        self._scopes: set[anyio.CancelScope] = set()
        self._quieter = anyio.Event()

    async def ran(
        self, state: State, inputs: JsonObject, exploring: Mapping[str, Exploring] | None = None
    ) -> Ran:
        """Raises `Stopped`."""
        exploring, state = exploring or {}, self.as_loaded(state)
        candidate = fingerprint(state)
        self.states.setdefault(candidate, state)
        mark = ",".join(f"{name}={each.mark}" for name, each in sorted(exploring.items()))
        key = (candidate, json.dumps(inputs, sort_keys=True, ensure_ascii=False), mark)
        while key in self._under_way:
            await self._under_way[key].wait()
        found = self._ran.get(key)
        if found is None:
            self._under_way[key] = anyio.Event()
            try:
                found = self._ran[key] = await self._once(state, candidate, inputs, exploring, mark)
            finally:
                self._under_way.pop(key).set()
        return found

    def as_loaded(self, state: State) -> State:
        """A state as the file would be loaded with it: nothing else is run, and nothing else is kept."""
        return as_loaded(state, state_of(self.ensemble, tuple(state)))

    async def aside(self, ensemble: Ensemble, inputs: JsonObject) -> RunResult:
        """Run another ensemble, such as a judge, under the same limits. Raises `Stopped`."""
        result = await self._in_scope(ensemble, inputs, Account(mark="aside"))
        if result is None or (self.meter.stop is not None and _cut_short(result)):
            raise Stopped
        return result

    async def quiet(self) -> None:
        """Returns when no run is under way."""
        while self._scopes:
            self._quieter = anyio.Event()
            await self._quieter.wait()

    def abandon(self) -> None:
        """End the runs that are under way; what was answered is kept."""
        for scope in tuple(self._scopes):
            scope.cancel()

    async def _once(
        self, state: State, candidate: str, inputs: JsonObject, exploring: Mapping[str, Exploring], mark: str
    ) -> Ran:
        ensemble = explored(applied(self.ensemble, state), exploring)
        account = Account(mark=mark)
        result = await self._in_scope(ensemble, inputs, account)
        if result is None or (self.meter.stop is not None and _cut_short(result)):
            raise Stopped
        cause = _cause(result)
        return Ran(
            candidate=candidate,
            output=None if cause is not None else result.output,
            shown={
                name: self._view(ensemble.agents[name], inputs, result.agents)
                for name in state
                if isinstance(result.agents[name], Answered)
            },
            cause=cause,
            usage=account.usage,
            usd=account.usd,
            seconds=account.seconds,
            calls=account.calls,
            explored=bool(exploring),
        )

    async def _in_scope(self, ensemble: Ensemble, inputs: JsonObject, account: Account) -> RunResult | None:
        """None where the run was abandoned."""
        if self.meter.stop is INTERRUPTED:
            return None
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                async with self._limit:
                    return await self._run(ensemble, inputs, self.meter.providers(account))
            except Stopped:
                return None
            except BaseExceptionGroup as group:
                rest = group.split(Stopped)[1]
                if rest is not None:
                    raise rest from None
                return None
            finally:
                self._scopes.discard(scope)
                self._quieter.set()
        return None


def _cut_short(result: RunResult) -> bool:
    return result.status in ("interrupted", "partial", "failed")


def _cause(result: RunResult) -> Cause | None:
    """Why there is no output; None where there is one."""
    if result.ended_by is not None:
        return result.ended_by
    if result.status != "failed":
        return None
    causes = [outcome.cause for outcome in result.agents.values() if isinstance(outcome, Failed)]
    missing = Cause(kind="dependency", message="an output is missing")
    return replace((causes or [missing])[0], exit_code=result.exit_code)


def explored(ensemble: Ensemble, exploring: Mapping[str, Exploring]) -> Ensemble:
    """The ensemble with other models or sampling for the agents that look for examples."""
    agents = dict(ensemble.agents)
    for name, how in exploring.items():
        work = agents[name].work
        assert isinstance(work, Llm)
        models, strategy = work.models, work.strategy
        if how.model is not None:
            models = (how.model,)
            # Those that ask several models have nothing to ask but the teacher.
            strategy = StrategySpec() if strategy.type in ASK_SEVERAL else strategy
        changed = replace(work, models=tuple(_warmer(m, how) for m in models), strategy=strategy)
        agents[name] = replace(agents[name], work=changed)
    return replace(ensemble, agents=agents)


def _warmer(model: Model, how: Exploring) -> Model:
    if how.temperature is None:
        return model
    sampling = replace(model.sampling, temperature=how.temperature)
    if how.rollout is not None and (sampling.seed is not None or "seed" in model.supports):
        sampling = replace(sampling, seed=(sampling.seed or 0) + how.rollout)
    return replace(model, sampling=sampling)
