"""The same question to every row of a dataset, several at a time."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from llm_orc.errors import OrcError
from llm_orc.optimize.stopping import Interrupt

AT_ONCE = 8
R = TypeVar("R")
T = TypeVar("T")


async def over(rows: Sequence[R], ask: Callable[[int, R], Awaitable[T]], at_once: int = AT_ONCE) -> list[T]:
    """What `ask` says of each row and its place, in the order of the rows. Raises the first `OrcError`."""
    found = await until(rows, ask, lambda place, answer: False, at_once)
    return [found[place] for place in range(len(rows))]


async def until(
    rows: Sequence[R],
    ask: Callable[[int, R], Awaitable[T]],
    enough: Callable[[int, T], bool],
    at_once: int = AT_ONCE,
    interrupt: Interrupt | None = None,
) -> dict[int, T]:
    """What `ask` said of rows, by their place, until `enough` says so of an answer or it is interrupted.

    What is asked then is cancelled, after an interrupt when it has had its grace. Raises the first
    `OrcError`.
    """
    interrupt = interrupt or Interrupt()
    found: dict[int, T] = {}
    failures: list[OrcError] = []
    limit = anyio.CapacityLimiter(at_once)

    async def one(place: int, row: R) -> None:
        try:
            async with limit:
                if not interrupt.asked.is_set():
                    found[place] = await ask(place, row)
        except OrcError as error:
            failures.append(error)
            everything.cancel_scope.cancel()
            return
        if place in found and enough(place, found[place]):
            everything.cancel_scope.cancel()

    async def watch(interrupt: Interrupt) -> None:
        await interrupt.grace()
        everything.cancel_scope.cancel()

    async with anyio.create_task_group() as everything:
        everything.start_soon(watch, interrupt)
        async with anyio.create_task_group() as asking:
            for place, row in enumerate(rows):
                asking.start_soon(one, place, row)
        everything.cancel_scope.cancel()
    if failures:
        raise failures[0]
    return found
