"""Several answers from a server that gives one at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace

import anyio

from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.usage import Usage
from llm_orc.errors import OrcError


async def one_by_one(complete: Callable[[Request], Awaitable[Completion]], request: Request) -> Completion:
    """`request.n` requests for one answer each, at the same time; the first failure ends them all.

    With a seed, answer `i` is drawn with `seed + i`: they differ, and the same request gives them again.
    """
    answers: list[Completion | None] = [None] * request.n
    failures: list[OrcError] = []

    async def ask(index: int) -> None:
        try:
            answers[index] = await complete(_sample(request, index))
        except OrcError as error:
            failures.append(error)
            group.cancel_scope.cancel()

    async with anyio.create_task_group() as group:
        for index in range(request.n):
            group.start_soon(ask, index)
    if failures:
        raise failures[0]
    return _together([answer for answer in answers if answer is not None])


def _sample(request: Request, index: int) -> Request:
    seed = request.sampling.seed
    sampling = request.sampling if seed is None else replace(request.sampling, seed=seed + index)
    return replace(request, n=1, sampling=sampling)


def _together(answers: Sequence[Completion]) -> Completion:
    loads = [answer.load_seconds for answer in answers if answer.load_seconds is not None]
    return Completion(
        choices=tuple(choice for answer in answers for choice in answer.choices),
        usage=sum((answer.usage for answer in answers), Usage()),
        model=answers[0].model,
        load_seconds=max(loads, default=None),
    )
