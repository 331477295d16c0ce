"""The graph answers what brute force over all paths answers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.graph.agent_graph import AgentGraph
from tests.dags import dags


def paths_to(dag: dict[str, tuple[str, ...]], name: str) -> list[list[str]]:
    """Every path that ends in `name`, from a node without dependencies."""
    if not dag[name]:
        return [[name]]
    return [[*path, name] for need in dag[name] for path in paths_to(dag, need)]


@given(dags())
def test_an_agents_layer_is_the_length_of_its_longest_path(dag):
    graph = AgentGraph(dag)
    for name in dag:
        assert graph.depth[name] == max(len(path) for path in paths_to(dag, name)) - 1
        assert name in graph.layers[graph.depth[name]]
    assert sum(map(len, graph.layers)) == len(dag)


@given(dags(), st.sets(st.integers(0, 8)))
def test_ready_agents_are_those_with_every_dependency_settled(dag, chosen):
    settled = {name for name in dag if int(name[1:]) in chosen}
    expected = [n for n in dag if n not in settled and not [need for need in dag[n] if need not in settled]]
    assert list(AgentGraph(dag).ready(settled)) == expected


@given(dags(), st.integers(0, 4))
def test_agents_ahead_stand_at_their_longest_distance_from_the_ready_ones(dag, horizon):
    graph = AgentGraph(dag)
    ready = graph.layers[0]
    distance = {name: max(len(path) for path in paths_to(dag, name)) - 1 for name in dag}
    expected = tuple(tuple(name for name in dag if distance[name] == step) for step in range(1, horizon + 1))
    assert graph.ahead(ready, horizon) == expected


@given(dags(), st.data(), st.integers(0, 3))
def test_no_way_round_makes_an_agent_seem_nearer_than_it_is(dag, data, horizon):
    graph = AgentGraph(dag)
    ready = sorted(data.draw(st.sets(st.sampled_from(sorted(dag)), min_size=1)))
    longest = {}
    for name in dag:
        ways = [path[index:] for path in paths_to(dag, name) for index, at in enumerate(path) if at in ready]
        free = [way for way in ways if not set(way[1:]) & set(ready)]
        longest[name] = 0 if name in ready else max((len(way) - 1 for way in free), default=0)
    expected = tuple(tuple(name for name in dag if longest[name] == step) for step in range(1, horizon + 1))
    assert graph.ahead(ready, horizon) == expected


@given(dags(), st.data())
def test_ahead_of_any_ready_set_holds_only_what_it_reaches(dag, data):
    graph = AgentGraph(dag)
    start = data.draw(st.sampled_from(sorted(dag)))
    reached = {name for name in dag for path in paths_to(dag, name) if start in path} - {start}
    ahead = [name for layer in graph.ahead([start], len(dag)) for name in layer]
    assert sorted(ahead) == sorted(reached)


@given(dags(), st.lists(st.integers(1, 100), min_size=9, max_size=9))
def test_the_critical_path_is_the_dearest_of_all_paths(dag, seconds):
    path, total = AgentGraph(dag).critical_path(lambda name: seconds[int(name[1:])])
    every = [p for name in dag for p in paths_to(dag, name)]
    assert total == max(sum(seconds[int(n[1:])] for n in p) for p in every)
    assert list(path) in every
    assert sum(seconds[int(n[1:])] for n in path) == total


@given(dags())
def test_dependents_are_the_edges_turned_round(dag):
    graph = AgentGraph(dag)
    assert {(a, b) for b, needs in dag.items() for a in needs} == {
        (a, b) for a, after in graph.dependents.items() for b in after
    }


def test_a_cycle_is_refused_with_its_path():
    with pytest.raises(ValueError, match="cycle: "):
        AgentGraph({"a": ("b",), "b": ("a",)})


def test_an_unknown_dependency_is_refused():
    with pytest.raises(ValueError, match="unknown dependencies: c"):
        AgentGraph({"a": ("c",)})


def test_a_graph_without_agents_has_nothing_to_say():
    graph = AgentGraph({})
    assert graph.layers == ()
    assert graph.critical_path(lambda name: 1.0) == ((), 0.0)
