"""Tool calls written out as text, for models without calls of their own (ReAct, arXiv 2210.03629)."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from llm_orc.domain.completion import Message, Tool, ToolCall
from llm_orc.domain.json import JsonObject, parse_json

STOP = "Observation:"
"""Where the model stops writing: what follows is the tool's."""

_ACTION = re.compile(r"^\s*\**Action\**\s*:\s*\**\s*`?([\w.-]+)`?.*$", re.MULTILINE | re.IGNORECASE)
_INPUT = re.compile(r"^\s*\**Action Input\**\s*:\s*(.*)", re.MULTILINE | re.IGNORECASE | re.DOTALL)
_FINAL = re.compile(r"^\s*\**Final Answer\**\s*:\s*", re.MULTILINE | re.IGNORECASE)
_FENCE = re.compile(r"^```(?:json)?\s*(.*?)\s*(?:```)?$", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Turn:
    """What a model wrote: its answer, or a call. `fault` says what is wrong with the call's arguments."""

    text: str
    call: ToolCall | None = None
    fault: str = ""


def instructed(messages: tuple[Message, ...], tools: Sequence[Tool]) -> tuple[Message, ...]:
    """The conversation, whose system message now says which tools there are and how to call one."""
    listed = "\n".join(
        f"- {tool.name}: {tool.description} Arguments: {json.dumps(tool.parameters, default=dict)}"
        for tool in tools
    )
    text = (
        f"You can use these tools:\n{listed}\n\n"
        "To use one, write these two lines and stop:\n"
        "Action: the name of the tool\n"
        "Action Input: its arguments as a JSON object\n\n"
        f"You are then shown its output after {STOP!r}. When you know the answer, write:\n"
        "Final Answer: the answer"
    )
    first = messages[0]
    if first.role == "system":
        return (replace(first, content=f"{first.content}\n\n{text}"), *messages[1:])
    return (Message("system", text), *messages)


def parsed(text: str, tools: Sequence[Tool]) -> Turn:
    """A text without an action is an answer, also without the words that it should begin with."""
    text = text.split(STOP, 1)[0]
    action, final = _ACTION.search(text), _FINAL.search(text)
    if action is None or (final is not None and final.start() < action.start()):
        return Turn(text[final.end() :].strip() if final else text.strip())
    given = _INPUT.search(text, action.end())
    arguments, fault = _arguments(given[1].strip() if given else "", action[1], tools)
    return Turn(text.rstrip(), ToolCall("", action[1], arguments), fault)


def _arguments(text: str, name: str, tools: Sequence[Tool]) -> tuple[JsonObject, str]:
    """A tool with one argument may be given its value alone."""
    fenced = _FENCE.match(text)
    text = fenced[1] if fenced else text
    try:
        value = parse_json(text) if text else {}
    except ValueError:
        value = text
    if isinstance(value, dict):
        return value, ""
    properties = next((tool.parameters.get("properties") for tool in tools if tool.name == name), None)
    if isinstance(properties, dict) and len(properties) == 1:
        return {next(iter(properties)): value}, ""
    return {}, "error: Action Input must be a JSON object"
