"""Draw a DAG in each of the forms that `graph` has. The same input gives the same output."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Literal

from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.text import one_line
from llm_orc.graph.agent_graph import AgentGraph
from llm_orc.graph.card import HEIGHT, card, kind_of, served_by
from llm_orc.graph.dot import dot
from llm_orc.graph.layout import Layout, lay_out
from llm_orc.graph.svg import svg

Form = Literal["text", "mermaid", "dot", "svg", "json"]
_GUARD = 60
"""Columns that a condition may take."""
_MERMAID = str.maketrans({'"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "#": "#35;", "\n": " "})


def draw(ensemble: Ensemble, form: Form) -> str:
    """The ensemble's DAG in one of the forms."""
    match form:
        case "text":
            return _text(ensemble, _graph(ensemble))
        case "mermaid":
            return _mermaid(ensemble, _graph(ensemble))
        case "dot":
            return dot(ensemble, {name: card(agent) for name, agent in ensemble.agents.items()})
        case "svg":
            return svg(
                ensemble, {name: card(agent) for name, agent in ensemble.agents.items()}, layout_of(ensemble)
            )
        case "json":
            return _json(ensemble, _graph(ensemble), layout_of(ensemble))


def layout_of(ensemble: Ensemble) -> Layout:
    """Where the agents of an ensemble stand; each box has room for its card."""
    needs = {name: agent.depends_on for name, agent in ensemble.agents.items()}
    return lay_out(needs, {name: (card(agent).width, HEIGHT) for name, agent in ensemble.agents.items()})


def _graph(ensemble: Ensemble) -> AgentGraph:
    return AgentGraph({name: agent.depends_on for name, agent in ensemble.agents.items()})


def _text(ensemble: Ensemble, graph: AgentGraph) -> str:
    """A line per agent, numbered by layer: name, what serves it, what it depends on, and its condition."""
    names = max(map(len, ensemble.agents), default=0)
    served = {name: card(agent).line for name, agent in ensemble.agents.items()}
    widest = max(map(len, served.values()), default=0)
    margin = len(str(len(graph.layers)))
    counted = f"{_count(len(ensemble.agents), 'agent')} in {_count(len(graph.layers), 'layer')}"
    lines = [f"{ensemble.name}: {counted}"]
    for depth, layer in enumerate(graph.layers, 1):
        for place, name in enumerate(layer):
            number = str(depth) if place == 0 else ""
            needs = graph.depends_on[name]
            arrow = f"  <- {', '.join(needs)}" if needs else ""
            when = ensemble.agents[name].when
            arrow += f"  when {one_line(when.source, _GUARD)}" if when is not None else ""
            out = "  => output" if name in ensemble.outputs else ""
            lines.append(
                f"{number:>{margin}}  {name:<{names}}  {served[name]:<{widest}}{arrow}{out}".rstrip()
            )
    return "\n".join(lines)


def _count(number: int, of: str) -> str:
    return f"{number} {of}{'s' * (number != 1)}"


def _mermaid(ensemble: Ensemble, graph: AgentGraph) -> str:
    ids = {name: f"a{index}" for index, name in enumerate(ensemble.agents)}
    lines = ["flowchart TD"]
    for name, agent in ensemble.agents.items():
        label = f"{name.translate(_MERMAID)}<br/>{served_by(agent).translate(_MERMAID)}"
        lines.append(f'    {ids[name]}["{label}"]')
    for name, needs in graph.depends_on.items():
        lines.extend(f"    {ids[need]} --> {ids[name]}" for need in needs)
    return "\n".join(lines)


def _json(ensemble: Ensemble, graph: AgentGraph, layout: Layout) -> str:
    agents = {
        name: {
            "layer": graph.depth[name] + 1,
            "depends_on": list(graph.depends_on[name]),
            "served_by": served_by(agent),
            "output": name in ensemble.outputs,
            "kind": kind_of(agent),
            "box": asdict(layout.boxes[name]),
        }
        for name, agent in ensemble.agents.items()
    }
    shape = {
        "name": ensemble.name,
        "layers": [list(layer) for layer in graph.layers],
        "agents": agents,
        "edges": [
            {"from": route.source, "to": route.target, "points": [list(point) for point in route.points]}
            for route in layout.routes
        ],
        "width": layout.width,
        "height": layout.height,
    }
    return json.dumps(shape, indent=2, ensure_ascii=False)
