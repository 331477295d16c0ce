"""The map of a run: every agent on one card, folded where that is wanted."""

from __future__ import annotations

import pytest

from llm_orc.graph.run_map import CARD, run_map
from tests.bench.dags import fan, layered


def members(found):
    return [card["members"] for card in found["cards"]]


@pytest.mark.parametrize("fold", ["none", "twins", "layers"])
@pytest.mark.parametrize(
    "dag", [fan(9), layered(4, 5, 2), {}, {"a": ()}], ids=["fan", "layers", "empty", "one"]
)
def test_every_agent_is_on_one_card_and_cards_are_apart(dag, fold):
    found = run_map(dag, fold)
    assert sorted(name for each in members(found) for name in each) == sorted(dag)
    boxes = [(card["x"], card["y"]) for card in found["cards"]]
    for place, (x, y) in enumerate(boxes):
        assert all(abs(x - x2) >= CARD[0] or abs(y - y2) >= CARD[1] for x2, y2 in boxes[:place])


def test_agents_with_the_same_neighbours_are_folded():
    found = run_map(fan(9), "twins")
    assert members(found) == [["first"], [f"m{i}" for i in range(9)], ["last"]]
    assert {(edge["from"], edge["to"]) for edge in found["edges"]} == {("first", "m0"), ("m0", "last")}


def test_two_that_are_alike_stay_apart():
    assert members(run_map(fan(2), "twins")) == [["first"], ["m0"], ["m1"], ["last"]]


def test_a_card_may_stand_for_a_layer():
    assert list(map(len, members(run_map(layered(25, 20, 3), "layers")))) == [20] * 25
