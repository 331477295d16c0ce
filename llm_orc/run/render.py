"""From an agent and the values at hand to the messages that its model reads. Pure.

The same function serves every verb, so that what is evaluated is what is invoked. Values are data:
what a model wrote is inserted, never rendered.
"""

from __future__ import annotations

import json
from collections.abc import Mapping

from llm_orc.domain.completion import Message
from llm_orc.domain.ensemble import Llm, variable_name
from llm_orc.domain.json import JsonObject, JsonValue


def as_text(value: JsonValue) -> str:
    """Text as it is; anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def template_variables(
    inputs: JsonObject, dependencies: Mapping[str, JsonValue], wanted: frozenset[str]
) -> dict[str, JsonValue]:
    """What a template sees: inputs and dependencies by name, `input` and `dependencies` as a whole."""
    variables: dict[str, JsonValue] = {"input": input_text(inputs)}
    variables.update(inputs)
    if "dependencies" in wanted:
        variables["dependencies"] = dependencies
    for name, output in dependencies.items():
        variables[variable_name(name)] = output
    return variables


def input_text(inputs: JsonObject) -> JsonValue:
    """The run's input as one value: the only input, or all of them as JSON."""
    if len(inputs) == 1:
        return next(iter(inputs.values()))
    return inputs


def render(llm: Llm, inputs: JsonObject, dependencies: Mapping[str, JsonValue]) -> tuple[Message, ...]:
    """The conversation to send: system message, worked examples, then the prompt.

    Raises `PromptFailed` when the prompt's template asks for a value that is not there.
    """
    if llm.prompt is None:
        user = _composed(inputs, dependencies)
    else:
        user = llm.prompt.render(template_variables(inputs, dependencies, llm.prompt.names))
    if not llm.system_prompt and not llm.demos:
        return (Message("user", user),)
    messages = [Message("system", llm.system_prompt)] if llm.system_prompt else []
    for demo in llm.demos:
        messages.append(Message("user", _demo_prompt(llm, demo.inputs)))
        messages.append(Message("assistant", demo.output))
    messages.append(Message("user", user))
    return tuple(messages)


def _demo_prompt(llm: Llm, values: JsonObject) -> str:
    if llm.prompt is None:
        return as_text(input_text(values))
    return llm.prompt.render({"input": input_text(values), **values})


def _composed(inputs: JsonObject, dependencies: Mapping[str, JsonValue]) -> str:
    """The prompt of an agent that has none: the input, then what it depends on, each under its name."""
    text = as_text(input_text(inputs))
    if not dependencies:
        return text
    parts = [f"## {name}\n{as_text(output)}" for name, output in dependencies.items()]
    return "\n\n".join([text, *parts] if text else parts)
