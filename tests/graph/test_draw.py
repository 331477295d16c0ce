"""Drawing: what serves each kind of agent, and the same picture for the same ensemble."""

from __future__ import annotations

import json

from llm_orc.domain.ensemble import Agent, Dispatch, Ensemble, Later, Llm, Loop, Script, SubEnsemble, Work
from llm_orc.domain.model import Model
from llm_orc.graph.draw import draw

PART = Ensemble(name="part", agents={}, outputs=())
KINDS: dict[str, tuple[Work, str]] = {
    "ask": (Llm(models=(Model(name="tiny", provider="scripted", wire_name="m"),)), "tiny"),
    "bare": (Llm(models=()), "default model"),
    "run": (Script(command=("ls",)), "script"),
    "nest": (SubEnsemble(ensemble=PART), "ensemble part"),
    "again": (Loop(body=PART, until=None, max_iterations=2, carry={}), "loop part"),
    "choose": (Dispatch(chosen_by=("ask",), allowed={"part": PART, "other": PART}), "one of part, other"),
    "some-day": (Later("a later feature"), "a later feature"),
}


def ensemble(needs: dict[str, tuple[str, ...]], output: str) -> Ensemble:
    works = {name: work for name, (work, _) in KINDS.items()}
    agents = {
        name: Agent(name=name, work=works.get(name, works["run"]), depends_on=needs[name]) for name in needs
    }
    return Ensemble(name="e", agents=agents, outputs=(output,))


def test_every_kind_of_agent_says_what_serves_it():
    drawn = json.loads(draw(ensemble(dict.fromkeys(KINDS, ()), "ask"), "json"))
    assert {name: agent["served_by"] for name, agent in drawn["agents"].items()} == {
        name: served for name, (_, served) in KINDS.items()
    }


def test_a_layer_is_numbered_once_and_the_output_is_marked():
    diamond = {"a": (), "left": ("a",), "right": ("a",), "end": ("left", "right")}
    assert draw(ensemble(diamond, "end"), "text").splitlines() == [
        "e: 4 agents in 3 layers",
        "1  a      script",
        "2  left   script  <- a",
        "   right  script  <- a",
        "3  end    script  <- left, right  => output",
    ]


def test_mermaid_names_every_agent_and_every_edge():
    lines = draw(ensemble({"a": (), "b": ("a",)}, "b"), "mermaid").splitlines()
    assert lines == ["flowchart TD", '    a0["a<br/>script"]', '    a1["b<br/>script"]', "    a0 --> a1"]
