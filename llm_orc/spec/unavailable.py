"""What a file uses that this version reads but cannot run."""

from __future__ import annotations

from collections.abc import Iterator

from llm_orc.domain.json import JsonObject
from llm_orc.registry import STRATEGIES
from llm_orc.spec import fields
from llm_orc.spec.scope import Entry

_LATER_KEYS = ("variants",)


def of_agent(entry: Entry) -> Iterator[str]:
    """The features of one agent."""
    own = entry.own if entry.kind != "llm" else entry.merged
    for feature in _features(entry, own):
        yield f"agent {entry.name!r}: {feature}"


def _features(entry: Entry, agent: JsonObject) -> Iterator[str]:
    strategy = strategy_type(agent)
    if strategy not in STRATEGIES:
        yield f"strategy {strategy}"
    for key in _LATER_KEYS:
        if agent.get(key) not in (None, False, []):
            yield key
    if isinstance(agent.get("demos"), dict):
        yield "demos select"


def strategy_type(agent: JsonObject) -> str:
    """The name of an agent's strategy."""
    return fields.text(agent, "strategy") or fields.text(fields.mapping(agent, "strategy"), "type", "single")
