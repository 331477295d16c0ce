"""Anthropic's Messages API."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from llm_orc.domain.completion import Choice, Completion, Finish, Installed, Message, Request, ToolCall
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.usage import Usage
from llm_orc.errors import ContextTooLong, Refused
from llm_orc.providers.addresses import ANTHROPIC as BASE_URL
from llm_orc.providers.http import Wire
from llm_orc.providers.keys import Key, is_same_host
from llm_orc.providers.lanes import Lanes
from llm_orc.providers.presence import must_have
from llm_orc.providers.samples import one_by_one
from llm_orc.providers.shapes import as_count, as_list, as_object, as_text

KEY_VARIABLE = "ANTHROPIC_API_KEY"
API_VERSION = "2026-10-21"
# The API demands a limit; every model it serves can write this much.
MAX_TOKENS = 4096

_FINISH: dict[str, Finish] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "tool_use": "tool_calls",
}


class Anthropic:
    """Anthropic, or the server at `base_url` that speaks its protocol.

    The protocol has no `n` (a request for n answers is sent n times), no log-probabilities, no seed and no
    `min_p`: these are not sent. Newer models refuse a temperature, so it is sent only where the user set one.
    """

    def __init__(self, base_url: str | None = None, api_key_env: str | None = None) -> None:
        address = (base_url or BASE_URL).rstrip("/").removesuffix("/v1")
        key = Key(self.key_variable(base_url, api_key_env))
        self._wire = Wire("anthropic", address, key=key, headers=_headers)
        self._lanes = Lanes()

    @staticmethod
    def key_variable(base_url: str | None, api_key_env: str | None) -> str | None:
        """The variable with the key for an address; None where no key is sent."""
        official = is_same_host(base_url or BASE_URL, BASE_URL)
        return api_key_env or (KEY_VARIABLE if official else None)

    async def complete(self, request: Request) -> Completion:
        if request.n > 1:
            return await one_by_one(self.complete, request)
        async with self._lanes.of(request.model):
            return await self._wire.post(
                "/v1/messages",
                _body(request),
                lambda reply: _completion(reply, request),
                model=request.model.wire_name,
                timeout_seconds=request.timeout_seconds,
            )

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        async with self._lanes.of(request.model):
            pieces = self._wire.stream(
                "/v1/messages",
                _body(request) | {"stream": True},
                lambda event: _piece(event, request),
                model=request.model.wire_name,
                timeout_seconds=request.timeout_seconds,
            )
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    async def installed(self) -> Sequence[Installed]:
        return await self._wire.get("/v1/models?limit=1000", _models)

    async def check(self, model: Model) -> None:
        await must_have(self, model)

    async def unload(self, model: Model) -> None:
        """Nothing: the server decides itself."""

    async def aclose(self) -> None:
        await self._wire.aclose()


def _headers(secret: str | None) -> dict[str, str]:
    return {"anthropic-version": API_VERSION} | ({"x-api-key": secret} if secret else {})


def _body(request: Request) -> dict[str, JsonValue]:
    sampling = request.sampling
    system = "\n\n".join(message.content for message in request.messages if message.role == "system")
    settings: dict[str, JsonValue] = {
        "model": request.model.wire_name,
        "max_tokens": sampling.max_tokens or MAX_TOKENS,
        "messages": [_message(message) for message in request.messages if message.role != "system"],
        "system": system or None,
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "stop_sequences": sampling.stop or None,
        "output_config": _output_config(request.schema),
        "tools": _tools(request) or None,
    }
    return {key: value for key, value in settings.items() if value is not None} | dict(sampling.options)


def _output_config(schema: JsonObject | None) -> JsonObject | None:
    return None if schema is None else {"format": {"type": "json_schema", "schema": schema}}


def _tools(request: Request) -> list[JsonValue]:
    return [
        {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
        for tool in request.tools
    ]


def _message(message: Message) -> JsonObject:
    """Results of tools are the user's turn here, and calls are blocks beside the text."""
    if message.role == "tool":
        result = {"type": "tool_result", "tool_use_id": message.tool_call_id, "content": message.content}
        return {"role": "user", "content": [result]}
    if not message.tool_calls:
        return {"role": message.role, "content": message.content}
    blocks: list[JsonValue] = [{"type": "text", "text": message.content}] if message.content else []
    for call in message.tool_calls:
        blocks.append({"type": "tool_use", "id": call.id, "name": call.name, "input": call.arguments})
    return {"role": message.role, "content": blocks}


def _completion(reply: JsonObject, request: Request) -> Completion:
    blocks = [as_object(block, "content[]") for block in as_list(reply.get("content"), "content")]
    reason = as_text(reply.get("stop_reason"), "stop_reason")
    _raise_if_withheld(reason, request)
    choice = Choice(
        text="".join(as_text(block.get("text"), "text") for block in blocks if block.get("type") == "text"),
        finish=_FINISH.get(reason, "other"),
        tool_calls=tuple(_tool_call(block) for block in blocks if block.get("type") == "tool_use"),
    )
    return Completion(
        choices=(choice,),
        usage=_usage(as_object(reply.get("usage") or {}, "usage")),
        model=as_text(reply.get("model"), "model") or request.model.wire_name,
    )


def _raise_if_withheld(reason: str, request: Request) -> None:
    model = request.model.name
    if reason == "refusal":
        raise Refused(f"{model} declined to answer", hint="change the prompt")
    if reason == "model_context_window_exceeded":
        raise ContextTooLong(
            f"{model}: the prompt and its answer do not fit the context", hint="shorten the prompt"
        )


def _tool_call(block: JsonObject) -> ToolCall:
    return ToolCall(
        id=as_text(block.get("id"), "id"),
        name=as_text(block.get("name"), "name"),
        arguments=as_object(block.get("input") or {}, "input"),
    )


def _usage(usage: JsonObject) -> Usage:
    """What was read from or written to the prompt cache was read by the model, too."""
    read = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")
    return Usage(
        input_tokens=sum(as_count(usage.get(key), key) for key in read),
        output_tokens=as_count(usage.get("output_tokens"), "output_tokens"),
    )


def _piece(event: JsonObject, request: Request) -> tuple[str, bool]:
    delta = as_object(event.get("delta") or {}, "delta")
    _raise_if_withheld(as_text(delta.get("stop_reason"), "stop_reason"), request)
    text = as_text(delta.get("text"), "text") if delta.get("type") == "text_delta" else ""
    return text, event.get("type") == "message_stop"


def _models(reply: JsonObject) -> tuple[Installed, ...]:
    entries = [as_object(entry, "data[]") for entry in as_list(reply.get("data"), "data")]
    return tuple(Installed(wire_name=as_text(entry.get("id"), "id"), details=entry) for entry in entries)
