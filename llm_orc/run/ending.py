"""How a run ends before its agents do: an interrupt, a limit, a journal that cannot be written."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from functools import partial

import anyio

from llm_orc.domain.cause import Cause
from llm_orc.domain.events import RunEnding
from llm_orc.domain.recorder import Recorder
from llm_orc.run.gate import Gate
from llm_orc.run.stream import EventStream

GRACE_SECONDS = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """What may end a run. When `interrupt` is set, or a budget is spent, what is under way may still end
    within `grace_seconds`; when `cancel` is set or `max_seconds` have passed, it is cancelled."""

    interrupt: anyio.Event | None = None
    cancel: anyio.Event | None = None
    max_seconds: float | None = None
    grace_seconds: float = GRACE_SECONDS


async def drive(
    work: Callable[[], Awaitable[None]],
    gate: Gate,
    ending: Ending,
    emit: EventStream,
    recorder: Recorder | None,
) -> Cause | None:
    """What cut the work short; None when it was done."""
    cut: list[Cause] = []
    is_done = False
    with anyio.move_on_after(ending.max_seconds):
        async with anyio.create_task_group() as tasks:

            async def watch(ender: Callable[[], Awaitable[Cause]]) -> None:
                cut.append(await ender())
                tasks.cancel_scope.cancel()

            for ender in _enders(gate, ending, emit, recorder):
                tasks.start_soon(watch, ender)
            await work()
            is_done = True
            tasks.cancel_scope.cancel()
    if is_done:
        return None if recorder is None else await recorder.flush()
    late = f"the run took longer than {ending.max_seconds or 0:g} s"
    return cut[0] if cut else Cause(kind="deadline_passed", message=late, exit_code=3)


def _enders(
    gate: Gate, ending: Ending, emit: EventStream, recorder: Recorder | None
) -> Iterator[Callable[[], Awaitable[Cause]]]:
    """What ends a run when it returns."""
    yield partial(_drained, gate, ending.grace_seconds, emit)
    if ending.interrupt is not None:
        yield partial(_closed, gate, ending.interrupt)
    if ending.cancel is not None:
        yield partial(_cancelled, ending.cancel)
    if recorder is not None:
        yield recorder.broken


async def _drained(gate: Gate, grace_seconds: float, emit: EventStream) -> Cause:
    """A gate that was closed, when what was under way has ended or taken too long."""
    cause = await gate.closed()
    emit(RunEnding(cause=cause, under_way=gate.under_way))
    with anyio.move_on_after(grace_seconds):
        await gate.drained()
    return cause


async def _closed(gate: Gate, interrupt: anyio.Event) -> Cause:
    """Closes the gate, which then ends the run."""
    await interrupt.wait()
    gate.close(_INTERRUPTED)
    await anyio.sleep_forever()
    raise AssertionError


async def _cancelled(cancel: anyio.Event) -> Cause:
    await cancel.wait()
    return _INTERRUPTED


_INTERRUPTED = Cause(kind="interrupted", message="interrupted", exit_code=130)
