"""The `ask` that a strategy is given: prices, counts and reports each call of a model."""

from __future__ import annotations

from time import perf_counter

from llm_orc.domain.completion import Completion, Message, Provider, Request, Usage
from llm_orc.domain.ensemble import Llm
from llm_orc.domain.events import ModelAnswered, ModelCalled, ModelFailed
from llm_orc.domain.model import Model, Sampling
from llm_orc.errors import OrcError
from llm_orc.run.attempt import Attempt, cause_of
from llm_orc.run.stream import EventStream


class Asking:
    """Asks one model for one agent."""

    __slots__ = ("_attempt", "_emit", "_llm", "_model", "_provider")

    def __init__(
        self, llm: Llm, model: Model, provider: Provider, attempt: Attempt, emit: EventStream
    ) -> None:
        self._llm = llm
        self._model = model
        self._provider = provider
        self._attempt = attempt
        self._emit = emit

    async def __call__(
        self,
        messages: tuple[Message, ...],
        *,
        sampling: Sampling | None = None,
        n: int = 1,
        top_logprobs: int | None = None,
    ) -> Completion:
        attempt, model, emit = self._attempt, self._model, self._emit
        schema = self._llm.output_schema
        request = Request(
            model=model,
            messages=messages,
            sampling=sampling or self._llm.sampling,
            n=n,
            top_logprobs=top_logprobs,
            schema=schema.schema if schema is not None and "json_schema" in model.supports else None,
        )
        attempt.attempts += 1
        emit(ModelCalled(agent=attempt.name, model=model.name, n=n))
        began = perf_counter()
        try:
            completion = await self._provider.complete(request)
        except OrcError as error:
            emit(ModelFailed(
                agent=attempt.name, model=model.name, cause=cause_of(error),
                duration_s=perf_counter() - began,
            ))  # fmt: skip
            raise
        cost = cost_of(model, completion.usage)
        attempt.count(completion.usage, cost)
        emit(ModelAnswered(
            agent=attempt.name, model=model.name, usage=completion.usage, cost_usd=cost,
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
