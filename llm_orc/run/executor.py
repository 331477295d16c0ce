"""Execute one agent: render, think, check; every way of ending becomes an outcome."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import perf_counter, time

import anyio

from llm_orc.domain.completion import Completion, Message, Provider, Request, Usage
from llm_orc.domain.ensemble import Agent, Default, Llm, Script
from llm_orc.domain.events import AgentStarted, ModelAnswered, ModelCalled, ModelFailed, ScriptLogged
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.outcome import NO_USAGE, Answered, Cause, Effort, Failed, Outcome, Skipped
from llm_orc.domain.strategy import Strategy
from llm_orc.errors import DeadlinePassed, NotAvailable, OrcError
from llm_orc.run.answer import to_output
from llm_orc.run.render import input_text, render
from llm_orc.run.script import run_script
from llm_orc.run.stream import EventStream

ProviderOf = Callable[[Model], Provider]
StrategyOf = Callable[[str], Strategy]


def cause_of(error: OrcError) -> Cause:
    """An error as a value."""
    return Cause(kind=error.kind, message=error.message, hint=error.hint, exit_code=error.exit_code)


class Executor:
    """Executes the agents of one run."""

    def __init__(
        self,
        inputs: JsonObject,
        emit: EventStream,
        provider_of: ProviderOf,
        strategy_of: StrategyOf,
    ) -> None:
        self._inputs = inputs
        self._emit = emit
        self._provider_of = provider_of
        self._strategy_of = strategy_of
        self._running: dict[str, _Attempt] = {}

    async def __call__(self, agent: Agent, outcomes: Mapping[str, Outcome]) -> Outcome:
        """The agent's outcome; only cancellation and bugs get out as exceptions."""
        attempt = self._running[agent.name] = _Attempt(agent, self._emit)
        work = agent.work
        if self._emit.observed:
            model = work.models[0].name if isinstance(work, Llm) else None
            self._emit(AgentStarted(agent=agent.name, model=model))
        dependencies: dict[str, JsonValue] = {}
        for need in agent.depends_on:
            outcome = outcomes[need]
            if type(outcome) is Answered:
                dependencies[need] = outcome.output
        try:
            if agent.timeout_seconds is None:
                output = await self._do(attempt, dependencies)
            else:
                output = await self._within(agent.timeout_seconds, attempt, dependencies)
            ended = attempt.answered(output)
        except OrcError as error:
            ended = attempt.failed(cause_of(error))
        del self._running[agent.name]
        return ended

    def abandon(self, name: str, cause: Cause) -> Failed | Skipped:
        """What became of an agent that had no end when the run was cut short."""
        attempt = self._running.get(name)
        return Skipped(cause=cause) if attempt is None else Failed(cause=cause, effort=attempt.effort())

    async def _within(
        self, seconds: float, attempt: _Attempt, dependencies: Mapping[str, JsonValue]
    ) -> JsonValue:
        with anyio.move_on_after(seconds):
            return await self._do(attempt, dependencies)
        raise DeadlinePassed(f"no answer within {seconds:g} s", hint="raise timeout_seconds")

    async def _do(self, attempt: _Attempt, dependencies: Mapping[str, JsonValue]) -> JsonValue:
        work = attempt.agent.work
        if isinstance(work, Llm):
            return await self._think(work, attempt, dependencies)
        if isinstance(work, Script):
            output, log = await run_script(work, input_text(self._inputs), dependencies)
            if log:
                self._emit(ScriptLogged(agent=attempt.agent.name, text=log))
            return output
        raise NotAvailable(f"{work.feature} is not available yet")

    async def _think(self, llm: Llm, attempt: _Attempt, dependencies: Mapping[str, JsonValue]) -> JsonValue:
        messages = render(llm, self._inputs, dependencies)
        model = llm.models[0]
        attempt.model = model.name
        attempt.strategy = llm.strategy.type
        ask = _Asking(llm, model, self._provider_of(model), attempt)
        answer = await self._strategy_of(llm.strategy.type).answer(messages, ask)
        attempt.samples = answer.samples
        attempt.confidence = answer.confidence
        return to_output(llm, answer.text)


class _Attempt:
    """What is learned about one execution of one agent while it lasts."""

    __slots__ = (
        "agent", "attempts", "began", "confidence", "cost_usd", "emit", "model", "samples",
        "started_at", "strategy", "usage",
    )  # fmt: skip

    def __init__(self, agent: Agent, emit: EventStream) -> None:
        self.agent = agent
        self.emit = emit
        self.began = perf_counter()
        self.started_at = time()
        self.model: str | None = None
        self.strategy: str | None = None
        self.usage: Usage = NO_USAGE
        self.cost_usd: float | None = 0.0
        self.attempts = 0
        self.samples = 0
        self.confidence: float | None = None

    def answered(self, output: JsonValue) -> Outcome:
        return Answered(output=output, effort=self.effort(), confidence=self.confidence)

    def failed(self, cause: Cause) -> Outcome:
        if isinstance(self.agent.on_failure, Default):
            return Answered(output=self.agent.on_failure.value, effort=self.effort(), replaced=cause)
        return Failed(cause=cause, effort=self.effort())

    def effort(self) -> Effort:
        return Effort(
            model=self.model,
            strategy=self.strategy,
            usage=self.usage,
            cost_usd=self.cost_usd,
            attempts=self.attempts,
            samples=self.samples,
            started_at=self.started_at,
            duration_s=perf_counter() - self.began,
        )

    def count(self, usage: Usage, cost_usd: float | None) -> None:
        self.usage = usage if self.usage is NO_USAGE else self.usage + usage
        known = self.cost_usd is not None and cost_usd is not None
        self.cost_usd = (self.cost_usd or 0.0) + (cost_usd or 0.0) if known else None


class _Asking:
    """The `ask` of one agent: counts, prices and reports each call."""

    __slots__ = ("_attempt", "_llm", "_model", "_provider")

    def __init__(self, llm: Llm, model: Model, provider: Provider, attempt: _Attempt) -> None:
        self._llm = llm
        self._model = model
        self._provider = provider
        self._attempt = attempt

    async def __call__(
        self,
        messages: tuple[Message, ...],
        *,
        sampling: Sampling | None = None,
        n: int = 1,
        top_logprobs: int | None = None,
    ) -> Completion:
        attempt, model = self._attempt, self._model
        schema = self._llm.output_schema
        request = Request(
            model=model,
            messages=messages,
            sampling=sampling or self._llm.sampling,
            n=n,
            top_logprobs=top_logprobs,
            schema=schema.schema if schema is not None and "json_schema" in model.supports else None,
        )
        name, emit = attempt.agent.name, attempt.emit
        attempt.attempts += 1
        emit(ModelCalled(agent=name, model=model.name, n=n))
        began = perf_counter()
        try:
            completion = await self._provider.complete(request)
        except OrcError as error:
            emit(ModelFailed(
                agent=name, model=model.name, cause=cause_of(error), duration_s=perf_counter() - began
            ))  # fmt: skip
            raise
        cost = cost_of(model, completion.usage)
        attempt.count(completion.usage, cost)
        emit(ModelAnswered(
            agent=name, model=model.name, usage=completion.usage, cost_usd=cost,
            duration_s=perf_counter() - began, load_seconds=completion.load_seconds,
        ))  # fmt: skip
        return completion


def cost_of(model: Model, usage: Usage) -> float | None:
    """US dollars; None when the model's price is unknown."""
    if model.price is None:
        return None
    return (
        usage.input_tokens * model.price.input_per_million
        + usage.output_tokens * model.price.output_per_million
    ) / 1e6
