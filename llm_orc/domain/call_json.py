"""Requests and completions as JSON that can be read again, and the key of a request."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import fields
from hashlib import sha256
from typing import Any

from llm_orc.domain.completion import Choice, Completion, Message, Request, TokenLogprob, ToolCall
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.usage import Usage

KEY_VERSION = 1
"""Part of every key: raised when the same request would be sent differently than before."""

NOT_SENT = frozenset({
    "name", "description", "price", "api_key_env", "sampling", "load_seconds", "tokens_per_second",
    "parameters_b", "vram_gb", "devices", "split", "capabilities", "weaknesses", "concurrency",
    "requests_per_minute", "tokens_per_minute", "keep_alive", "family", "quantisation",
})  # fmt: skip
"""What is known about a model without changing what it answers. Its sampling is part of the request's."""

_SENT = tuple(field.name for field in fields(Model) if field.name not in NOT_SENT)
_SAMPLING = tuple(field.name for field in fields(Sampling))
_encoded = json.JSONEncoder(sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode


def request_key(request: Request) -> bytes:
    """32 bytes that are the same for two requests exactly when the same is asked of the same model.

    How long an answer may take, prices and the like are no part of it.
    """
    return keyed(request)[0]


def keyed(request: Request) -> tuple[bytes, str]:
    """The key of a request, and all of the request but its model as JSON."""
    text = _encoded({
        "messages": [_message(message) for message in request.messages],
        "sampling": {name: getattr(request.sampling, name) for name in _SAMPLING},
        "n": request.n,
        "sample": request.sample,
        "top_logprobs": request.top_logprobs,
        "schema": request.schema,
        "tools": [
            {"name": tool.name, "description": tool.description, "parameters": tool.parameters}
            for tool in request.tools
        ],
    })  # fmt: skip
    model = {name: getattr(request.model, name) for name in _SENT}
    model["supports"] = sorted(request.model.supports)
    return sha256(f"{KEY_VERSION} {_encoded(model)} {text}".encode("utf-8", "surrogatepass")).digest(), text


def completion_json(completion: Completion) -> dict[str, JsonValue]:
    """A completion; `completion_of` makes an equal one of it."""
    return {
        "choices": [_choice(choice) for choice in completion.choices],
        "usage": [completion.usage.input_tokens, completion.usage.output_tokens],
        "model": completion.model,
        "load_seconds": completion.load_seconds,
    }


def completion_of(data: Mapping[str, Any]) -> Completion:
    """What `completion_json` was made of. Raises `LookupError` or `TypeError` for anything else."""
    read, written = data["usage"]
    return Completion(
        choices=tuple(_choice_of(each) for each in data["choices"]),
        usage=Usage(input_tokens=read, output_tokens=written),
        model=data["model"],
        load_seconds=data["load_seconds"],
    )


def _message(message: Message) -> JsonObject:
    said: dict[str, JsonValue] = {"role": message.role, "content": message.content}
    if message.tool_calls:
        said["tool_calls"] = [_tool_call(call) for call in message.tool_calls]
    if message.tool_call_id:
        said["tool_call_id"] = message.tool_call_id
    return said


def _tool_call(call: ToolCall) -> JsonObject:
    return {"id": call.id, "name": call.name, "arguments": call.arguments}


def _choice(choice: Choice) -> JsonObject:
    data: dict[str, JsonValue] = {"text": choice.text, "finish": choice.finish}
    if choice.logprobs is not None:
        data["logprobs"] = [
            [each.token, each.logprob, [list(pair) for pair in each.top]] for each in choice.logprobs
        ]
    if choice.tool_calls:
        data["tool_calls"] = [_tool_call(call) for call in choice.tool_calls]
    return data


def _choice_of(data: Mapping[str, Any]) -> Choice:
    logprobs = data.get("logprobs")
    return Choice(
        text=data["text"],
        finish=data["finish"],
        logprobs=None if logprobs is None else tuple(
            TokenLogprob(token, logprob, tuple((other, chance) for other, chance in top))
            for token, logprob, top in logprobs
        ),
        tool_calls=tuple(
            ToolCall(call["id"], call["name"], call["arguments"]) for call in data.get("tool_calls", ())
        ),
    )  # fmt: skip
