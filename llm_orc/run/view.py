"""What one agent sees of the run: inputs, dependencies' outputs, and what is its own input among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace

from llm_orc.domain.ensemble import Agent, Ensemble, FanOut, variable_name
from llm_orc.domain.json import JsonObject, JsonValue, parse_json
from llm_orc.domain.outcome import Answered, Outcome
from llm_orc.domain.path import JsonPath, Missing, shown, value_at
from llm_orc.errors import FlowFailed


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """`inputs` and `dependencies` are what prompts and scripts may read; `own` is the agent's input.

    `absent` are dependencies without an output: branches that were not taken, or optional ones that
    failed. Templates and conditions see them as null. `extra` are further variables: the item of a fan-out.
    `composed_from` is what a prompt is made of where the agent has none, besides its own input. `narrowed`:
    its own input is no longer the run's.
    """

    inputs: JsonObject
    dependencies: Mapping[str, JsonValue]
    own: JsonValue
    absent: tuple[str, ...] = ()
    extra: JsonObject = field(default_factory=dict)
    composed_from: Mapping[str, JsonValue] = field(default_factory=dict)
    narrowed: bool = False

    def variables(self) -> dict[str, JsonValue]:
        """By name: `input`, the inputs, the dependencies' outputs, what a fan-out adds."""
        variables: dict[str, JsonValue] = {"input": self.own, **self.inputs}
        if self.narrowed:
            variables["input"] = self.own
        variables["dependencies"] = self.dependencies
        for name in self.absent:
            variables[variable_name(name)] = None
        for name, output in self.dependencies.items():
            variables[variable_name(name)] = output
        variables.update(self.extra)
        return variables

    def of_item(self, fan_out: FanOut, item: JsonValue) -> View:
        """What one instance of a fan-out sees: its item is its input."""
        return replace(
            self, own=item, narrowed=True, extra={"item": item, fan_out.item: item}, composed_from={}
        )


def view_of(agent: Agent, inputs: JsonObject, outcomes: Mapping[str, Outcome]) -> View:
    """Raises `FlowFailed` when `input_key` leads nowhere."""
    dependencies: dict[str, JsonValue] = {}
    absent: list[str] = []
    for need in agent.depends_on:
        outcome = outcomes[need]
        if type(outcome) is Answered:
            dependencies[need] = outcome.output
        else:
            absent.append(need)
    view = View(
        inputs=inputs,
        dependencies=dependencies,
        own=input_text(inputs) if agent.input_scope != "dependencies" else "",
        absent=tuple(absent),
        composed_from=dependencies if agent.input_scope != "input" else {},
    )
    return view if agent.input_key is None else _keyed(agent, agent.input_key, view)


def _keyed(agent: Agent, key: JsonPath, view: View) -> View:
    """The value under `input_key` in the first dependency's output takes the place of the input."""
    if not view.dependencies:
        raise FlowFailed("input_key: there is no output to take it from")
    first, output = next(iter(view.dependencies.items()))
    value = value_at(parsed(output), key)
    if isinstance(value, Missing):
        raise FlowFailed(f"input_key: the output of {first!r} has no {shown(key)!r}", hint=keys_of(output))
    rest = {name: value for name, value in view.composed_from.items() if name != first}
    return replace(view, own=value, narrowed=True, composed_from=rest)


def list_of(agent: Agent, fan_out: FanOut, view: View) -> Sequence[JsonValue]:
    """The items of a fan-out. Raises `FlowFailed` for what is not a list."""
    if agent.input_key is not None and not fan_out.over:
        value: JsonValue | Missing = view.own
        where = "input_key"
    elif fan_out.over:
        value, where = pick(fan_out.over, view), shown(fan_out.over)
    else:
        where, value = next(iter(view.dependencies.items()), ("", None))
    items = parsed(value) if not isinstance(value, Missing) else None
    if isinstance(items, str) or not isinstance(items, Sequence):
        hint = "with output_format: json, a model's answer is read as JSON" if isinstance(items, str) else ""
        raise FlowFailed(f"fan_out needs a list, and {where!r} is {_kind(items)}", hint=hint)
    return items


def pick(path: JsonPath, view: View) -> JsonValue | Missing:
    """What a path that starts with an agent or an input leads to."""
    first, *rest = path
    for name, output in view.dependencies.items():
        if first in (name, variable_name(name)):
            return value_at(parsed(output), tuple(rest))
    return value_at(dict(view.inputs), path)


def sub_inputs(ensemble: Ensemble, view: View, composed: str) -> JsonObject:
    """The inputs of an ensemble that runs as an agent. Raises `FlowFailed` for one that nothing provides.

    Its only input is the agent's own, or the composed text where there is none of its own; several are
    taken by name, from the agent's input if that is an object, else from inputs and dependencies. An only
    input that is no text is no composed one either.
    """
    if len(ensemble.inputs) == 1:
        ((name, schema),) = ensemble.inputs.items()
        is_text = schema.get("type", "string") == "string"
        return {name: composed if is_text and view.composed_from else _value(name, view, is_text=is_text)}
    own = parsed(view.own)
    named = {**view.variables(), **(own if isinstance(own, Mapping) else {})}
    found: dict[str, JsonValue] = {}
    for name, schema in ensemble.inputs.items():
        if name in named:
            found[name] = named[name]
        elif "default" in schema:
            found[name] = schema["default"]
        else:
            raise FlowFailed(f"ensemble {ensemble.name!r} needs the input {name!r}")
    return found


def _value(name: str, view: View, *, is_text: bool) -> JsonValue:
    if is_text or view.narrowed:
        return view.own
    variables = view.variables()
    if name in variables:
        return variables[name]
    return next(iter(view.composed_from.values())) if len(view.composed_from) == 1 else view.own


def accepted(ensemble: Ensemble, inputs: JsonObject) -> JsonObject:
    """The inputs of an ensemble that runs as an agent, JSON in a text read where no text is wanted.

    Raises `FlowFailed` for one that does not satisfy its schema.
    """
    checked = dict(inputs)
    for name, check in ensemble.checks.items():
        value, is_text = checked[name], check.schema.get("type") == "string"
        if is_text and not isinstance(value, str):
            continue  # any value will do for a text
        faults = check.faults(value)
        if faults and isinstance(value, str) and not is_text:
            with suppress(ValueError):
                checked[name] = parse_json(value)
            faults = check.faults(checked[name])
        if faults:
            raise FlowFailed(f"input {name!r} of ensemble {ensemble.name!r}: {'; '.join(faults[:3])}")
    return checked


def input_text(inputs: JsonObject) -> JsonValue:
    """The run's input as one value: the only input, or all of them as an object."""
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    return inputs


def parsed(value: JsonValue) -> JsonValue:
    """JSON in a text counts as what it says; any other text stays text."""
    if isinstance(value, str) and value.lstrip()[:1] in ("{", "["):
        try:
            return parse_json(value)
        except ValueError:
            return value
    return value


def keys_of(value: JsonValue) -> str:
    """What could have been meant, as a hint."""
    value = parsed(value)
    if isinstance(value, Mapping):
        return f"it has {', '.join(map(repr, list(value)[:10]))}" if value else "it has no keys"
    return f"it is {_kind(value)}"


def _kind(value: JsonValue) -> str:
    return _KINDS[type(value).__name__]


_KINDS = {
    "NoneType": "nothing",
    "str": "a text",
    "dict": "an object",
    "list": "a list",
    "tuple": "a list",
    "int": "a number",
    "float": "a number",
    "bool": "true or false",
}
