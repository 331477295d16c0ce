"""The map of a run: its DAG as `graph` draws it, with cards of one size and, where wanted, folded."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Literal

from llm_orc.domain.json import JsonValue
from llm_orc.graph.agent_graph import AgentGraph
from llm_orc.graph.layout import lay_out

Fold = Literal["auto", "none", "twins", "layers"]
CARD = (196.0, 78.0)
"""Width and height in pixels."""
_FEWEST_TWINS = 3
_MANY = 60
_WORTH_IT = 0.6
_TOO_MANY = 200
"""From here on somebody waits for the map: the last twentieth of crossings would take most of the time."""

DependsOn = Mapping[str, Sequence[str]]


def run_map(depends_on: DependsOn, fold: Fold) -> dict[str, JsonValue]:
    """Cards with what is folded into them, edges between them, and the size of the whole, in pixels.

    `twins` folds agents that depend on the same agents and have the same dependents, `layers` all that stand
    at the same depth. `auto` folds twins where agents are many and that makes clearly fewer cards of them.
    """
    groups = _groups(depends_on, "twins" if fold == "auto" else fold)
    if fold == "auto":
        helps = len(depends_on) > _MANY and len(groups) < _WORTH_IT * len(depends_on)
        fold = "twins" if helps else "none"
        groups = groups if helps else _groups(depends_on, fold)
    card_of = {name: card for card, members in groups.items() for name in members}
    needs = {
        card: tuple(dict.fromkeys(card_of[need] for name in members for need in depends_on[name]))
        for card, members in groups.items()
    }
    layout = lay_out(needs, dict.fromkeys(groups, CARD), patience=0.0 if len(depends_on) > _TOO_MANY else 1.0)
    return {
        "fold": fold,
        "cards": [
            {"id": card, "members": list(members), **asdict(layout.boxes[card])}
            for card, members in groups.items()
        ],
        "edges": [
            {"from": route.source, "to": route.target, "points": [list(point) for point in route.points]}
            for route in layout.routes
        ],
        "width": layout.width,
        "height": layout.height,
    }


def _groups(depends_on: DependsOn, fold: Fold) -> dict[str, list[str]]:
    """Cards by the name of their first agent, in the order of the file."""
    graph = AgentGraph(depends_on)
    if fold == "none":
        return {name: [name] for name in depends_on}
    if fold == "layers":
        return {layer[0]: list(layer) for layer in graph.layers}
    alike: dict[tuple[frozenset[str], frozenset[str]], list[str]] = {}
    for name in depends_on:
        key = frozenset(graph.depends_on[name]), frozenset(graph.dependents[name])
        alike.setdefault(key, []).append(name)
    folded = {name: twins for twins in alike.values() if len(twins) >= _FEWEST_TWINS for name in twins}
    return {name: folded.get(name, [name]) for name in depends_on if folded.get(name, [name])[0] == name}
