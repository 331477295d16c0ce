"""The layout: edges lead down, nothing overlaps, few edges cross, and names do not matter."""

from __future__ import annotations

from itertools import combinations, pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_orc.errors import UsageFailed
from llm_orc.graph.layout import lay_out
from tests.dags import dags, ragged_dag
from tests.drawings import crossings_seen, drawn, plain_crossings, uniform_dag

pytestmark = pytest.mark.slow

unhurried = settings(deadline=None, max_examples=30)
LARGE = [
    *[uniform_dag(12, 18, seed) for seed in range(10)],
    *[uniform_dag(30, 60, seed) for seed in range(4)],
    *[ragged_dag(60, seed) for seed in range(4)],
]


@unhurried
@given(dags(max_size=14))
def test_every_edge_leads_down_from_box_to_box(dag):
    layout = drawn(dag)
    assert {(route.source, route.target) for route in layout.routes} == {
        (need, name) for name, needs in dag.items() for need in needs
    }
    for route in layout.routes:
        source, target = layout.boxes[route.source], layout.boxes[route.target]
        assert source.row < target.row
        (x, y), (to_x, to_y) = route.points[0], route.points[-1]
        assert (y, to_y) == (source.y + source.height / 2, target.y - target.height / 2)
        assert abs(x - source.x) < source.width / 2
        assert abs(to_x - target.x) < target.width / 2
        heights = [y for _, y in route.points]
        assert heights == sorted(heights)


@unhurried
@given(dags(max_size=14))
def test_no_box_overlaps_another_or_the_margin(dag):
    layout = drawn(dag)
    for one, other in combinations(layout.boxes.values(), 2):
        apart = max(
            abs(one.x - other.x) - (one.width + other.width) / 2,
            abs(one.y - other.y) - (one.height + other.height) / 2,
        )
        assert apart >= 20
    for box in layout.boxes.values():
        assert box.width / 2 < box.x < layout.width - box.width / 2
        assert box.height / 2 < box.y < layout.height - box.height / 2


@unhurried
@given(dags(max_size=14))
def test_no_edge_passes_through_a_box(dag):
    layout = drawn(dag)
    for route in layout.routes:
        for (x, y), (to_x, to_y) in zip(route.points, route.points[1:], strict=False):
            for box in layout.boxes.values():
                beside = min(x, to_x) > box.x + box.width / 2 or max(x, to_x) < box.x - box.width / 2
                assert beside or to_y <= box.y - box.height / 2 or y >= box.y + box.height / 2


@unhurried
@given(dags(max_size=14))
def test_the_crossings_that_are_counted_are_those_that_are_seen(dag):
    layout = drawn(dag)
    assert layout.crossings == crossings_seen(layout)


@unhurried
@given(dags(max_size=14))
def test_rows_name_every_node_from_left_to_right(dag):
    layout = drawn(dag)
    assert sorted(name for row in layout.rows for name in row) == sorted(dag)
    for number, row in enumerate(layout.rows):
        boxes = [layout.boxes[name] for name in row]
        assert {box.row for box in boxes} == {number}
        assert [box.x for box in boxes] == sorted(box.x for box in boxes)


@unhurried
@given(dags(max_size=14))
def test_the_same_dag_is_drawn_the_same_way(dag):
    assert drawn(dag) == drawn(dict(dag))


@unhurried
@given(dags(max_size=14), st.randoms(use_true_random=False))
def test_other_names_in_another_order_cross_as_often(dag, rng):
    names = list(dag)
    called = dict(zip(names, rng.sample(names, len(names)), strict=True))
    rng.shuffle(names)
    renamed = {called[name]: tuple(called[need] for need in dag[name]) for name in names}
    assert drawn(renamed).crossings == drawn(dag).crossings


@settings(unhurried, derandomize=True, max_examples=200)
@given(dags(max_size=10))
def test_edges_cross_no_more_often_than_after_plain_sweeps(dag):
    assert drawn(dag).crossings <= plain_crossings(dag)


@pytest.mark.parametrize("dag", LARGE, ids=lambda dag: f"{len(dag)} nodes")
def test_edges_of_larger_dags_cross_less_often_than_after_plain_sweeps(dag):
    layout = drawn(dag)
    assert layout.crossings == crossings_seen(layout)
    assert layout.crossings <= 0.75 * plain_crossings(dag)


def test_a_tree_has_no_crossings_and_a_parent_is_over_the_middle_of_its_children():
    tree = {"r": (), **{f"m{i}": ("r",) for i in range(3)}, **{f"l{i}": (f"m{i % 3}",) for i in range(9)}}
    layout = drawn(tree)
    assert layout.crossings == 0
    for parent in ("r", "m0", "m1", "m2"):
        below = [layout.boxes[name].x for name, needs in tree.items() if needs == (parent,)]
        assert layout.boxes[parent].x == pytest.approx(sorted(below)[1], abs=1)


def test_a_long_edge_is_straight_where_nothing_is_in_its_way():
    chain = {"a": (), "b": ("a",), "c": ("b",), "d": ("c",), "e": ("d", "a")}
    (route,) = [route for route in drawn(chain).routes if (route.source, route.target) == ("a", "e")]
    assert len({x for x, _ in route.points[2:-2]}) == 1


def test_a_node_without_dependencies_stands_just_above_what_needs_it():
    layout = drawn({"a": (), "b": ("a",), "late": (), "c": ("b", "late")})
    assert layout.boxes["late"].row == layout.boxes["b"].row == 1


def test_alike_nodes_stand_in_the_order_of_the_file():
    fan = {
        "first": (),
        **{f"m{i}": ("first",) for i in (4, 1, 3, 0, 2)},
        "last": ("m0", "m1", "m2", "m3", "m4"),
    }
    assert drawn(fan).rows[1] == ("m4", "m1", "m3", "m0", "m2")


def test_parts_that_are_not_connected_stand_side_by_side_or_in_columns():
    assert drawn(dict.fromkeys("abcd", ())).rows == (("a", "b", "c", "d"),)
    many = drawn({str(number): () for number in range(48)})
    assert (len(many.rows), len(many.rows[0])) == (4, 12)


def chained(size, reach):
    """Each node depends on so many before it."""
    return {f"n{i}": [f"n{j}" for j in range(max(0, i - reach), i)] for i in range(size)}


def between_two(size):
    """One node, so many that depend on it, and one that depends on these."""
    middle = [f"m{i}" for i in range(size)]
    return {"first": [], **{name: ["first"] for name in middle}, "last": middle}


# Each takes minutes where only the best drawing will do.
HUGE = [
    chained(150, 20), chained(4_000, 1), between_two(6_000), ragged_dag(4_000, 1),
    {f"n{i}": [] for i in range(10_000)},
]  # fmt: skip


@pytest.mark.parametrize("dag", HUGE)
def test_what_is_very_large_is_drawn_plainly(dag):
    layout = drawn(dag)
    for route in layout.routes:
        assert layout.boxes[route.source].row < layout.boxes[route.target].row
        heights = [y for _, y in route.points]
        assert heights == sorted(heights)
    for row in layout.rows:
        for one, other in pairwise(layout.boxes[name] for name in row):
            assert other.x - one.x >= (one.width + other.width) / 2 + 20
    for box in layout.boxes.values():
        assert box.width / 2 < box.x < layout.width - box.width / 2
    assert sorted(name for row in layout.rows for name in row) == sorted(dag)


def test_few_edges_of_a_very_large_tree_cross():
    tree = {f"n{i}": [f"n{(i - 1) // 3}"] if i else [] for i in range(3_000)}
    assert drawn(tree).crossings == 0


def test_what_is_too_large_to_draw_is_refused():
    with pytest.raises(UsageFailed, match=r"too large to draw: its edges cross 109,190 rows in all, 60,000 "):
        drawn(chained(100, 60))


def test_an_empty_dag_has_an_empty_drawing():
    layout = lay_out({}, {})
    assert (layout.boxes, layout.routes, layout.rows) == ({}, (), ())
