"""The inputs of a run: gathered from text and named values, checked against the file's schemas."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.domain.json import JsonObject, JsonValue, parse_json
from llm_orc.errors import UsageFailed

_HOW = "pass it as text, @FILE, - for standard input, or --var NAME=VALUE"


def gather_inputs(ensemble: Ensemble, text: str | None, variables: Mapping[str, JsonValue]) -> JsonObject:
    """The run's inputs by name: `variables`, then `text`, then the file's defaults.

    Raises `UsageFailed` for an input that is missing, unknown or of the wrong type.
    """
    given = dict(variables)
    if text is not None:
        given.update(_from_text(ensemble, text, given))
    elif not given and ensemble.default_task is not None:
        given.update(_from_default(ensemble))
    for name in given:
        if name not in ensemble.inputs:
            raise UsageFailed(f"{ensemble.name!r} has no input {name!r}", hint=_known(ensemble, name))
    return {name: _value(ensemble, name, schema, given) for name, schema in ensemble.inputs.items()}


def _from_text(ensemble: Ensemble, text: str, given: Mapping[str, JsonValue]) -> JsonObject:
    """The one input that the text can be meant for, or several of them as one JSON object."""
    open_names = [name for name in ensemble.inputs if name not in given]
    if (
        len(open_names) > 1
        and isinstance(value := _parsed(text), Mapping)
        and value.keys() <= set(open_names)
    ):
        return value
    needed = [name for name in open_names if "default" not in ensemble.inputs[name]]
    for names in (open_names, needed, [name for name in open_names if name == "input"]):
        if len(names) == 1:
            return {names[0]: text}
    if not open_names:
        raise UsageFailed("every input is given by --var, so there is no place for the text")
    raise UsageFailed(
        f"{ensemble.name!r} has several inputs ({', '.join(open_names)})",
        hint="pass each with --var NAME=VALUE, or all of them as one JSON object",
    )


def _from_default(ensemble: Ensemble) -> JsonObject:
    task = ensemble.default_task
    if isinstance(task, Mapping):
        return task
    name = "input" if "input" in ensemble.inputs else next(iter(ensemble.inputs))
    return {name: task}


def _value(ensemble: Ensemble, name: str, schema: JsonObject, given: Mapping[str, JsonValue]) -> JsonValue:
    if name not in given:
        if "default" in schema:
            return schema["default"]
        if not _needed(ensemble, name):
            return ""
        raise UsageFailed(f"{ensemble.name!r} needs the input {name!r}", hint=_HOW)
    value = given[name]
    if isinstance(value, str) and schema.get("type", "string") not in ("string",):
        value = _parsed(value)
    if schema == {"type": "string"} and isinstance(value, str):
        return value
    from jsonschema import Draft7Validator

    fault = next(iter(Draft7Validator(dict(schema)).iter_errors(value)), None)
    if fault is not None:
        raise UsageFailed(f"input {name!r}: {fault.message[:300]}", hint=str(schema.get("description", "")))
    return value


def _needed(ensemble: Ensemble, name: str) -> bool:
    """An undeclared input is needed only where a model would read it."""
    if name != "input" or ensemble.inputs[name] != {"type": "string"}:
        return True
    return any(
        isinstance(agent.work, Llm)
        and ("input" in agent.work.prompt.names if agent.work.prompt else not agent.depends_on)
        for agent in ensemble.agents.values()
    )


def _parsed(text: str) -> JsonValue:
    try:
        return parse_json(text)
    except ValueError:
        return text


def _known(ensemble: Ensemble, name: str) -> str:
    near = get_close_matches(name, ensemble.inputs, n=1)
    return f"did you mean {near[0]!r}?" if near else f"its inputs: {', '.join(ensemble.inputs)}"
