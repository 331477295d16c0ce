"""What the first Ctrl-C of a search ends, and when."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager

import anyio

from llm_orc.optimize.meter import Meter
from llm_orc.optimize.stopping import INTERRUPTED, Interrupt
from llm_orc.optimize.trials import Trials


@asynccontextmanager
async def interruptible(
    interrupt: Interrupt, meter: Meter, trials: Callable[[], Collection[Trials]]
) -> AsyncIterator[None]:
    """An interrupt of what is done within sends nothing more; runs that outlast its grace are abandoned."""

    async def watch() -> None:
        await interrupt.asked.wait()
        meter.end(INTERRUPTED)
        async with anyio.create_task_group() as waiting:

            async def impatient() -> None:
                await interrupt.grace()
                waiting.cancel_scope.cancel()

            waiting.start_soon(impatient)
            for each in trials():
                await each.quiet()
            waiting.cancel_scope.cancel()
        for each in trials():
            each.abandon()

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(watch)
        yield
        tasks.cancel_scope.cancel()
