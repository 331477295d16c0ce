"""Agents that run other work many times or choose it: fan-out, loop, dispatch."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace

import anyio

from llm_orc.domain.ensemble import Dispatch, Ensemble, FanOut, Loop, variable_name
from llm_orc.domain.events import ItemFinished, ItemStarted, RoundFinished
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.path import Missing, shown, value_at
from llm_orc.errors import FlowFailed, OrcError
from llm_orc.run.attempt import Attempt, cause_of
from llm_orc.run.stream import EventStream
from llm_orc.run.view import View, parsed, pick

AT_ONCE = 32
"""Instances of a fan-out at once where neither the agent nor the run says."""

RunBody = Callable[[Ensemble, JsonObject], Awaitable[JsonValue]]


async def fan_out(
    spec: FanOut,
    items: Sequence[JsonValue],
    at_once: int,
    once: Callable[[JsonValue], Awaitable[JsonValue]],
    attempt: Attempt,
    emit: EventStream,
) -> JsonValue:
    """`once` for each item, at most `at_once` at a time; the outputs in the order of the items.

    Workers take the next item when they are free, so that memory does not grow with the list. Raises
    `FlowFailed` at the first failure where the agent says so, or when too many instances failed.
    """
    outputs: dict[int, JsonValue] = {}
    failures: dict[int, OrcError] = {}
    waiting = iter(enumerate(items))

    async def work() -> None:
        for index, item in waiting:
            if failures and spec.on_item_failure == "fail":
                return
            error: OrcError | None = None
            emit(ItemStarted(agent=attempt.name, index=index, items=len(items)))
            try:
                outputs[index] = await once(item)
            except OrcError as caught:
                error = failures[index] = caught
            emit(ItemFinished(
                agent=attempt.name, index=index, items=len(items),
                error=None if error is None else cause_of(error),
            ))  # fmt: skip

    async with anyio.create_task_group() as tasks:
        for _ in range(min(at_once, len(items))):
            tasks.start_soon(work)
    _check_failures(spec, failures, len(items))
    if spec.on_item_failure == "null":
        return [outputs.get(index) for index in range(len(items))]
    return [outputs[index] for index in sorted(outputs)]


def _check_failures(spec: FanOut, failures: Mapping[int, OrcError], items: int) -> None:
    if not failures:
        return
    first = min(failures)
    message = f"item {first} of {items}: {failures[first].message}"
    if spec.on_item_failure == "fail":
        raise FlowFailed(message, hint=failures[first].hint)
    if (items - len(failures)) / items < spec.min_success:
        raise FlowFailed(f"{len(failures)} of {items} items failed; {message}", hint=failures[first].hint)


async def loop(work: Loop, first: JsonObject, run: RunBody, attempt: Attempt, emit: EventStream) -> JsonValue:
    """Rounds of the body until `until` holds. Raises `FlowFailed` when it never does."""
    inputs = first
    for number in range(1, work.max_iterations + 1):
        output = await run(work.body, inputs)
        done = work.until is None and number == work.max_iterations
        if work.until is not None:
            done = work.until.holds(_seen_by_until(output, number))
        emit(RoundFinished(agent=attempt.name, round=number, done=done))
        if done:
            return output
        inputs = {**inputs, **_carried(work, output)}
    raise FlowFailed(
        f"{work.until.source if work.until else 'until'!r} did not hold after {work.max_iterations} rounds",
        hint="raise max_iterations, or give on_failure a default",
    )


def _seen_by_until(output: JsonValue, number: int) -> dict[str, JsonValue]:
    value = parsed(output)
    named = dict(value) if isinstance(value, Mapping) else {}
    return {**named, "output": value, "iteration": number}


def _carried(work: Loop, output: JsonValue) -> dict[str, JsonValue]:
    value, found = parsed(output), dict[str, JsonValue]()
    for name, path in work.carry.items():
        carried = value if path == ("output",) else value_at(value, path)
        if isinstance(carried, Missing):
            raise FlowFailed(f"carry: the output of {work.body.name!r} has no {shown(path)!r}")
        found[name] = carried
    return found


def chosen(work: Dispatch, view: View) -> Ensemble:
    """The ensemble that the output names. Raises `FlowFailed` for one that is not allowed."""
    name = pick(work.chosen_by, view)
    if isinstance(name, str) and name.strip() in work.allowed:
        return work.allowed[name.strip()]
    if work.default is not None:
        return work.allowed[work.default]
    what = "nothing" if isinstance(name, Missing) else repr(name)[:80]
    why = "is not allowed" if work.allowed else "is the name of no ensemble"
    raise FlowFailed(f"dispatch: {shown(work.chosen_by)} is {what}, which {why}", hint=_listed(work))


def without_choice(work: Dispatch, view: View) -> View:
    """The name of the ensemble is not part of its input."""
    first = str(work.chosen_by[0])
    rest = dict(view.composed_from)
    for name in view.composed_from:
        if first in (name, variable_name(name)):
            del rest[name]
    return replace(view, composed_from=rest)


def _listed(work: Dispatch) -> str:
    names = list(work.allowed)
    return f"allowed: {', '.join(names)}" if names else ""
