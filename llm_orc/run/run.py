"""One run of one ensemble, from its inputs to its result."""

from __future__ import annotations

from collections.abc import Sequence
from secrets import token_hex
from time import perf_counter, time

import anyio

from llm_orc.domain.completion import Usage
from llm_orc.domain.ensemble import Ensemble, Skip
from llm_orc.domain.events import AgentFinished, Observer, RunFinished, RunStarted
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.outcome import (
    Answered,
    Cause,
    Failed,
    Outcome,
    RunResult,
    Skipped,
    Status,
)
from llm_orc.graph.agent_graph import AgentGraph
from llm_orc.run.executor import Executor, ProviderOf, StrategyOf
from llm_orc.run.scheduler import Scheduler
from llm_orc.run.stream import EventStream


async def run_ensemble(
    ensemble: Ensemble,
    inputs: JsonObject,
    *,
    provider_of: ProviderOf,
    strategy_of: StrategyOf,
    observers: Sequence[Observer] = (),
    interrupt: anyio.Event | None = None,
    max_seconds: float | None = None,
) -> RunResult:
    """Run until every agent is settled, `interrupt` is set, or `max_seconds` have passed.

    An interrupted run has a result too: what was in flight counts as failed, the rest as skipped.
    """
    started_at, began = time(), perf_counter()
    run_id = f"{int(started_at * 1000):012x}{token_hex(4)}"
    emit = EventStream(observers)
    graph = AgentGraph({name: agent.depends_on for name, agent in ensemble.agents.items()})
    emit(RunStarted(
        run_id=run_id, ensemble=ensemble.name, layers=graph.layers, depends_on=graph.depends_on,
    ))  # fmt: skip
    executor = Executor(inputs, emit, provider_of, strategy_of)
    scheduler = Scheduler(
        graph,
        ensemble.agents,
        executor,
        lambda name, outcome: emit(AgentFinished(agent=name, outcome=outcome)),
        schedule=ensemble.schedule or "eager",
        concurrency=ensemble.concurrency,
    )
    ended_by = await _drive(scheduler, interrupt, max_seconds)
    if ended_by is not None:
        for name in [name for name in ensemble.agents if name not in scheduler.outcomes]:
            scheduler.outcomes[name] = executor.abandon(name, ended_by)
            emit(AgentFinished(agent=name, outcome=scheduler.outcomes[name]))
    outcomes = {name: scheduler.outcomes[name] for name in ensemble.agents}
    usage, cost = _spent(outcomes)
    result = RunResult(
        run_id=run_id,
        ensemble=ensemble.name,
        status=_status(ensemble, outcomes, ended_by),
        output=_output(ensemble, outcomes),
        agents=outcomes,
        usage=usage,
        cost_usd=cost,
        started_at=started_at,
        duration_s=perf_counter() - began,
        trace_id=token_hex(16),
        ended_by=ended_by,
    )
    emit(RunFinished(result=result))
    return result


async def _drive(
    scheduler: Scheduler, interrupt: anyio.Event | None, max_seconds: float | None
) -> Cause | None:
    """What cut the run short; None when it ran to its end."""
    with anyio.move_on_after(max_seconds) as deadline:
        if interrupt is None:
            await scheduler.drive()
            return None
        async with anyio.create_task_group() as tasks:

            async def watch(interrupt: anyio.Event) -> None:
                await interrupt.wait()
                tasks.cancel_scope.cancel()

            tasks.start_soon(watch, interrupt)
            await scheduler.drive()
            tasks.cancel_scope.cancel()
            return None
        return Cause(kind="interrupted", message="interrupted", exit_code=130)
    assert deadline.cancelled_caught
    return Cause(kind="deadline_passed", message=f"the run took longer than {max_seconds:g} s", exit_code=3)


def _status(ensemble: Ensemble, outcomes: dict[str, Outcome], ended_by: Cause | None) -> Status:
    if ended_by is not None:
        return "interrupted" if ended_by.kind == "interrupted" else "partial"
    fatal = any(
        isinstance(outcome, Failed) and not isinstance(ensemble.agents[name].on_failure, Skip)
        for name, outcome in outcomes.items()
    )
    missing = any(not isinstance(outcomes[name], Answered) for name in ensemble.outputs)
    if fatal or missing:
        return "failed"
    if all(isinstance(o, Answered) and o.replaced is None for o in outcomes.values()):
        return "succeeded"
    return "partial"


def _output(ensemble: Ensemble, outcomes: dict[str, Outcome]) -> JsonValue:
    found: dict[str, JsonValue] = {}
    for name in ensemble.outputs:
        outcome = outcomes[name]
        found[name] = outcome.output if isinstance(outcome, Answered) else None
    return found[ensemble.outputs[0]] if len(ensemble.outputs) == 1 else found


def _spent(outcomes: dict[str, Outcome]) -> tuple[Usage, float | None]:
    read = written = 0
    cost: float | None = 0.0
    for outcome in outcomes.values():
        if isinstance(outcome, Skipped):
            continue
        read += outcome.effort.usage.input_tokens
        written += outcome.effort.usage.output_tokens
        part = outcome.effort.cost_usd
        cost = None if cost is None or part is None else cost + part
    return Usage(input_tokens=read, output_tokens=written), cost
