"""Ensembles made ready to be evaluated: their rows checked, their runs, judges."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.json import JsonObject
from llm_orc.domain.outcome import RunResult
from llm_orc.errors import InvalidFile, Problem, UsageFailed
from llm_orc.optimize.dataset import QUESTIONS, Row, read_rows
from llm_orc.optimize.evaluation import Invoke
from llm_orc.optimize.judging import Judge
from llm_orc.optimize.metrics import Judging, Metric, check_rows, metric_of
from llm_orc.optimize.records import shortened
from llm_orc.orchestrator import Orchestrator
from llm_orc.spec.inputs import gather_inputs


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One of those that are compared: an ensemble, perhaps with one model for all of its agents."""

    name: str
    ensemble: Ensemble


def candidates(
    orchestrator: Orchestrator, ensembles: Sequence[str], models: Sequence[str] = ()
) -> tuple[Candidate, ...]:
    """Every ensemble, with every model where some are named. Raises `UsageFailed` for one that is there
    twice."""
    found = [
        Candidate(
            name=_name(ensemble, model, many=len(ensembles) > 1),
            ensemble=orchestrator.load(ensemble, model=model),
        )
        for ensemble in ensembles
        for model in (models or (None,))
    ]
    names = [candidate.name for candidate in found]
    if len(set(names)) < len(names):
        raise UsageFailed(f"{next(n for n in names if names.count(n) > 1)} is named twice")
    return tuple(found)


def rows_for(compared: Sequence[Candidate], dataset: Path, *, expected: str | None = None) -> tuple[Row, ...]:
    """The rows of a file, each with inputs that every candidate takes.

    Raises as `read_rows` does, and `InvalidFile` with the rows that do not fit.
    """
    names = list(dict.fromkeys(name for candidate in compared for name in candidate.ensemble.inputs))
    if any(set(candidate.ensemble.inputs) != set(names) for candidate in compared):
        # Each calls the question something else.
        names += [name for name in QUESTIONS if name not in names]
    rows = read_rows(dataset, expected=expected, inputs=names)
    problems = [
        Problem(file=file, line=int(line), column=1, message=fault.message, hint=fault.hint)
        for row in rows
        for file, _, line in (row.source.rpartition(":"),)
        for fault in _faults(compared, row)
    ]
    if problems:
        raise InvalidFile(shortened(problems))
    return rows


async def metric_for(
    spec: str, orchestrator: Orchestrator, rows: Sequence[Row], *, seed: int | None = None
) -> Metric:
    """The metric of a name, able to score these rows. Raises `UsageFailed` or `InvalidFile`."""
    metric = metric_of(spec, judging=judging(orchestrator, seed=seed))
    await check_rows(rows, metric)
    return metric


def invoking(orchestrator: Orchestrator, ensemble: Ensemble, *, seed: int | None = None) -> Invoke:
    """What runs an ensemble on a row."""

    async def invoke(row: Row) -> RunResult:
        return await orchestrator.invoke(ensemble, variables=fitted(ensemble, row.inputs), seed=seed)

    return invoke


def judging(orchestrator: Orchestrator, *, seed: int | None = None) -> Judging:
    """What finds judges: `ENSEMBLE`, or `ENSEMBLE#AGENT` for the output of one of its agents."""

    def of(name: str) -> Metric:
        where, _, agent = name.partition("#")
        judge = orchestrator.load(where)

        async def ask(inputs: JsonObject) -> RunResult:
            return await orchestrator.invoke(judge, variables=inputs, seed=seed)

        return Judge(judge, ask, agent)

    return of


def fitted(ensemble: Ensemble, inputs: JsonObject) -> JsonObject:
    """Those that the ensemble has; the question by whatever name its only input has."""
    kept = {name: value for name, value in inputs.items() if name in ensemble.inputs}
    if kept or len(ensemble.inputs) != 1:
        return kept
    names = [name for name in QUESTIONS if name in inputs] or list(inputs)
    return {next(iter(ensemble.inputs)): inputs[names[0]]}


def _faults(compared: Sequence[Candidate], row: Row) -> Iterator[UsageFailed]:
    agents = list(dict.fromkeys(name for candidate in compared for name in candidate.ensemble.agents))
    for name in row.labels:
        if name not in agents:
            yield UsageFailed(f"there is no agent {name!r}", hint=f"agents: {', '.join(agents)}")
    for candidate in compared:
        try:
            gather_inputs(candidate.ensemble, None, fitted(candidate.ensemble, row.inputs))
        except UsageFailed as error:
            yield error


def _name(ensemble: str, model: str | None, *, many: bool) -> str:
    if model is None:
        return ensemble
    return f"{ensemble} on {model}" if many else model
