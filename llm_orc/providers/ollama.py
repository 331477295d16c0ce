"""Ollama's own protocol: unlike its OpenAI-compatible one, it tells load times and takes every option."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing

from llm_orc.domain.completion import (
    Choice,
    Completion,
    Finish,
    Installed,
    Message,
    Request,
    TokenLogprob,
    ToolCall,
)
from llm_orc.domain.embedding import Embedded
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.usage import Usage
from llm_orc.providers.addresses import ollama_address
from llm_orc.providers.chat import function_tools, token_logprobs
from llm_orc.providers.http import Wire
from llm_orc.providers.keys import Key
from llm_orc.providers.lanes import Lanes
from llm_orc.providers.presence import must_have
from llm_orc.providers.samples import one_by_one
from llm_orc.providers.shapes import as_count, as_list, as_number, as_object, as_text, as_vector

UNLOAD_SECONDS = 10.0
# Of `sampling.options`, those that are not the runner's.
OUTER_OPTIONS = ("think", "truncate", "shift")


class Ollama:
    """The server at `base_url`, else at `OLLAMA_HOST`, else on this machine.

    It works on one request per model at a time unless told otherwise (`OLLAMA_NUM_PARALLEL`), so
    `concurrency` is 1 by default; waiting for one's turn does not count against the timeout. A prompt that
    does not fit the context is an error here, where Ollama by itself would silently cut it
    (`options: {truncate: true}` lets it).
    """

    def __init__(self, base_url: str | None = None, api_key_env: str | None = None) -> None:
        self._wire = Wire(
            "ollama",
            base_url or ollama_address(),
            key=Key(api_key_env),
            start_hint="is the server running? start it with `ollama serve`",
        )
        self._lanes = Lanes(default=1)

    async def complete(self, request: Request) -> Completion:
        if request.n > 1:
            return await one_by_one(self.complete, request)
        async with self._lanes.of(request.model):
            return await self._wire.post(
                "/api/chat",
                _body(request) | {"stream": False},
                lambda reply: _completion(reply, request),
                model=request.model.wire_name,
                timeout_seconds=request.timeout_seconds,
            )

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        async with self._lanes.of(request.model):
            pieces = self._wire.stream(
                "/api/chat",
                _body(request) | {"stream": True},
                _piece,
                model=request.model.wire_name,
                timeout_seconds=request.timeout_seconds,
            )
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    async def embed(
        self, model: Model, texts: Sequence[str], *, timeout_seconds: float | None = None
    ) -> Embedded:
        keep = {} if model.keep_alive is None else {"keep_alive": model.keep_alive}
        async with self._lanes.of(model):
            return await self._wire.post(
                "/api/embed",
                {"model": model.wire_name, "input": list(texts), **keep},
                _embedded,
                model=model.wire_name,
                timeout_seconds=timeout_seconds,
            )

    async def installed(self) -> Sequence[Installed]:
        """What the server has on disk, and which of it is in memory now."""
        loaded = await self._wire.get("/api/ps", _loaded_gb)
        return await self._wire.get("/api/tags", lambda reply: _installed(reply, loaded))

    async def version(self) -> str:
        """The server's own version, such as `0.12.3`."""
        return await self._wire.get("/api/version", lambda reply: as_text(reply.get("version"), "version"))

    async def described(self, wire_name: str) -> JsonObject:
        """What the server says of one model: its context, and what it can do."""
        return await self._wire.post(
            "/api/show", {"model": wire_name}, _described, model=wire_name, timeout_seconds=UNLOAD_SECONDS
        )

    async def check(self, model: Model) -> None:
        await must_have(self, model, hint=f"ollama pull {model.wire_name}")

    async def unload(self, model: Model) -> None:
        """A request without messages that keeps the model for no time; it waits for those under way."""
        async with self._lanes.of(model):
            await self._wire.post(
                "/api/chat",
                {"model": model.wire_name, "messages": [], "keep_alive": 0, "stream": False},
                lambda reply: None,
                model=model.wire_name,
                timeout_seconds=UNLOAD_SECONDS,
            )

    async def aclose(self) -> None:
        await self._wire.aclose()


def _body(request: Request) -> dict[str, JsonValue]:
    options, outer = _options(request)
    body: dict[str, JsonValue] = {
        "model": request.model.wire_name,
        "messages": [_message(message) for message in request.messages],
        "truncate": False,
        **outer,
    }
    if options:
        body["options"] = options
    if request.model.keep_alive is not None:
        body["keep_alive"] = request.model.keep_alive
    if request.top_logprobs is not None:
        body["logprobs"] = True
        if request.top_logprobs:
            body["top_logprobs"] = request.top_logprobs
    if request.schema is not None:
        body["format"] = request.schema
    if request.tools:
        body["tools"] = function_tools(request)
    return body


def _options(request: Request) -> tuple[JsonObject, JsonObject]:
    """The runner's options, and those that stand beside them."""
    sampling = request.sampling
    settings: dict[str, JsonValue] = {
        "temperature": sampling.temperature,
        "top_p": sampling.top_p,
        "top_k": sampling.top_k,
        "min_p": sampling.min_p,
        "num_predict": sampling.max_tokens,
        "seed": sampling.seed,
        "stop": sampling.stop or None,
    }
    options = {key: value for key, value in settings.items() if value is not None} | dict(sampling.options)
    outer = {key: options.pop(key) for key in OUTER_OPTIONS if key in options}
    return options, outer


def _message(message: Message) -> dict[str, JsonValue]:
    written: dict[str, JsonValue] = {"role": message.role, "content": message.content}
    if message.tool_call_id:
        written["tool_call_id"] = message.tool_call_id
    if message.tool_calls:
        written["tool_calls"] = [
            {"id": call.id, "function": {"name": call.name, "arguments": call.arguments}}
            for call in message.tool_calls
        ]
    return written


def _completion(reply: JsonObject, request: Request) -> Completion:
    message = as_object(reply.get("message"), "message")
    text = as_text(message.get("content"), "content")
    calls = tuple(
        _tool_call(as_object(call, "tool_calls[]"))
        for call in as_list(message.get("tool_calls") or (), "tool_calls")
    )
    logprobs = token_logprobs(as_list(reply.get("logprobs") or (), "logprobs"), request)
    if message.get("thinking"):
        logprobs = _of_the_answer(logprobs, text)
    load = reply.get("load_duration")
    choice = Choice(
        text=text,
        finish="tool_calls" if calls else _finish(reply),
        logprobs=logprobs or None,
        tool_calls=calls,
    )
    return Completion(
        choices=(choice,),
        usage=Usage(
            input_tokens=as_count(reply.get("prompt_eval_count"), "prompt_eval_count"),
            output_tokens=as_count(reply.get("eval_count"), "eval_count"),
        ),
        model=as_text(reply.get("model"), "model") or request.model.wire_name,
        load_seconds=None if load is None else as_number(load, "load_duration") / 1e9,
    )


def _finish(reply: JsonObject) -> Finish:
    reason = reply.get("done_reason")
    if reason in ("stop", "length"):
        return "stop" if reason == "stop" else "length"
    return "other"


def _tool_call(call: JsonObject) -> ToolCall:
    function = as_object(call.get("function"), "function")
    return ToolCall(
        id=as_text(call.get("id"), "id"),
        name=as_text(function.get("name"), "name"),
        arguments=as_object(function.get("arguments") or {}, "arguments"),
    )


def _of_the_answer(logprobs: tuple[TokenLogprob, ...], text: str) -> tuple[TokenLogprob, ...]:
    """The tokens that end in the answer's text: those before it are the model's thinking."""
    ending = ""
    for start in range(len(logprobs) - 1, -1, -1):
        ending = logprobs[start].token + ending
        if ending.strip() == text.strip():
            return logprobs[start:]
    return ()


def _piece(chunk: JsonObject) -> tuple[str, bool]:
    message = as_object(chunk.get("message") or {}, "message")
    return as_text(message.get("content"), "content"), chunk.get("done") is True


def _embedded(reply: JsonObject) -> Embedded:
    rows = as_list(reply.get("embeddings"), "embeddings")
    return Embedded(
        vectors=[as_vector(row, "embeddings[]") for row in rows],
        usage=Usage(input_tokens=as_count(reply.get("prompt_eval_count"), "prompt_eval_count")),
    )


def _described(reply: JsonObject) -> JsonObject:
    info = as_object(reply.get("model_info") or {}, "model_info")
    context = next((value for key, value in info.items() if key.endswith(".context_length")), None)
    able = as_list(reply.get("capabilities") or (), "capabilities")
    return {"context_length": context, "capabilities": list(able) or None}


def _loaded_gb(reply: JsonObject) -> dict[str, float]:
    entries = [as_object(entry, "models[]") for entry in as_list(reply.get("models"), "models")]
    return {
        as_text(entry.get("name"), "name"): as_count(entry.get("size_vram"), "size_vram") / 1e9
        for entry in entries
    }


def _installed(reply: JsonObject, loaded: Mapping[str, float]) -> tuple[Installed, ...]:
    found = []
    for item in as_list(reply.get("models"), "models"):
        entry = as_object(item, "models[]")
        name = as_text(entry.get("name"), "name")
        found.append(
            Installed(wire_name=name, resident=name in loaded, vram_gb=loaded.get(name), details=entry)
        )
    return tuple(found)
