"""One run of one ensemble, from its inputs to its result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from time import perf_counter, time

import anyio

from llm_orc.domain.cause import Cause
from llm_orc.domain.ensemble import Ensemble, Skip
from llm_orc.domain.events import AgentFinished, Observer, RunFinished, RunStarted, Warned
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.outcome import Answered, Failed, Outcome, RunResult, Skipped, Status
from llm_orc.domain.plan import Planning
from llm_orc.domain.recorder import Recorder, new_run_id
from llm_orc.domain.span import Trace
from llm_orc.domain.usage import Usage
from llm_orc.errors import DeadlinePassed, FlowFailed, NestedFailed
from llm_orc.graph.agent_graph import AgentGraph
from llm_orc.run.asking import TaskOf
from llm_orc.run.attempt import Attempt
from llm_orc.run.budget import Purse, Purses
from llm_orc.run.ending import Ending, drive
from llm_orc.run.examples import Examples
from llm_orc.run.executor import Executor, StrategyOf, Surroundings
from llm_orc.run.mcp_servers import mcp_servers
from llm_orc.run.routing import Routing, successors_in
from llm_orc.run.scheduler import Scheduler
from llm_orc.run.stream import EventStream
from llm_orc.run.treatment import Treatment
from llm_orc.run.view import accepted
from llm_orc.run.wordings import Wordings

DEEPEST = 10
"""How deep ensembles may run within each other."""


async def run_ensemble(
    ensemble: Ensemble,
    inputs: JsonObject,
    *,
    treatment: Treatment,
    strategy_of: StrategyOf,
    task_of: TaskOf,
    examples: Examples | None = None,
    observers: Sequence[Observer] = (),
    ending: Ending | None = None,
    planning: Planning | None = None,
    recorder: Recorder | None = None,
    trace: Trace | None = None,
) -> RunResult:
    """Run until every agent is settled, or something ends the run early.

    A run that was ended has a result too: what was under way counts as failed, the rest as skipped.
    """
    ending = ending or Ending()
    run_id = new_run_id() if recorder is None else recorder.run_id
    emit = EventStream(observers, trace=trace)
    if recorder is not None:
        emit = EventStream((recorder.observe, *observers), recorder.last_seq, trace)
    routing = None if planning is None else Routing(planning, emit)
    calls = treatment.calls(emit, recorder)
    async with mcp_servers() as servers:
        around = Surroundings(
            emit=emit,
            calls=calls,
            strategy_of=strategy_of,
            task_of=task_of,
            wordings=Wordings(run_id, inputs, examples, emit),
            nested=lambda body, given, attempt: run_nested(body, given, attempt, around),
            servers=servers,
            routing=routing,
            concurrency=ensemble.concurrency,
        )
        scheduler, executor = prepare(ensemble, inputs, around, "", treatment.purses(emit, recorder))
        graph = scheduler.graph
        started_at, began = time(), perf_counter()
        emit(RunStarted(
            run_id=run_id, ensemble=ensemble.name, layers=graph.layers, depends_on=graph.depends_on,
            attempt=1 if recorder is None else recorder.attempt, trace_id=emit.trace.trace_id,
        ))  # fmt: skip
        ended_by = await drive(scheduler.drive, calls.gate, ending, emit, recorder)
    if recorder is not None and ended_by is None:
        ended_by = await recorder.flush()
    if ended_by is not None:
        for name in [name for name in ensemble.agents if name not in scheduler.outcomes]:
            scheduler.outcomes[name] = executor.abandon(name, ended_by)
            emit(AgentFinished(agent=name, outcome=scheduler.outcomes[name]))
    if planning is not None and (lost := planning.settle(run_id)):
        emit(Warned(message=lost))
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
        trace_id=emit.trace.trace_id,
        ended_by=ended_by,
        plans=() if routing is None else tuple(routing.plans),
    )
    emit(RunFinished(result=result))
    return result


def prepare(
    ensemble: Ensemble, inputs: JsonObject, around: Surroundings, within: str, purses: Purses
) -> tuple[Scheduler, Executor]:
    """A scheduler for an ensemble, and the executor that it will ask."""
    graph = AgentGraph({name: agent.depends_on for name, agent in ensemble.agents.items()})
    successors = successors_in(graph, ensemble.agents, within)
    executor = Executor(inputs, around, successors, within, purses)
    scheduler = Scheduler(
        graph,
        ensemble.agents,
        executor,
        lambda name, outcome: around.emit(AgentFinished(agent=within + name, outcome=outcome)),
        held=lambda what: around.emit(replace(what, agent=within + what.agent)),
        schedule=ensemble.schedule or "eager",
        concurrency=ensemble.concurrency,
    )
    return scheduler, executor


async def run_nested(
    ensemble: Ensemble, inputs: JsonObject, attempt: Attempt, around: Surroundings
) -> JsonValue:
    """An ensemble as part of an agent: its output, or `NestedFailed` with the failure's cause."""
    within = f"{attempt.name}/"
    if within.count("/") > DEEPEST:
        raise FlowFailed(f"ensembles run within each other more than {DEEPEST} deep")
    purse, seconds = None, ensemble.timeout_seconds
    if ensemble.budget is not None:

        def warn(said: str) -> None:
            around.emit(Warned(message=f"agent {attempt.name!r}, {said}", agent=attempt.name))

        purse = Purse(
            ensemble.budget, f"ensemble {ensemble.name!r}", warn, can_resume=around.calls.can_resume
        )
        purse.count(around.calls.brought_nothing(attempt.name, ensemble.name))
        seconds = min(filter(None, (seconds, ensemble.budget.seconds)), default=None)
    scheduler, _ = prepare(
        ensemble, accepted(ensemble, inputs), around, within, attempt.purses.and_also(purse)
    )
    try:
        with anyio.move_on_after(seconds) as limit:
            await scheduler.drive()
    finally:
        for outcome in scheduler.outcomes.values():
            attempt.count_agent(outcome)
    if limit.cancelled_caught:
        raise DeadlinePassed(f"{ensemble.name!r} took longer than {seconds:g} s")
    if _status(ensemble, scheduler.outcomes, None) != "failed":
        return _output(ensemble, scheduler.outcomes)
    failed = {name: o.cause for name, o in scheduler.outcomes.items() if isinstance(o, Failed)}
    skipped = (ensemble.outputs[0], Cause(kind="skipped", message="it was skipped"))
    name, cause = next(iter(failed.items()), skipped)
    raise NestedFailed(
        f"{name!r} of {ensemble.name!r}: {cause.message}",
        hint=cause.hint, inner_kind=cause.kind, inner_exit=cause.exit_code,
    )  # fmt: skip


def _status(ensemble: Ensemble, outcomes: Mapping[str, Outcome], ended_by: Cause | None) -> Status:
    if ended_by is not None:
        return "interrupted" if ended_by.kind == "interrupted" else "partial"
    fatal = any(
        isinstance(outcome, Failed) and not isinstance(ensemble.agents[name].on_failure, Skip)
        for name, outcome in outcomes.items()
    )
    missing = any(not _well(outcomes[name]) for name in ensemble.outputs)
    if fatal or missing:
        return "failed"
    if all(_well(o) and not (isinstance(o, Answered) and o.replaced) for o in outcomes.values()):
        return "succeeded"
    return "partial"


def _well(outcome: Outcome) -> bool:
    """Answered, or left out because the file says so."""
    return isinstance(outcome, Answered) or (
        isinstance(outcome, Skipped) and outcome.cause.kind == "condition"
    )


def _output(ensemble: Ensemble, outcomes: Mapping[str, Outcome]) -> JsonValue:
    """The only output, or several by name; of these, branches that were not taken are left out."""
    found: dict[str, JsonValue] = {}
    for name in ensemble.outputs:
        outcome = outcomes[name]
        if isinstance(outcome, Answered):
            found[name] = outcome.output
        elif not _well(outcome):
            found[name] = None
    return found.get(ensemble.outputs[0]) if len(ensemble.outputs) == 1 else found


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
