"""Execute one agent: see, decide, do, check; every way of ending becomes an outcome."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import anyio

from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Message
from llm_orc.domain.ensemble import (
    Agent,
    Dispatch,
    Ensemble,
    Llm,
    Loop,
    Script,
    StrategySpec,
    SubEnsemble,
    Work,
)
from llm_orc.domain.events import AgentStarted, AnswerRepaired, FellBack, ScriptLogged, Warned
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import Failed, Outcome, Skipped
from llm_orc.domain.plan import Asker
from llm_orc.domain.strategy import Strategy
from llm_orc.domain.wording import Wording
from llm_orc.errors import (
    AnswerRejected,
    BudgetSpent,
    DeadlinePassed,
    NotAvailable,
    OrcError,
    ProviderFailed,
)
from llm_orc.run.answer import to_output
from llm_orc.run.asking import Asking, RunNested, TaskOf
from llm_orc.run.attempt import Attempt, cause_of
from llm_orc.run.budget import Purse, Purses
from llm_orc.run.calls import Calls
from llm_orc.run.flow import AT_ONCE, chosen, fan_out, loop, without_choice
from llm_orc.run.mcp_servers import McpServers
from llm_orc.run.render import as_text, composed, render
from llm_orc.run.routing import Routing, Successors
from llm_orc.run.script import given_to, run_script
from llm_orc.run.stream import EventStream
from llm_orc.run.toolbox import toolbox
from llm_orc.run.view import View, list_of, sub_inputs, view_of
from llm_orc.run.wordings import Wordings

StrategyOf = Callable[[StrategySpec], Strategy]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What all agents of a run share. `nested` runs an ensemble as part of an agent."""

    emit: EventStream
    calls: Calls
    strategy_of: StrategyOf
    nested: RunNested
    servers: McpServers
    task_of: TaskOf
    wordings: Wordings
    routing: Routing | None = None
    concurrency: int | None = None


class Executor:
    """Executes the agents of one ensemble; `within` names the agents around it, each with a slash.

    `successors` looks ahead in its graph, for the routing. `purses` are what it is paid from.
    """

    def __init__(
        self, inputs: JsonObject, around: Surroundings, successors: Successors, within: str, purses: Purses
    ) -> None:
        self._inputs = inputs
        self._around = around
        self._successors = successors
        self._within = within
        self._purses = purses
        self._running: dict[str, Attempt] = {}

    async def __call__(self, agent: Agent, outcomes: Mapping[str, Outcome]) -> Outcome:
        """The agent's outcome; only cancellation and bugs get out as exceptions."""
        name = self._within + agent.name
        purse = None
        if agent.budget is not None:
            purse = Purse(
                agent.budget, "", lambda said: self._warn(name, f"agent {name!r}: {said}"),
                can_resume=self._around.calls.can_resume,
            )  # fmt: skip
            purse.count(self._around.calls.brought_nothing(name, "its own"))
        attempt = Attempt(agent, name, self._purses.and_also(purse))
        try:
            view = view_of(agent, self._inputs, outcomes)
            if agent.when is not None and not agent.when.holds(view.variables()):
                message = f"its condition does not hold: {agent.when.source}"
                return Skipped(cause=Cause(kind="condition", message=message))
            await self._around.calls.gate.passed()
            self._running[agent.name] = attempt
            with anyio.move_on_after(None if agent.budget is None else agent.budget.seconds) as limit:
                ended = await self._begun(agent, attempt, view)
            if limit.cancelled_caught and agent.budget is not None:
                message = f"the budget of {agent.budget.seconds:g} s is spent"
                raise BudgetSpent(message, hint="raise seconds in its budget")
        except OrcError as error:
            ended = attempt.failed(cause_of(error))
        self._running.pop(agent.name, None)
        return ended

    def _warn(self, name: str, said: str) -> None:
        self._around.emit(Warned(message=said, agent=name))

    async def _begun(self, agent: Agent, attempt: Attempt, view: View) -> Outcome:
        routing = self._around.routing
        if not isinstance(agent.work, Llm) or routing is None:
            return await self._started(agent, attempt, view)
        given = {"input": view.own, "dependencies": view.dependencies}
        served_by = self._around.calls.route_before(attempt.name, given)
        for model in agent.work.models:
            if model.name == served_by:
                # Another model would not know what this one has answered and was paid for.
                return await self._started(_with_first(agent, agent.work, model), attempt, view)
        return await self._routed(agent, agent.work, routing, attempt, view, given)

    async def _started(self, agent: Agent, attempt: Attempt, view: View) -> Outcome:
        model = agent.work.models[0].name if isinstance(agent.work, Llm) else None
        attempt.begin()
        self._around.emit(AgentStarted(agent=attempt.name, model=model))
        return attempt.answered(await self._all(agent, attempt, view))

    async def _routed(
        self, agent: Agent, llm: Llm, routing: Routing, attempt: Attempt, view: View, given: JsonObject
    ) -> Outcome:
        """On the model that the plan gives it, which is given back and learned from."""
        asker = Asker(name=attempt.name, llm=llm, text=as_text(view.own) if not agent.depends_on else "")
        model = await routing.assign(asker, self._successors)
        attempt.model = model.name
        try:
            await self._around.calls.keep_route(attempt.name, given, model.name)
            return await self._started(_with_first(agent, llm, model), attempt, view)
        finally:
            routing.release(model.name, attempt.load_seconds)
            # A fan-out's agents share one count, and a fallback's work says nothing about the first model.
            # What was known already says nothing new.
            if attempt.model == model.name and agent.fan_out is None and attempt.sources <= {"model"}:
                seconds = perf_counter() - attempt.began
                routing.planning.learn(asker, model.name, attempt.usage, seconds, tuple(attempt.scores))

    def abandon(self, name: str, cause: Cause) -> Failed | Skipped:
        """What became of an agent that had no end when the run was cut short."""
        attempt = self._running.get(name)
        return Skipped(cause=cause) if attempt is None else Failed(cause=cause, effort=attempt.effort())

    async def _all(self, agent: Agent, attempt: Attempt, view: View) -> JsonValue:
        """The agent's work, once, or once per item of its fan-out."""
        spec = agent.fan_out
        if spec is None:
            return await self._within_time(agent, attempt, view)
        at_once = spec.max_parallel or self._around.concurrency or AT_ONCE

        async def once(item: JsonValue) -> JsonValue:
            return await self._within_time(agent, attempt, view.of_item(spec, item))

        return await fan_out(spec, list_of(agent, spec, view), at_once, once, attempt, self._around.emit)

    async def _within_time(self, agent: Agent, attempt: Attempt, view: View) -> JsonValue:
        """An llm agent's timeout holds for each model that it tries."""
        if isinstance(agent.work, Llm):
            return await self._llm(agent.work, agent.timeout_seconds, attempt, view)
        return await in_time(agent.timeout_seconds, partial(self._do, agent.work, attempt, view))

    async def _do(self, work: Work, attempt: Attempt, view: View) -> JsonValue:
        match work:
            case Script():
                run = partial(self._script, work, view, attempt)
                given = given_to(work, view.own, view.composed_from)
                return await self._around.calls.work("script", attempt, given, run)
            case SubEnsemble(ensemble=ensemble):
                return await self._nested(ensemble, view, attempt)
            case Dispatch():
                return await self._nested(chosen(work, view), without_choice(work, view), attempt)
            case Loop():
                first = sub_inputs(work.body, view, composed(view))
                nested = self._around.nested
                return await loop(
                    work, first, lambda body, given: nested(body, given, attempt), attempt, self._around.emit
                )
        raise NotAvailable(f"{work} is not available yet")

    async def _script(self, script: Script, view: View, attempt: Attempt) -> JsonValue:
        output, log = await run_script(script, view.own, view.composed_from)
        if log:
            self._around.emit(ScriptLogged(agent=attempt.name, text=log))
        return output

    async def _beside(
        self, model: str, ensemble: Ensemble, inputs: JsonObject, attempt: Attempt
    ) -> JsonValue:
        """Agents of a strategy's own; the agent's model does not stand in their way meanwhile."""
        routing = self._around.routing
        if routing is None:
            return await self._around.nested(ensemble, inputs, attempt)
        with routing.lent(model):
            return await self._around.nested(ensemble, inputs, attempt)

    async def _nested(self, ensemble: Ensemble, view: View, attempt: Attempt) -> JsonValue:
        return await self._around.nested(ensemble, sub_inputs(ensemble, view, composed(view)), attempt)

    async def _llm(self, llm: Llm, seconds: float | None, attempt: Attempt, view: View) -> JsonValue:
        """The first model's answer; where it cannot be had, the next fallback's."""
        llm, wordings = await self._around.wordings.of(llm, view, seconds, attempt)
        messages = render(llm, view)
        models, *rest = (llm.models, *((model,) for model in llm.fallbacks))
        while True:
            attempt.has_alternative = bool(rest)
            try:
                return await in_time(seconds, partial(self._think, llm, models, messages, wordings, attempt))
            except (ProviderFailed, DeadlinePassed) as error:
                never_sent = isinstance(error, DeadlinePassed) and not attempt.attempts
                if not rest and never_sent and seconds is not None:
                    raise DeadlinePassed(
                        f"no call was sent within {seconds:g} s: its turn did not come",
                        hint="call_held among the events of the run says what it waited for",
                    ) from error
                if not rest:
                    raise
                failed, models, rest = models, rest[0], rest[1:]
                self._around.emit(FellBack(
                    agent=attempt.name, model=failed[0].name, to=models[0].name, cause=cause_of(error)
                ))  # fmt: skip

    async def _think(
        self,
        llm: Llm,
        models: tuple[Model, ...],
        messages: tuple[Message, ...],
        wordings: tuple[Wording, ...],
        attempt: Attempt,
    ) -> JsonValue:
        around = self._around
        attempt.model = models[0].name
        attempt.strategy = llm.strategy.type
        ask = Asking(
            llm, models, attempt, wordings,
            calls=around.calls, policy=around.calls.policy_of(attempt.agent), task_of=around.task_of,
            nested=partial(self._beside, models[0].name),
            tools=await toolbox(llm, attempt, around.calls, around.servers),
        )  # fmt: skip
        answer = await around.strategy_of(llm.strategy).answer(messages, ask)
        attempt.samples += answer.samples
        attempt.confidence = answer.confidence
        attempt.evidence = answer.evidence
        attempt.model = answer.model or attempt.model
        try:
            output = to_output(llm, answer.text)
        except AnswerRejected as error:
            attempt.scores.append(("schema", 0.0))
            # One more try, shown what was wrong: more of them rarely help small models.
            around.emit(AnswerRepaired(agent=attempt.name, message=error.message))
            answered_by = next((model for model in models if model.name == answer.model), None)
            again = await ask(
                (*messages, Message("assistant", answer.text), correction(error)), model=answered_by
            )
            return to_output(llm, again.text)
        if llm.output_schema is not None:
            attempt.scores.append(("schema", 1.0))
        elif answer.confidence is not None and answer.samples > 1:
            attempt.scores.append(("agreement", answer.confidence))
        return output


def _with_first(agent: Agent, llm: Llm, model: Model) -> Agent:
    """The agent, asking this model first. Strategies that ask all of them keep the order of the file: the
    first is the only choice then."""
    others = tuple(each for each in llm.models if each.name != model.name)
    return replace(agent, work=replace(llm, models=(model, *others)))


def correction(error: AnswerRejected) -> Message:
    """What a model is told about an answer that cannot be used."""
    return Message("user", f"That cannot be used: {error.message}. Reply with the corrected JSON only.")


async def in_time(seconds: float | None, work: Callable[[], Awaitable[JsonValue]]) -> JsonValue:
    """Raises `DeadlinePassed` when the work takes longer; None: no limit."""
    if seconds is None:
        return await work()
    with anyio.move_on_after(seconds):
        return await work()
    raise DeadlinePassed(f"no answer within {seconds:g} s", hint="raise timeout_seconds")
