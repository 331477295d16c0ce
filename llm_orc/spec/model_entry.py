"""One entry of a models file, or a model described in place, as a `Model`."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Feature, Model, Price, Profile
from llm_orc.spec import fields
from llm_orc.spec.providers import provider_name, usual_features


def read_model(name: str, entry: JsonObject, folder: Path) -> Model:
    """`folder` is where paths in the entry start from."""
    provider = provider_name(fields.text(entry, "provider"))
    path = fields.optional_text(entry, "path")
    keep_alive = entry.get("keep_alive")
    return Model(
        name=name,
        provider=provider,
        wire_name=fields.text(entry, "name", name),
        base_url=fields.optional_text(entry, "base_url"),
        path=None if path is None else str(folder.absolute() / Path(path).expanduser()),
        api_key_env=fields.optional_text(entry, "api_key_env"),
        context=fields.integer(entry, "context"),
        parameters_b=fields.number(entry, "parameters_b"),
        vram_gb=fields.number(entry, "vram_gb"),
        load_seconds=fields.number(entry, "load_seconds"),
        price=_price(entry),
        capabilities={
            kind: float(quality)
            for kind, quality in fields.mapping(entry, "capabilities").items()
            if isinstance(quality, int | float)
        },
        weaknesses=frozenset(fields.texts(entry, "weaknesses")),
        tokens_per_second=fields.number(entry, "tokens_per_second"),
        family=fields.text(entry, "family"),
        quantisation=fields.text(entry, "quantisation"),
        digest=fields.optional_text(entry, "digest"),
        devices=_devices(entry),
        split=entry.get("split") is True,
        supports=_supports(entry, provider),
        concurrency=fields.integer(entry, "concurrency"),
        requests_per_minute=fields.integer(entry, "requests_per_minute"),
        tokens_per_minute=fields.integer(entry, "tokens_per_minute"),
        keep_alive=keep_alive if isinstance(keep_alive, str | int) else None,
        sampling=fields.sampling(entry),
        description=fields.text(entry, "description"),
    )


def read_profile(name: str, entry: JsonObject, source: str) -> Profile:
    """Ours, and upstream's: `model` with `provider`, `fallback_model_profile`, `cost_per_token`."""
    per_token = fields.number(entry, "cost_per_token")
    provider = fields.text(entry, "provider")
    named = fields.texts(entry, "model") + fields.texts(entry, "models")
    if provider:
        named = tuple(f"{provider_name(provider)}/{model}" for model in named)
    return Profile(
        name=name,
        models=tuple(dict.fromkeys(named)),
        sampling=fields.sampling(entry),
        system_prompt=fields.text(entry, "system_prompt").rstrip("\n"),
        timeout_seconds=fields.number(entry, "timeout_seconds"),
        fallback=fields.texts(entry, "fallback") + fields.texts(entry, "fallback_model_profile"),
        price=None if per_token is None else _same_price(per_token),
        source=source,
    )


def _devices(entry: JsonObject) -> tuple[int, ...] | None:
    if "devices" not in entry:
        return None
    return tuple(device for device in fields.entries(entry, "devices") if isinstance(device, int))


def _price(entry: JsonObject) -> Price | None:
    price = fields.mapping(entry, "price")
    read, written = fields.number(price, "input"), fields.number(price, "output")
    if read is None or written is None:
        return None
    return Price(input_per_million=read, output_per_million=written)


def _same_price(per_token: float) -> Price:
    return Price(input_per_million=per_token * 1e6, output_per_million=per_token * 1e6)


def _supports(entry: JsonObject, provider: str) -> frozenset[Feature]:
    if "supports" not in entry:
        return usual_features(provider)
    return frozenset(cast("tuple[Feature, ...]", fields.texts(entry, "supports")))
