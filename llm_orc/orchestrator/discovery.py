"""What local servers have, and what a model really takes, as entries of a catalogue."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from time import perf_counter
from urllib.parse import urlsplit

import anyio

from llm_orc.domain.completion import Installed, Message, Provider, Request
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Fleet, Model, Sampling
from llm_orc.errors import OrcError, ProviderFailed
from llm_orc.providers.addresses import ollama_address
from llm_orc.providers.ollama import Ollama
from llm_orc.registry import PROVIDERS, find
from llm_orc.spec.providers import usual_features

ASK_SECONDS = 5.0
KINDS = ("ollama", "openai")
_HERE = ("localhost", "127.0.0.1", "::1")
_NEAR = (".local", ".localhost", ".lan", ".internal", ".home.arpa")
_HEAD_ROOM = 1.1
"""A file's size in memory, where the server does not say: a tenth more than on disk."""
_PROMPT = "Count from 1 to 60 in words."
_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Server:
    """A server that may have models; `base_url` is None for the provider's usual address."""

    provider: str
    base_url: str | None = None
    api_key_env: str | None = None

    @property
    def address(self) -> str:
        """The same for a usual address that is written out."""
        return (self.base_url or (ollama_address() if self.provider == "ollama" else "")).rstrip("/")

    @property
    def host(self) -> str:
        """Its name or number."""
        return urlsplit(self.address).hostname or ""


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one server has, as entries; `error` says why there are none."""

    server: Server
    entries: tuple[JsonObject, ...] = ()
    error: OrcError | None = None


def servers(fleet: Fleet, urls: Sequence[str] = (), provider: str | None = None) -> list[Server]:
    """Ollama's usual address, those of the catalogue's servers that are near, and `urls`, each once.

    `urls` are OpenAI-compatible unless `provider` says otherwise; with it, only servers of its kind are
    asked. A hosted service of the catalogue is not: it would add hundreds of models that nobody asked for.
    """
    known = [
        Server(model.provider, model.base_url, model.api_key_env)
        for model in fleet.models.values()
        if model.provider in KINDS and (model.base_url or model.provider == "ollama")
    ]
    wanted = [Server("ollama"), *(server for server in known if is_near(server.host))]
    wanted += [_keyed(Server(provider or "openai", url), known) for url in urls]
    once = {(server.provider, server.address): server for server in reversed(wanted)}
    return [server for server in reversed(once.values()) if provider in (None, server.provider)]


def _keyed(server: Server, known: Sequence[Server]) -> Server:
    """With the variable of the key that the catalogue gives to the same server."""
    same = (each for each in known if (each.provider, each.address) == (server.provider, server.address))
    return replace(server, api_key_env=next((each.api_key_env for each in same), None))


def is_near(host: str) -> bool:
    """This machine or its own network, by the form of the name."""
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith(_NEAR)


def is_here(host: str) -> bool:
    """This machine itself."""
    return host in _HERE


async def discover(servers: Sequence[Server]) -> list[Discovery]:
    """All servers at once, in their order."""
    found: dict[int, Discovery] = {}

    async def ask(place: int, server: Server) -> None:
        found[place] = await _of_server(server)

    async with anyio.create_task_group() as tasks:
        for place, server in enumerate(servers):
            tasks.start_soon(ask, place, server)
    return [found[place] for place in range(len(servers))]


async def _of_server(server: Server) -> Discovery:
    provider: Provider = find("provider", server.provider, PROVIDERS)(
        base_url=server.base_url, api_key_env=server.api_key_env
    )
    try:
        with anyio.move_on_after(ASK_SECONDS):
            installed = [await _described(provider, each) for each in await provider.installed()]
            return Discovery(server, tuple(_entry(server, each) for each in installed if _generates(each)))
    except OrcError as error:
        return Discovery(server, error=error)
    finally:
        with anyio.CancelScope(shield=True):
            await provider.aclose()
    return Discovery(server, error=ProviderFailed(f"no answer within {ASK_SECONDS:g} s"))


async def _described(provider: Provider, installed: Installed) -> Installed:
    """With what Ollama tells about one model at a time."""
    if not isinstance(provider, Ollama):
        return installed
    more = await provider.described(installed.wire_name)
    return replace(installed, details={**installed.details, **more})


def _generates(installed: Installed) -> bool:
    """Models that only embed cannot answer."""
    able = installed.details.get("capabilities")
    return not isinstance(able, list) or "completion" in able


def _entry(server: Server, installed: Installed) -> JsonObject:
    """Stated figures where the server states them, in the order in which people read them."""
    stated = _stated(installed)
    place = {"base_url": server.base_url, "api_key_env": server.api_key_env}
    told = {key: value for key, value in place.items() if value is not None}
    if installed.details.get("remote_host"):  # Ollama passes it on to a hosted service
        stated["vram_gb"] = 0
    elif _is_own(server):
        stated["price"] = {"input": 0, "output": 0}
    return {"provider": server.provider, "name": installed.wire_name, **told, **stated}


def _stated(installed: Installed) -> dict[str, JsonValue]:
    details = installed.details
    inner = details.get("details")
    told = {**details, **inner} if isinstance(inner, dict) else dict(details)
    meta = details.get("meta")
    numbers = meta if isinstance(meta, dict) else {}
    size = _number(details.get("size")) or _number(numbers.get("size"))
    vram = installed.vram_gb or (size * _HEAD_ROOM / 1e9 if size else None)
    parameters = _billions(told.get("parameter_size")) or (_number(numbers.get("n_params")) or 0) / 1e9
    context = _number(details.get("context_length")) or _number(details.get("max_model_len"))
    context = context or _number(numbers.get("n_ctx_train"))
    found: dict[str, JsonValue] = {
        "context": int(context) if context else None,
        "parameters_b": round(parameters, 3) or None,
        "vram_gb": round(vram, 2) if vram else None,
        "family": told.get("family"),
        "quantisation": told.get("quantization_level"),
        "digest": details.get("digest"),
        "supports": _supports(details),
    }
    return {key: value for key, value in found.items() if value not in (None, "", 0)}


def _supports(details: JsonObject) -> list[JsonValue] | None:
    """Ollama says which models can call tools; the provider's other features hold."""
    able = details.get("capabilities")
    if not isinstance(able, list):
        return None
    missing = set() if "tools" in able else {"tools"}
    return [str(feature) for feature in sorted(usual_features("ollama") - missing)]


def _is_own(server: Server) -> bool:
    """Whether answers cost nothing: an Ollama that is near, anything on this machine."""
    return is_near(server.host) if server.provider == "ollama" else is_here(server.host)


def _billions(value: JsonValue) -> float:
    """`8.0B`, `1.5B`, `494.03M`."""
    found = re.fullmatch(r"([\d.]+)\s*([BMK])?", value) if isinstance(value, str) else None
    if found is None:
        return 0.0
    return float(found[1]) * {"B": 1.0, "M": 1e-3, "K": 1e-6, None: 1e-9}[found[2]]


def _number(value: JsonValue) -> float | None:
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """What a model took: `load_seconds` is None where it cannot be made to load."""

    load_seconds: float | None
    tokens_per_second: float
    vram_gb: float | None

    def entry(self) -> dict[str, JsonValue]:
        """As keys of a catalogue's entry."""
        found: dict[str, JsonValue] = {"tokens_per_second": round(self.tokens_per_second, 1)}
        if self.load_seconds is not None:
            found["load_seconds"] = round(self.load_seconds, 2)
        if self.vram_gb is not None:
            found["vram_gb"] = round(self.vram_gb, 4)
        return found


async def measure(model: Model, provider: Provider) -> Measured:
    """Unloads the model where that can be told, loads it, and has it write; raises `ProviderFailed`."""
    controlled = "load_control" in model.supports
    if controlled:
        await provider.unload(model)
    request = Request(
        model=model,
        messages=(Message("user", _PROMPT),),
        sampling=Sampling(max_tokens=_TOKENS, temperature=0.0 if "sampling" in model.supports else None),
    )
    began = perf_counter()
    first = await provider.complete(replace(request, sampling=replace(request.sampling, max_tokens=1)))
    took = perf_counter() - began
    began = perf_counter()
    second = await provider.complete(request)
    speed = second.usage.output_tokens / max(perf_counter() - began, 1e-6)
    names = (model.wire_name, f"{model.wire_name}:latest")
    resident = [each for each in await provider.installed() if each.resident and each.wire_name in names]
    load = first.load_seconds if first.load_seconds is not None else took if controlled else None
    return Measured(
        load_seconds=load,
        tokens_per_second=speed,
        vram_gb=resident[0].vram_gb if resident else None,
    )
