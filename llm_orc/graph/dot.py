"""Draw an ensemble in the DOT language of Graphviz, which then makes a layout of its own."""

from __future__ import annotations

from collections.abc import Mapping

from llm_orc.domain.ensemble import Ensemble
from llm_orc.graph.card import Card, Kind, kind_of

_COLOURS: Mapping[Kind, str] = {
    "model": "#4c5be0", "script": "#0c8565", "ensemble": "#8540d0", "loop": "#b5640a",
    "dispatch": "#c92f68", "unread": "#68727f",
}  # fmt: skip


def dot(ensemble: Ensemble, cards: Mapping[str, Card]) -> str:
    """Boxes coloured by kind, doubled for a fan-out; edges dashed where a dependency may be missing."""
    ids = {name: f"a{index}" for index, name in enumerate(ensemble.agents)}
    lines = [
        f"digraph {_quoted(ensemble.name)} {{",
        '    node [shape=box, style=rounded, fontname="sans-serif"];',
    ]
    for name, agent in ensemble.agents.items():
        label = _quoted(f"{cards[name].name}\n{cards[name].line}")
        more = ", peripheries=2" if agent.fan_out is not None else ""
        more += ", penwidth=2" if name in ensemble.outputs else ""
        more += f", tooltip={_quoted(f'when {agent.when.source}')}" if agent.when is not None else ""
        lines.append(f'    {ids[name]} [label={label}, color="{_COLOURS[kind_of(agent)]}"{more}];')
    for name, agent in ensemble.agents.items():
        for need in dict.fromkeys(agent.depends_on):
            dashed = " [style=dashed]" if need in agent.optional else ""
            lines.append(f"    {ids[need]} -> {ids[name]}{dashed};")
    return "\n".join((*lines, "}"))


def _quoted(text: str) -> str:
    """A string of DOT, in which a backslash begins an escape."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
