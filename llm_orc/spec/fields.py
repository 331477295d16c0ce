"""Typed access to data that a schema has checked, so that each use need not check again."""

from __future__ import annotations

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import UNSET, Sampling

SAMPLING_KEYS = (
    "temperature", "top_p", "top_k", "min_p", "max_tokens", "seed", "stop", "options",
)  # fmt: skip


def text(data: JsonObject, key: str, default: str = "") -> str:
    value = data.get(key)
    return value if isinstance(value, str) else default


def optional_text(data: JsonObject, key: str) -> str | None:
    value = data.get(key)
    return value if isinstance(value, str) else None


def number(data: JsonObject, key: str) -> float | None:
    value = data.get(key)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None


def integer(data: JsonObject, key: str) -> int | None:
    """JSON Schema counts `3.0` as an integer too."""
    value = number(data, key)
    return None if value is None else int(value)


def mapping(data: JsonObject, key: str) -> dict[str, JsonValue]:
    value = data.get(key)
    return value if isinstance(value, dict) else {}


def entries(data: JsonObject, key: str) -> list[JsonValue]:
    """A list as it is, one value as a list of one, nothing as an empty list."""
    value = data.get(key)
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def texts(data: JsonObject, key: str) -> tuple[str, ...]:
    return tuple(entry for entry in entries(data, key) if isinstance(entry, str))


def room(data: JsonObject) -> tuple[float, ...]:
    """Gigabytes per device; one number is one device."""
    found = entries(data, "vram_gb")
    return tuple(float(size) for size in found if isinstance(size, int | float))


def sampling(data: JsonObject) -> Sampling:
    if data.keys().isdisjoint(SAMPLING_KEYS):
        return UNSET
    return Sampling(
        temperature=number(data, "temperature"),
        top_p=number(data, "top_p"),
        top_k=integer(data, "top_k"),
        min_p=number(data, "min_p"),
        max_tokens=integer(data, "max_tokens"),
        seed=integer(data, "seed"),
        stop=texts(data, "stop"),
        options=mapping(data, "options"),
    )
