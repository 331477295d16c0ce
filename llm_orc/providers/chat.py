"""The chat-completions dialect: what OpenAI, vLLM, llama.cpp, LM Studio and many others speak."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Literal

from llm_orc.domain.completion import Choice, Completion, Finish, Message, Request, TokenLogprob, ToolCall
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.usage import Usage
from llm_orc.errors import Refused
from llm_orc.providers.faults import one_line
from llm_orc.providers.shapes import (
    WrongShape,
    as_count,
    as_list,
    as_number,
    as_object,
    as_text,
    parse_object,
)

_FINISH: dict[str, Finish] = {
    "stop": "stop",
    "length": "length",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}


def chat_body(
    request: Request, *, length_key: Literal["max_tokens", "max_completion_tokens"] = "max_tokens"
) -> dict[str, JsonValue]:
    """The request: only what the user set is in it, and `options` have the last word."""
    sampling = request.sampling
    body: dict[str, JsonValue] = {
        "model": request.model.wire_name,
        "messages": [_message(message) for message in request.messages],
    }
    settings: dict[str, JsonValue] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        length_key: sampling.max_tokens,
        "seed": sampling.seed,
    }
    body.update({key: value for key, value in settings.items() if value is not None})
    if sampling.stop:
        body["stop"] = sampling.stop
    if request.n > 1:
        body["n"] = request.n
    if request.top_logprobs is not None:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    if request.schema is not None:
        body["response_format"] = _response_format(request.schema)
    if request.tools:
        body["tools"] = function_tools(request)
    return body | dict(sampling.options)


def function_tools(request: Request) -> list[JsonValue]:
    """Tools as OpenAI and Ollama write them."""
    return [
        {
            "type": "function",
            "function": {
                "name": tool.name,
                "description": tool.description,
                "parameters": tool.parameters,
            },
        }
        for tool in request.tools
    ]


def completion_of(reply: JsonObject, request: Request) -> Completion:
    """Raises `WrongShape`, and `Refused` when an answer was withheld."""
    choices = as_list(reply.get("choices"), "choices")
    if not choices:
        raise WrongShape("choices is empty")
    model = as_text(reply.get("model"), "model")
    return Completion(
        choices=tuple(_choice(as_object(choice, "choices[]"), request) for choice in choices),
        usage=_usage(reply.get("usage")),
        model=model or request.model.wire_name,
    )


def piece_of(chunk: JsonObject) -> tuple[str, bool]:
    """The text in one chunk of a stream, and whether the answer is complete with it.

    A chunk may hold no choices: the one with the usage, after the last.
    """
    choices = as_list(chunk.get("choices") or (), "choices")
    if not choices:
        return "", False
    choice = as_object(choices[0], "choices[]")
    delta = as_object(choice.get("delta") or {}, "delta")
    return as_text(delta.get("content"), "content"), choice.get("finish_reason") is not None


def joined(chunks: Iterable[JsonObject]) -> JsonObject:
    """The reply that a stream of one answer adds up to."""
    content: list[str] = []
    logprobs: list[JsonValue] = []
    calls: dict[int, dict[str, JsonValue]] = {}
    finish: JsonValue = None
    usage: JsonValue = None
    for chunk in chunks:
        usage = chunk.get("usage") or usage
        content.append(piece_of(chunk)[0])
        for item in as_list(chunk.get("choices") or (), "choices"):
            choice = as_object(item, "choices[]")
            finish = choice.get("finish_reason") or finish
            logprobs += _token_entries(choice)
            _add_calls(calls, as_object(choice.get("delta") or {}, "delta"))
    message: JsonObject = {"content": "".join(content), "tool_calls": list(calls.values())}
    joined_logprobs: JsonValue = {"content": logprobs} if logprobs else None
    choice = {"message": message, "finish_reason": finish, "logprobs": joined_logprobs}
    return {"choices": [choice], "usage": usage}


def token_logprobs(entries: Sequence[JsonValue], request: Request) -> tuple[TokenLogprob, ...]:
    """The list that OpenAI, llama.cpp and Ollama all give; llama.cpp gives more than was asked for."""
    top = request.top_logprobs or 0
    return tuple(_token_logprob(as_object(entry, "logprobs[]"), top) for entry in entries)


def _message(message: Message) -> dict[str, JsonValue]:
    written: dict[str, JsonValue] = {"role": message.role, "content": message.content}
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        written["tool_calls"] = [
            {
                "id": call.id,
                "type": "function",
                "function": {"name": call.name, "arguments": json.dumps(call.arguments, default=dict)},
            }
            for call in message.tool_calls
        ]
    return written


def _response_format(schema: JsonObject) -> JsonObject:
    title = schema.get("title")
    name = re.sub(r"[^A-Za-z0-9_-]", "_", title)[:64] if isinstance(title, str) and title else "answer"
    return {
        "type": "json_schema",
        "json_schema": {"name": name, "schema": schema, "strict": _can_be_strict(schema)},
    }


def _can_be_strict(value: JsonValue) -> bool:
    """OpenAI enforces a schema, but refuses one whose objects leave properties open or optional."""
    if isinstance(value, Mapping):
        closed = value.get("type") != "object" or _is_closed(value)
        return closed and all(_can_be_strict(item) for item in value.values())
    if isinstance(value, Sequence) and not isinstance(value, str):
        return all(_can_be_strict(item) for item in value)
    return True


def _is_closed(schema: JsonObject) -> bool:
    names = as_object(schema.get("properties") or {}, "properties")
    required = as_list(schema.get("required") or (), "required")
    return schema.get("additionalProperties") is False and set(names) == set(required)


def _choice(choice: JsonObject, request: Request) -> Choice:
    message = as_object(choice.get("message"), "message")
    refusal = as_text(message.get("refusal"), "refusal")
    finish = choice.get("finish_reason")
    if refusal or finish == "content_filter":
        said = f": {one_line(refusal)}" if refusal else ""
        raise Refused(f"{request.model.name} declined to answer{said}", hint="change the prompt")
    calls = tuple(
        _tool_call(as_object(call, "tool_calls[]"))
        for call in as_list(message.get("tool_calls") or (), "tool_calls")
    )
    entries = _token_entries(choice)
    return Choice(
        text=as_text(message.get("content"), "content"),
        finish="tool_calls" if calls else _FINISH.get(str(finish), "other"),
        logprobs=token_logprobs(entries, request) if entries else None,
        tool_calls=calls,
    )


def _tool_call(call: JsonObject) -> ToolCall:
    function = as_object(call.get("function"), "function")
    arguments = as_text(function.get("arguments"), "arguments") or "{}"
    return ToolCall(
        id=as_text(call.get("id"), "id"),
        name=as_text(function.get("name"), "name"),
        arguments=parse_object(arguments.encode()),
    )


def _token_entries(choice: JsonObject) -> Sequence[JsonValue]:
    found = choice.get("logprobs")
    if found is None:
        return ()
    return as_list(as_object(found, "logprobs").get("content") or (), "logprobs.content")


def _token_logprob(entry: JsonObject, top: int) -> TokenLogprob:
    listed = as_list(entry.get("top_logprobs") or (), "top_logprobs")[:top]
    others = [as_object(other, "top_logprobs[]") for other in listed]
    return TokenLogprob(
        as_text(entry.get("token"), "token"),
        as_number(entry.get("logprob"), "logprob"),
        tuple((as_text(o.get("token"), "token"), as_number(o.get("logprob"), "logprob")) for o in others),
    )


def _usage(value: JsonValue) -> Usage:
    if value is None:
        return Usage()
    usage = as_object(value, "usage")
    return Usage(
        input_tokens=as_count(usage.get("prompt_tokens"), "prompt_tokens"),
        output_tokens=as_count(usage.get("completion_tokens"), "completion_tokens"),
    )


def _add_calls(calls: dict[int, dict[str, JsonValue]], delta: JsonObject) -> None:
    """A tool call comes in pieces: its name first, then its arguments bit by bit."""
    for item in as_list(delta.get("tool_calls") or (), "tool_calls"):
        piece = as_object(item, "tool_calls[]")
        function = as_object(piece.get("function") or {}, "function")
        call = calls.setdefault(as_count(piece.get("index"), "index"), {"id": "", "function": {}})
        known = as_object(call["function"], "function")
        call["id"] = piece.get("id") or call["id"]
        call["function"] = {
            "name": function.get("name") or known.get("name"),
            "arguments": as_text(known.get("arguments"), "arguments")
            + as_text(function.get("arguments"), "arguments"),
        }
