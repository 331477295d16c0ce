"""What is known about providers without loading them."""

from __future__ import annotations

from llm_orc.domain.model import Feature
from llm_orc.registry import PROVIDERS
from llm_orc.spec.nearest import did_you_mean, listed

_ALL: frozenset[Feature] = frozenset(
    {"sampling", "seed", "n", "logprobs", "json_schema", "tools", "load_control"}
)
_SUPPORTS: dict[str, frozenset[Feature]] = {
    "openai": _ALL - {"load_control"},
    "ollama": _ALL - {"n"},
    "anthropic": frozenset({"json_schema", "tools"}),
    "llamacpp": frozenset({"sampling", "seed", "n", "logprobs", "json_schema", "load_control"}),
    "scripted": _ALL,
}
_WITHOUT_EMBEDDINGS = frozenset({"anthropic", "llamacpp", "scripted"})
# What upstream llm-orc calls the same service.
_UPSTREAM = {"anthropic-api": "anthropic"}


def usual_features(provider: str) -> frozenset[Feature]:
    """What models of a provider can do when their entry does not say."""
    return _SUPPORTS.get(provider, frozenset())


def has_embeddings(provider: str) -> bool:
    """Whether a provider may have embedding models; what another package's has is not known."""
    return provider not in _WITHOUT_EMBEDDINGS


def provider_name(name: str) -> str:
    """Our name of a provider that upstream calls otherwise; any other name as it is."""
    return _UPSTREAM.get(name, name)


def is_provider(name: str) -> bool:
    """Whether there is a provider of this name, ours or of an installed package."""
    if name in PROVIDERS:
        return True
    from importlib.metadata import entry_points  # 10 ms that most runs need not spend

    return name in {point.name for point in entry_points(group="llm_orc.providers")}


def provider_hint(name: str) -> str:
    return did_you_mean(name, PROVIDERS, otherwise=listed(PROVIDERS, what="known providers"))
