"""Draw a DAG: as text by layers, as a Mermaid flowchart, as JSON. The same input gives the same output."""

from __future__ import annotations

import json
from typing import Literal

from llm_orc.domain.ensemble import (
    Agent,
    Dispatch,
    Ensemble,
    Later,
    Llm,
    Loop,
    Script,
    SubEnsemble,
)
from llm_orc.graph.agent_graph import AgentGraph

_MERMAID = str.maketrans({'"': "#quot;", "<": "#lt;", ">": "#gt;", "&": "#amp;", "#": "#35;", "\n": " "})


def draw(ensemble: Ensemble, form: Literal["text", "mermaid", "json"]) -> str:
    """The ensemble's DAG in one of the forms."""
    graph = AgentGraph({name: agent.depends_on for name, agent in ensemble.agents.items()})
    return {"text": _text, "mermaid": _mermaid, "json": _json}[form](ensemble, graph)


def _served_by(agent: Agent) -> str:
    match agent.work:
        case Llm(models=models):
            return models[0].name if models else "default model"
        case Script():
            return "script"
        case SubEnsemble(ensemble=ensemble) | Loop(body=ensemble):
            return f"{'loop' if isinstance(agent.work, Loop) else 'ensemble'} {ensemble.name}"
        case Dispatch(allowed=allowed):
            return f"one of {', '.join(allowed)}"
        case Later(feature=feature):
            return feature


def _text(ensemble: Ensemble, graph: AgentGraph) -> str:
    """A line per agent, numbered by layer: name, what serves it, and what it depends on."""
    names = max(map(len, ensemble.agents), default=0)
    served = {name: _served_by(agent) for name, agent in ensemble.agents.items()}
    widest = max(map(len, served.values()), default=0)
    margin = len(str(len(graph.layers)))
    counted = f"{_count(len(ensemble.agents), 'agent')} in {_count(len(graph.layers), 'layer')}"
    lines = [f"{ensemble.name}: {counted}"]
    for depth, layer in enumerate(graph.layers, 1):
        for place, name in enumerate(layer):
            number = str(depth) if place == 0 else ""
            needs = graph.depends_on[name]
            arrow = f"  <- {', '.join(needs)}" if needs else ""
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
        label = f"{name.translate(_MERMAID)}<br/>{_served_by(agent).translate(_MERMAID)}"
        lines.append(f'    {ids[name]}["{label}"]')
    for name, needs in graph.depends_on.items():
        lines.extend(f"    {ids[need]} --> {ids[name]}" for need in needs)
    return "\n".join(lines)


def _json(ensemble: Ensemble, graph: AgentGraph) -> str:
    agents = {
        name: {
            "layer": graph.depth[name] + 1,
            "depends_on": list(graph.depends_on[name]),
            "served_by": _served_by(agent),
            "output": name in ensemble.outputs,
        }
        for name, agent in ensemble.agents.items()
    }
    shape = {"name": ensemble.name, "layers": [list(layer) for layer in graph.layers], "agents": agents}
    return json.dumps(shape, indent=2, ensure_ascii=False)
