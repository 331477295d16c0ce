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
from llm_orc.errors import BudgetSpent, DeadlinePassed, OrcError, ProviderFailed
from llm_orc.strategies.confidence import token_confidence

T = TypeVar("T")
MODEL_FAILED = (ProviderFailed, DeadlinePassed, BudgetSpent)
"""What a model does wrong or what cannot be paid for: what is there already can stand in."""


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
        together = partial(
            ask, messages, model=model, sampling=sampling, n=count, top_logprobs=wanted, sample=first
        )
        completions = await surviving(ask, [together], [f"drawing {count} of the samples"])
    else:
        calls = [
            partial(
                ask, messages, model=model, sampling=_seeded(sampling, model, first + number),
                top_logprobs=wanted, sample=first + number,
            )
            for number in range(count)
        ]  # fmt: skip
        completions = await surviving(ask, calls, ["a sample"] * count)
    came = [choice for completion in completions if completion is not None for choice in completion.choices]
    return [_sample(choice, extract) for choice in came]


def _seeded(sampling: Sampling, model: Model, number: int) -> Sampling:
    seed = model.sampling.seed
    return sampling if seed is None else replace(sampling, seed=seed + number)


async def surviving(
    ask: Ask, calls: Sequence[Callable[[], Awaitable[T]]], names: Sequence[str]
) -> list[T | None]:
    """The results in order, None where a model failed, which is noted.

    Raises the last of these errors when every call failed, and at once any other `OrcError`.
    """
    results: dict[int, T] = {}
    failures: list[ProviderFailed | DeadlinePassed | BudgetSpent] = []
    others: list[OrcError] = []

    async def run(index: int, call: Callable[[], Awaitable[T]]) -> None:
        try:
            results[index] = await call()
        except MODEL_FAILED as error:
            failures.append(error)
            ask.note("failed", f"{names[index]} failed: {error.message}", kind=error.kind)
        except OrcError as error:
            others.append(error)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for index, call in enumerate(calls):
            tasks.start_soon(run, index, call)
    if others:
        raise others[0]
    if failures and not results:
        raise failures[-1]
    return [results.get(index) for index in range(len(calls))]


def _sample(choice: Choice, extract: Extractor) -> Sample:
    confidence = token_confidence("perplexity", choice) if choice.logprobs else None
    return Sample(choice.text, extract(choice.text) if choice.text.strip() else None, confidence)
