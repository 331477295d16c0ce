"""What local servers have, and what a model really takes, as entries of a catalogue."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

import anyio

from llm_orc.domain.completion import Installed, Message, Provider, Request
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model, Sampling
from llm_orc.errors import OrcError, ProviderFailed
from llm_orc.providers.ollama import Ollama
from llm_orc.registry import PROVIDERS, find
from llm_orc.spec.catalogue_file import entries_of, entry_name, known_name, with_entries
from llm_orc.spec.providers import usual_features

ASK_SECONDS = 5.0
_HEAD_ROOM = 1.1
"""A file's size in memory, where the server does not say: a tenth more than on disk."""
_PROMPT = "Count from 1 to 60 in words."
_TOKENS = 64


@dataclass(frozen=True, slots=True)
class Server:
    """A server that may have models; `base_url` is None for the provider's usual address."""

    provider: str
    base_url: str | None = None


@dataclass(frozen=True, slots=True)
class Discovery:
    """What one server has, as entries; `error` says why there are none."""

    server: Server
    entries: tuple[JsonObject, ...] = ()
    error: OrcError | None = None


@dataclass(frozen=True, slots=True)
class Proposal:
    """A catalogue with what was found: its text, the entries, and the keys that are new in each."""

    text: str
    entries: Mapping[str, JsonObject]
    changed: Mapping[str, Sequence[str]]


def proposed(file: Path, found: Sequence[Discovery]) -> Proposal:
    """The text that `file` would have; raises `InvalidFile` and `UsageFailed` where it cannot be edited."""
    entries = {
        known_name(file, entry) or entry_name(str(entry["name"])): entry
        for discovery in found
        for entry in discovery.entries
    }
    text, changed = with_entries(file, entries)
    return Proposal(text, entries, changed)


def with_figures(file: Path, name: str, figures: JsonObject) -> str | None:
    """The text of `file` with the figures in the entry `name`; None where it has no such entry."""
    if name not in entries_of(file):
        return None
    return with_entries(file, {name: figures}, replacing=True)[0]


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
    provider: Provider = find("provider", server.provider, PROVIDERS)(base_url=server.base_url)
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
    address = {} if server.base_url is None else {"base_url": server.base_url}
    free: dict[str, JsonValue] = {"price": {"input": 0, "output": 0}} if _is_local(server) else {}
    return {"provider": server.provider, "name": installed.wire_name, **address, **stated, **free}


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


def _is_local(server: Server) -> bool:
    return server.provider == "ollama" or "localhost" in (server.base_url or "") or "127.0.0.1" in (
        server.base_url or ""
    )  # fmt: skip


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
    resident = [i for i in await provider.installed() if i.resident and i.wire_name == model.wire_name]
    load = first.load_seconds if first.load_seconds is not None else took if controlled else None
    return Measured(
        load_seconds=load,
        tokens_per_second=speed,
        vram_gb=resident[0].vram_gb if resident else None,
    )
