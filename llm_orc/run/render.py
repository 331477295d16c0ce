"""From an agent and the values at hand to the messages that its model reads. Pure.

The same function serves every verb, so that what is evaluated is what is invoked. Values are data:
what a model wrote is inserted, never rendered.
"""

from __future__ import annotations

import json

from llm_orc.domain.completion import Message
from llm_orc.domain.ensemble import Llm
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.run.view import View, input_text


def as_text(value: JsonValue) -> str:
    """Text as it is; anything else as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def render(llm: Llm, view: View) -> tuple[Message, ...]:
    """The conversation to send: system message, worked examples, then the prompt.

    Raises `PromptFailed` when the prompt's template asks for a value that is not there.
    """
    user = composed(view) if llm.prompt is None else llm.prompt.render(view.variables())
    if not llm.system_prompt and not llm.demos:
        return (Message("user", user),)
    messages = [Message("system", llm.system_prompt)] if llm.system_prompt else []
    for demo in llm.demos:
        messages.append(Message("user", demo_prompt(llm, demo.inputs)))
        messages.append(Message("assistant", demo.output))
    messages.append(Message("user", user))
    return tuple(messages)


def composed(view: View) -> str:
    """The prompt of an agent that has none: its input, then what it depends on, each under its name."""
    text = as_text(view.own)
    if not view.composed_from:
        return text
    parts = [f"## {name}\n{as_text(output)}" for name, output in view.composed_from.items()]
    return "\n\n".join([text, *parts] if text else parts)


def demo_prompt(llm: Llm, values: JsonObject) -> str:
    """The user's message of an example whose variables have these values. Raises `PromptFailed`."""
    if llm.prompt is None:
        return as_text(input_text(values))
    return llm.prompt.render({"input": input_text(values), **values})
