"""The `ask` that a strategy is given: from messages to requests, with the agent's schema and tools."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from llm_orc.domain.completion import Completion, Message, Request
from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.domain.events import AskFinished, AskStarted, StrategyStep
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.policy import Policy
from llm_orc.domain.task import Task, TaskKind
from llm_orc.domain.usage import Usage
from llm_orc.domain.wording import Wording
from llm_orc.errors import OrcError
from llm_orc.run.attempt import Attempt, cause_of
from llm_orc.run.calls import Calls
from llm_orc.run.together import together
from llm_orc.run.tool_loop import ToolLoop
from llm_orc.run.toolbox import Toolbox

TaskOf = Callable[[str, TaskKind | None], Task]
RunNested = Callable[[Ensemble, JsonObject, Attempt], Awaitable[JsonValue]]


class Asking:
    """Asks the models of one agent."""

    __slots__ = (
        "_attempt", "_calls", "_llm", "_nested", "_policy", "_task_of", "_tools", "models", "wordings",
    )  # fmt: skip

    def __init__(
        self,
        llm: Llm,
        models: tuple[Model, ...],
        attempt: Attempt,
        wordings: tuple[Wording, ...],
        *,
        calls: Calls,
        policy: Policy,
        nested: RunNested,
        tools: Toolbox | None,
        task_of: TaskOf,
    ) -> None:
        self.models = models
        self.wordings = wordings
        self._llm = llm
        self._attempt = attempt
        self._calls = calls
        self._policy = policy
        self._nested = nested
        self._tools = tools
        self._task_of = task_of

    async def __call__(
        self,
        messages: tuple[Message, ...],
        *,
        model: Model | None = None,
        sampling: Sampling | None = None,
        n: int = 1,
        top_logprobs: int | None = None,
        aside: bool = False,
        steps: int | None = None,
        sample: int | None = None,
    ) -> Completion:
        model = model or self.models[0]
        schema = None if aside else self._llm.output_schema
        request = Request(
            model=model,
            messages=messages,
            sampling=model.sampling if sampling is None else sampling.over(model.sampling),
            n=n,
            top_logprobs=top_logprobs,
            schema=schema.schema if schema is not None and "json_schema" in model.supports else None,
            sample=sample,
        )
        if self._llm.strategy.type == "single" and self._tools is None:
            return await self._answered(request, aside, steps)
        attempt, emit = self._attempt, self._calls.emit
        attempt.asks += 1
        number = attempt.asks
        emit(AskStarted(
            agent=attempt.name, ask=number, strategy=self._llm.strategy.type, model=model.name, n=n,
            aside=aside,
        ))  # fmt: skip
        try:
            completion = await self._answered(request, aside, steps)
        except OrcError as error:
            emit(AskFinished(agent=attempt.name, ask=number, error=cause_of(error)))
            raise
        emit(AskFinished(agent=attempt.name, ask=number, error=None))
        return completion

    async def _answered(self, request: Request, aside: bool, steps: int | None) -> Completion:
        model = request.model
        if self._tools is not None and not aside:
            by_text = steps is not None or "tools" not in model.supports
            loop = ToolLoop(self._tools, steps or self._llm.max_tool_calls, self._once, by_text=by_text)
            return await _drawn(request, loop)
        if request.n > 1 and "n" not in model.supports:
            return await _drawn(request, self._once)
        return await self._once(request)

    async def run(self, ensemble: Ensemble, inputs: JsonObject) -> JsonValue:
        return await self._nested(ensemble, inputs, self._attempt)

    def task(self, messages: tuple[Message, ...]) -> Task:
        return self._task_of("\n".join(m.content for m in messages if m.role != "assistant"), self._llm.task)

    def note(self, step: str, message: str, **detail: JsonValue) -> None:
        self._calls.emit(StrategyStep(
            agent=self._attempt.name, strategy=self._llm.strategy.type, step=step, message=message,
            detail=detail,
        ))  # fmt: skip

    async def _once(self, request: Request) -> Completion:
        return await self._calls.complete(request, self._attempt, self._policy)


async def _drawn(request: Request, once: Callable[[Request], Awaitable[Completion]]) -> Completion:
    """The request's `n` answers, each from a request of its own, all at once; a seed counts up."""
    seed = request.sampling.seed
    requests = [
        replace(
            request,
            n=1,
            sampling=request.sampling if seed is None else replace(request.sampling, seed=seed + index),
            sample=None if request.n == 1 and request.sample is None else (request.sample or 0) + index,
        )
        for index in range(request.n)
    ]
    completions = await together([partial(once, each) for each in requests])
    return Completion(
        choices=tuple(choice for completion in completions for choice in completion.choices),
        usage=sum((completion.usage for completion in completions), Usage()),
        model=completions[0].model,
        load_seconds=max((c.load_seconds for c in completions if c.load_seconds is not None), default=None),
    )
