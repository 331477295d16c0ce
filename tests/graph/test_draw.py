"""Drawing: what serves each kind of agent, and the same picture for the same ensemble."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from xml.etree import ElementTree

from llm_orc.domain.ensemble import (
    Agent,
    Dispatch,
    Ensemble,
    FanOut,
    Llm,
    Loop,
    Script,
    SubEnsemble,
    Unread,
    Work,
)
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Model
from llm_orc.graph.draw import draw


@dataclass(frozen=True)
class Given:
    """A condition on the input."""

    source: str = "input != '<none>'"
    names: frozenset[str] = frozenset({"input"})

    def holds(self, values: Mapping[str, JsonValue]) -> bool:
        return values["input"] != "<none>"


PART = Ensemble(name="part", agents={}, outputs=())
KINDS: dict[str, tuple[Work, str]] = {
    "ask": (Llm(models=(Model(name="tiny", provider="scripted", wire_name="m"),)), "tiny"),
    "bare": (Llm(models=()), "default model"),
    "run": (Script(command=("ls",)), "script"),
    "nest": (SubEnsemble(ensemble=PART), "ensemble part"),
    "again": (Loop(body=PART, until=None, max_iterations=2, carry={}), "loop part"),
    "choose": (Dispatch(chosen_by=("ask",), allowed={"part": PART, "other": PART}), "one of part, other"),
    "some-day": (Unread("loop"), "loop"),
}
KEEPER = Agent(name="a", work=Script(command=("ls",)), when=Given())
EACH = Agent(
    name="b", work=Script(command=("ls",)), depends_on=("a",), optional=frozenset({"a"}),
    fan_out=FanOut(over=("a",)),
)  # fmt: skip


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


def test_text_shows_a_condition_and_what_a_fan_out_runs_over():
    made = Ensemble(name="e", agents={"a": KEEPER, "b": EACH}, outputs=("b",))
    assert draw(made, "text").splitlines()[1:] == [
        "1  a  script             when input != '<none>'",
        "2  b  script · per item  <- a  => output",
    ]


def test_svg_is_well_formed_whatever_agents_are_called():
    names = ["<script>", "a&b", '"q"', "]]>", "null\x00\x1b", "\ud800", "名前" * 40, "x" * 500, "-->", " "]
    root = ElementTree.fromstring(draw(ensemble(dict.fromkeys(names, ()), "a&b"), "svg"))
    written = [text.text for text in root.iterfind(".//{*}text")]
    assert written[1::2][:4] == ["<script>", "a&b", '"q"', "]]>"]
    assert {element.tag.partition("}")[2] for element in root.iter()} == {
        "svg", "title", "desc", "style", "defs", "marker", "path", "rect", "text", "g",
    }  # fmt: skip


def test_svg_asks_for_nothing_from_elsewhere_and_runs_nothing():
    drawn = draw(ensemble(dict.fromkeys(KINDS, ()), "ask"), "svg")
    assert re.findall(r"https?://[^\"]*", drawn) == ["http://www.w3.org/2000/svg"]
    assert not re.search(r"<script|<image|<use|@import|@font-face|\bon\w+=|href|javascript:", drawn)


def test_svg_says_in_words_what_it_shows():
    made = Ensemble(name="e", agents={"a": KEEPER, "b": EACH}, outputs=("b",), description="Two agents.")
    root = ElementTree.fromstring(draw(made, "svg"))
    title, description = root.find("{*}title"), root.find("{*}desc")
    assert title is not None
    assert description is not None
    assert root.attrib["aria-labelledby"].split() == [title.attrib["id"], description.attrib["id"]]
    assert title.text == "e"
    assert description.text == ("Two agents. a (script), when input != '<none>'. b (script) after a; output.")


def test_svg_marks_a_condition_a_fan_out_and_a_dependency_that_may_be_missing():
    made = Ensemble(name="e", agents={"a": KEEPER, "b": EACH}, outputs=("b",))
    root = ElementTree.fromstring(draw(made, "svg"))
    titles = [title.text for title in root.iter("{http://www.w3.org/2000/svg}title")]
    assert titles == [
        "e", "a → b (may be missing)", "a: script", "when input != '<none>'", "b: script · per item",
        "output",
    ]  # fmt: skip
    cards = [rect for rect in root.iterfind(".//{*}rect") if "card" in rect.attrib["class"]]
    assert len(cards) == 1 + 3


def test_svg_has_every_candidate_of_an_agent():
    models = tuple(Model(name=name, provider="scripted", wire_name="m") for name in ("small", "large"))
    made = Ensemble(name="e", agents={"a": Agent(name="a", work=Llm(models=models))}, outputs=("a",))
    assert ">small › large</text>" in draw(made, "svg")


def test_svg_has_colours_for_light_and_for_dark_pages():
    drawn = draw(ensemble({"a": ()}, "a"), "svg")
    light, dark = drawn.split("@media (prefers-color-scheme:dark)")
    assert ".page{fill:#ffffff}" in light
    assert ".page{fill:#0f131b}" in dark


def test_json_has_the_place_of_every_agent_and_the_line_of_every_edge():
    diamond = {"a": (), "left": ("a",), "right": ("a",), "end": ("left", "right")}
    drawn = json.loads(draw(ensemble(diamond, "end"), "json"))
    boxes = {name: agent["box"] for name, agent in drawn["agents"].items()}
    assert [boxes[name]["row"] for name in diamond] == [0, 1, 1, 2]
    assert boxes["left"]["x"] < boxes["a"]["x"] < boxes["right"]["x"]
    assert all(box["x"] + box["width"] / 2 < drawn["width"] for box in boxes.values())
    assert all(box["y"] + box["height"] / 2 < drawn["height"] for box in boxes.values())
    assert {(edge["from"], edge["to"]) for edge in drawn["edges"]} == {
        (need, name) for name, needs in diamond.items() for need in needs
    }


def test_dot_has_agents_edges_and_what_is_special_about_them():
    made = Ensemble(name='a "b" \\', agents={"a": KEEPER, "b": EACH}, outputs=("b",))
    assert draw(made, "dot").splitlines() == [
        'digraph "a \\"b\\" \\\\" {',
        '    node [shape=box, style=rounded, fontname="sans-serif"];',
        """    a0 [label="a\\nscript", color="#0c8565", tooltip="when input != '<none>'"];""",
        '    a1 [label="b\\nscript · per item", color="#0c8565", peripheries=2, penwidth=2];',
        "    a0 -> a1 [style=dashed];",
        "}",
    ]
