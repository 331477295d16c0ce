"""Samples: drawn at once, each with its answer and how sure its tokens were."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import TypeVar

import anyio

from llm_orc.answers.extraction import Extractor
from llm_orc.domain.completion import Choice, Message
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.strategy import Ask
from llm_orc.errors import ProviderFailed
from llm_orc.strategies.confidence import token_confidence

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Sample:
    """A reply; `answer` is None where none was found, `confidence` None without log-probabilities."""

    text: str
    answer: str | None
    confidence: float | None = None


async def draw(
    ask: Ask,
    messages: tuple[Message, ...],
    count: int,
    *,
    model: Model,
    sampling: Sampling,
    extract: Extractor,
    logprobs: bool = False,
    first: int = 0,
) -> list[Sample]:
    """As many samples as came; a failing one is noted. Raises the last failure when none came.

    `first` is how many were drawn before: with a seed, each sample has one of its own.
    """
    wanted = 0 if logprobs and "logprobs" in model.supports else None
    if "n" in model.supports:
        sampling = _seeded(sampling, model, first)
        completion = await ask(messages, model=model, sampling=sampling, n=count, top_logprobs=wanted)
        return [_sample(choice, extract) for choice in completion.choices]

    async def one(number: int) -> Sample:
        own = _seeded(sampling, model, number)
        completion = await ask(messages, model=model, sampling=own, top_logprobs=wanted)
        return _sample(completion.choices[0], extract)

    calls = [partial(one, first + number) for number in range(count)]
    return [s for s in await surviving(ask, calls, ["a sample"] * count) if s is not None]


def _seeded(sampling: Sampling, model: Model, number: int) -> Sampling:
    seed = model.sampling.seed
    return sampling if seed is None else replace(sampling, seed=seed + number)


async def surviving(
    ask: Ask, calls: Sequence[Callable[[], Awaitable[T]]], names: Sequence[str]
) -> list[T | None]:
    """The results in order, None for those that failed, which is noted; all failed: raises the last error."""
    results: dict[int, T] = {}
    failures: list[ProviderFailed] = []

    async def run(index: int, call: Callable[[], Awaitable[T]]) -> None:
        try:
            results[index] = await call()
        except ProviderFailed as error:
            failures.append(error)
            ask.note("failed", f"{names[index]} failed: {error.message}", kind=error.kind)

    async with anyio.create_task_group() as tasks:
        for index, call in enumerate(calls):
            tasks.start_soon(run, index, call)
    if failures and not results:
        raise failures[-1]
    return [results.get(index) for index in range(len(calls))]


def _sample(choice: Choice, extract: Extractor) -> Sample:
    confidence = token_confidence("perplexity", choice) if choice.logprobs else None
    return Sample(choice.text, extract(choice.text) if choice.text.strip() else None, confidence)
