"""The same question to every row of a dataset, several at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from llm_orc.domain.json import JsonObject
from llm_orc.domain.policy import Policy
from llm_orc.errors import OrcError

AT_ONCE = 8
UNCACHED = Policy(cache="off")
"""What is measured is done, also when it was done before."""
T = TypeVar("T")


async def over(rows: Sequence[JsonObject], ask: Callable[[int, JsonObject], Awaitable[T]]) -> list[T]:
    """What `ask` says of each row and its place, in the order of the rows. Raises the first `OrcError`."""
    found: dict[int, T] = {}
    failures: list[OrcError] = []
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def one(place: int, row: JsonObject) -> None:
        try:
            async with limit:
                found[place] = await ask(place, row)
        except OrcError as error:
            failures.append(error)
            tasks.cancel_scope.cancel()

    async with anyio.create_task_group() as tasks:
        for place, row in enumerate(rows):
            tasks.start_soon(one, place, row)
    if failures:
        raise failures[0]
    return [found[place] for place in range(len(rows))]
