"""From an ensemble file to an `Ensemble`: every problem of the file is found before any is raised."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Literal

from llm_orc.domain.ensemble import Agent, Ensemble
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Fleet, Model
from llm_orc.errors import InvalidFile, Problem
from llm_orc.spec import fields
from llm_orc.spec.agent import read_agent
from llm_orc.spec.catalogue import resolve_model, resolve_profile
from llm_orc.spec.dependencies import check_cycles, check_names, outputs
from llm_orc.spec.document import ReadText, read, read_text
from llm_orc.spec.json_schema import CheckedSchema, as_schema, schema_faults
from llm_orc.spec.library import FileLibrary
from llm_orc.spec.locate import find_project
from llm_orc.spec.policy import read_budget
from llm_orc.spec.report import Report
from llm_orc.spec.routing import read_routing
from llm_orc.spec.schema import check_schema
from llm_orc.spec.scope import Scope

_TEXT: JsonObject = {"type": "string"}


def load_ensemble(
    path: Path,
    fleet: Fleet,
    model: str | None = None,
    *,
    need_models: bool = True,
    source: ReadText = read_text,
) -> Ensemble:
    """The checked ensemble of a file. `model` serves every agent, whatever the file says.

    Without `need_models`, an agent may have no model: good for looking at, not for running. `source` reads
    the file and the texts that it refers to.

    Raises `InvalidFile` with all problems, `NotFound` or `UsageFailed` for a `model` that is unknown.
    """
    files: dict[str, str] = {}

    def kept(file: Path) -> str:
        text = files[str(file.absolute())] = source(file)
        return text

    ensemble, problems = _read(path, fleet, _override(model, fleet), (), kept, need_models=need_models)
    if problems or ensemble is None:
        raise InvalidFile(problems)
    return replace(ensemble, files=files)


def check_ensemble(path: Path, fleet: Fleet, *, need_models: bool = False) -> tuple[Problem, ...]:
    """Everything that is wrong with a file; that an agent has no model at all only if `need_models`."""
    return _read(path, fleet, None, (), read_text, need_models=need_models)[1]


def _override(model: str | None, fleet: Fleet) -> Model | None:
    if model is None:
        return None
    if model not in fleet.models and model in fleet.profiles:
        return resolve_profile(fleet.profiles[model], fleet, Path.cwd())[0]
    return resolve_model(model, fleet, Path.cwd())


def _read(
    path: Path,
    fleet: Fleet,
    override: Model | None,
    above: tuple[Path, ...],
    source: ReadText,
    *,
    need_models: bool,
) -> tuple[Ensemble | None, tuple[Problem, ...]]:
    """`above` are the files of the ensembles that this one is read for."""

    def read_inner(file: Path, way: tuple[Path, ...]) -> Ensemble:
        ensemble, problems = _read(file, fleet, override, way, source, need_models=need_models)
        if problems or ensemble is None:
            raise InvalidFile(problems)
        return ensemble

    try:
        report = Report(read(path, source))
    except InvalidFile as error:
        return None, error.problems
    data, broken = check_schema(report, "ensemble")
    folder = path.absolute().parent
    scope = Scope(
        report=report, data=data, broken=broken, folder=folder, project=find_project(folder), fleet=fleet,
        override=override, need_models=need_models, read=source,
        library=FileLibrary((*above, path.resolve()), find_project(folder), read_inner),
    )  # fmt: skip
    ensemble = _ensemble(scope, str(path))
    return ensemble, report.problems


def _ensemble(scope: Scope, source: str) -> Ensemble:
    data = scope.data
    agents = _agents(scope)
    needs = {name: agent.depends_on for name, agent in agents.items()}
    check_cycles(scope, needs)
    schedule, inputs = fields.optional_text(data, "schedule"), _inputs(scope)
    return Ensemble(
        name=fields.text(data, "name"),
        agents=agents,
        outputs=outputs(scope, needs),
        inputs=inputs,
        checks={name: CheckedSchema(schema) for name, schema in inputs.items() if schema != _TEXT},
        default_task=_default_task(data.get("default_task")),
        description=fields.text(data, "description"),
        schedule=_schedule(schedule),
        concurrency=fields.integer(data, "concurrency"),
        timeout_seconds=fields.number(data, "timeout_seconds"),
        source=source,
        routing=read_routing(scope),
        guardrails=_guardrails(fields.text(data, "guardrails")),
        budget=read_budget(data),
    )


def _agents(scope: Scope) -> dict[str, Agent]:
    check_names(scope)
    agents: dict[str, Agent] = {}
    for index, own in enumerate(fields.entries(scope.data, "agents")):
        if isinstance(own, dict) and isinstance(own.get("name"), str):
            agent = read_agent(scope, index, own)
            agents.setdefault(agent.name, agent)
    return agents


def _inputs(scope: Scope) -> dict[str, JsonObject]:
    inputs: dict[str, JsonObject] = {}
    for name, given in fields.mapping(scope.data, "inputs").items():
        inputs[name] = as_schema(given)
        if inputs[name] == _TEXT:
            continue
        for fault in schema_faults(inputs[name]):
            scope.report.add(("inputs", name, *fault.where), fault.message, fault.hint, key=fault.key)
    return inputs or {"input": _TEXT}


def _default_task(given: JsonValue) -> str | JsonObject | None:
    return given if isinstance(given, str | dict) else None


def _guardrails(given: str) -> Literal["off", "warn", "strict"]:
    match given:
        case "off" | "strict":
            return given
    return "warn"


def _schedule(given: str | None) -> Literal["eager", "layered"] | None:
    match given:
        case "eager" | "layered":
            return given
    return None
