"""What a file uses that this version reads but cannot run."""

from __future__ import annotations

from collections.abc import Iterator

from llm_orc.domain.json import JsonObject
from llm_orc.registry import STRATEGIES
from llm_orc.spec import fields
from llm_orc.spec.scope import Entry


def of_file(data: JsonObject) -> Iterator[str]:
    """The features that hold for the whole file."""
    if "budget" in data:
        yield "budget"
    yield from _shared(data)


def of_agent(entry: Entry) -> Iterator[str]:
    """The features of one agent."""
    own = entry.own if entry.kind != "llm" else entry.merged
    for feature in _features(entry, own):
        yield f"agent {entry.name!r}: {feature}"


def _features(entry: Entry, agent: JsonObject) -> Iterator[str]:
    strategy = strategy_type(agent)
    if strategy not in STRATEGIES:
        yield f"strategy {strategy}"
    if "budget" in agent:
        yield "budget"
    yield from _shared(agent)


def strategy_type(agent: JsonObject) -> str:
    """The name of an agent's strategy."""
    return fields.text(agent, "strategy") or fields.text(fields.mapping(agent, "strategy"), "type", "single")


def _shared(data: JsonObject) -> Iterator[str]:
    if fields.integer(fields.mapping(data, "retries"), "max"):
        yield "retries"
    if data.get("cache") not in (None, False, "off"):
        yield "cache"
