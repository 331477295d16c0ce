"""Any server that speaks OpenAI's chat completions."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

from llm_orc.domain.completion import Completion, Installed, Request
from llm_orc.domain.embedding import Embedded
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.usage import Usage
from llm_orc.providers.addresses import OPENAI as BASE_URL
from llm_orc.providers.chat import chat_body, completion_of, piece_of
from llm_orc.providers.http import Wire
from llm_orc.providers.keys import Key, is_same_host
from llm_orc.providers.lanes import Lanes
from llm_orc.providers.presence import must_have
from llm_orc.providers.samples import one_by_one
from llm_orc.providers.shapes import as_count, as_list, as_object, as_text, as_vector

KEY_VARIABLE = "OPENAI_API_KEY"


class OpenAI:
    """OpenAI itself, or the server at `base_url`.

    OpenAI's own address needs the key in `OPENAI_API_KEY`. Another server gets a key only when `api_key_env`
    names one: nobody's OpenAI key goes elsewhere by accident. A model without the feature `n` is asked n
    times. Leave `n` out for llama.cpp's server, whose usage counts one of n answers.
    """

    def __init__(self, base_url: str | None = None, api_key_env: str | None = None) -> None:
        address = base_url or BASE_URL
        self._official = is_same_host(address, BASE_URL)
        self._wire = Wire("openai", address, key=Key(self.key_variable(base_url, api_key_env)))
        self._lanes = Lanes()

    @staticmethod
    def key_variable(base_url: str | None, api_key_env: str | None) -> str | None:
        """The variable with the key for an address; None where no key is sent."""
        official = is_same_host(base_url or BASE_URL, BASE_URL)
        return api_key_env or (KEY_VARIABLE if official else None)

    async def complete(self, request: Request) -> Completion:
        if request.n > 1 and "n" not in request.model.supports:
            return await one_by_one(self.complete, request)
        async with self._lanes.of(request.model):
            return await self._wire.post(
                "/chat/completions",
                self._body(request),
                lambda reply: completion_of(reply, request),
                model=request.model.wire_name,
                timeout_seconds=request.timeout_seconds,
            )

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        async with self._lanes.of(request.model):
            pieces = self._wire.stream(
                "/chat/completions",
                self._body(request) | {"stream": True},
                piece_of,
                model=request.model.wire_name,
                timeout_seconds=request.timeout_seconds,
            )
            async with aclosing(pieces):
                async for piece in pieces:
                    yield piece

    async def embed(
        self, model: Model, texts: Sequence[str], *, timeout_seconds: float | None = None
    ) -> Embedded:
        async with self._lanes.of(model):
            return await self._wire.post(
                "/embeddings",
                {"model": model.wire_name, "input": list(texts), "encoding_format": "float"},
                _embedded,
                model=model.wire_name,
                timeout_seconds=timeout_seconds,
            )

    async def installed(self) -> Sequence[Installed]:
        return await self._wire.get("/models", _models)

    async def check(self, model: Model) -> None:
        await must_have(self, model)

    async def unload(self, model: Model) -> None:
        """Nothing: the server decides itself."""

    async def aclose(self) -> None:
        await self._wire.aclose()

    def _body(self, request: Request) -> dict[str, JsonValue]:
        return chat_body(request, length_key="max_completion_tokens" if self._official else "max_tokens")


def _embedded(reply: JsonObject) -> Embedded:
    """In the order of the texts, whatever that of the reply."""
    entries = [as_object(entry, "data[]") for entry in as_list(reply.get("data"), "data")]
    entries.sort(key=lambda entry: as_count(entry.get("index"), "data[].index"))
    usage = as_object(reply.get("usage") or {}, "usage")
    return Embedded(
        vectors=[as_vector(entry.get("embedding"), "data[].embedding") for entry in entries],
        usage=Usage(input_tokens=as_count(usage.get("prompt_tokens"), "prompt_tokens")),
    )


def _models(reply: JsonObject) -> tuple[Installed, ...]:
    entries = [as_object(entry, "data[]") for entry in as_list(reply.get("data"), "data")]
    return tuple(Installed(wire_name=as_text(entry.get("id"), "id"), details=entry) for entry in entries)
