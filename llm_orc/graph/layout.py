"""Where the boxes and edges of a DAG go: a layered drawing, from top to bottom.

The steps are those of Sugiyama, Tagawa, Toda (1981): rows, an order in each row, coordinates. Each is a
module of its own that names its source: `layers`, `crossings`, `alignment`; `canonical` comes before them
and `routes` after. Lengths are pixels; y grows downwards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from llm_orc.graph.alignment import centres
from llm_orc.graph.canonical import structural_order
from llm_orc.graph.crossings import crossings, fewest_crossings
from llm_orc.graph.large import (
    few_crossings,
    has_many_segments,
    highest_rows,
    is_huge,
    near_centres,
)
from llm_orc.graph.layers import Layered, Order, layered, shortest_edges
from llm_orc.graph.routes import Point, ports, straightened

Size = tuple[float, float]
"""Width and height."""

_MARGIN = 24.0
_BESIDE = 28.0
"""Between two boxes."""
_PASSING = 16.0
"""Between an edge and what is beside it."""
_APART = 56.0
"""Between parts of the DAG that have nothing to do with each other."""
_COLUMNS = 12
"""Of parts, where they are many."""
_ROWS_APART = 46.0, 180.0
_FLATTEST = 0.12
"""Rows are apart by at least this part of what an edge between them goes sideways."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Box:
    """A node: the middle of its box, its size, and its row, counted from 0 at the top."""

    x: float
    y: float
    width: float
    height: float
    row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """An edge as a polyline, from the bottom of its source to the top of its target; y only grows.

    Passing a row it is vertical, so that only the lines between rows need to be drawn as curves.
    """

    source: str
    target: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """A drawing. `rows` are the nodes from left to right; `crossings` counts pairs of edges that cross."""

    boxes: Mapping[str, Box]
    routes: tuple[Route, ...]
    rows: tuple[tuple[str, ...], ...]
    width: float
    height: float
    crossings: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Part:
    """A connected part of the DAG. The nodes of `graph` that are not dummies are indices into `names`."""

    names: Sequence[str]
    sizes: Sequence[Size]
    graph: Layered
    order: Order
    x: Sequence[float]
    width: float


@dataclass(frozen=True, slots=True, kw_only=True)
class _Place:
    """Where a part stands: how far to the right, and in which row it begins."""

    part: _Part
    left: float
    row: int


def lay_out(
    depends_on: Mapping[str, Sequence[str]], size_of: Mapping[str, Size], *, patience: float = 1.0
) -> Layout:
    """Draw a DAG, given as `name -> names it depends on`, with boxes of these sizes.

    Edges are short in all, so a node without dependencies stands just above the first that needs it; where
    the DAG is very large, at the top. Names and their order do not matter, except that nodes with the same
    neighbours stand as in the mapping, and that of two mirror images the one nearer to the mapping is taken.
    With less `patience` it is there sooner and has more crossings, with none its coordinates are near the
    best ones only. Raises `UsageFailed` for what is too large to be drawn.
    """
    network: nx.Graph[str] = nx.Graph()
    network.add_nodes_from(depends_on)
    network.add_edges_from((need, name) for name, needs in depends_on.items() for need in needs)
    connected: list[dict[str, Sequence[str]]] = []
    part_of: dict[str, dict[str, Sequence[str]]] = {}
    for names in nx.connected_components(network):
        connected.append({})
        part_of.update(dict.fromkeys(names, connected[-1]))
    for name, needs in depends_on.items():
        part_of[name][name] = needs
    parts = [_part(part, size_of, patience) for part in connected]
    places = _packed(parts)
    lines = _lines(places)
    boxes = {name: box for place in places for name, box in _boxes(place, lines)}
    return Layout(
        boxes={name: boxes[name] for name in depends_on},
        routes=tuple(route for place in places for route in _routes(place, lines)),
        rows=_rows(places, len(lines)),
        width=round(max((place.left + place.part.width for place in places), default=_MARGIN) + _MARGIN, 1),
        height=round((lines[-1][1] if lines else _MARGIN) + _MARGIN, 1),
        crossings=sum(crossings(part.graph, part.order) for part in parts),
    )


def _packed(parts: Sequence[_Part]) -> list[_Place]:
    """Parts in columns, the ones with most rows first; a column is as high as the highest of them."""
    rows = [len(part.order) for part in parts]
    limit = max(*rows, math.ceil(sum(rows) / _COLUMNS), 0)
    places: list[_Place] = []
    left, right, row = _MARGIN, _MARGIN - _APART, 0
    for part in sorted(parts, key=lambda part: -len(part.order)):
        if row + len(part.order) > limit or not places:
            left, row = right + _APART, 0
        places.append(_Place(part=part, left=left, row=row))
        right, row = max(right, left + part.width), row + len(part.order)
    return places


def _part(depends_on: Mapping[str, Sequence[str]], size_of: Mapping[str, Size], patience: float) -> _Part:
    if len(depends_on) == 1:
        (name,) = depends_on
        return _alone(name, size_of[name])
    index = {name: number for number, name in enumerate(depends_on)}
    up = [[index[need] for need in dict.fromkeys(needs)] for needs in depends_on.values()]
    if is_huge(up):
        given = list(range(len(up)))
        rows = highest_rows(up)
    else:
        # From here nodes are numbered by structure, so that their names and order change nothing.
        given = structural_order(up)
        number = {node: place for place, node in enumerate(given)}
        up = [sorted(number[need] for need in up[node]) for node in given]
        rows = shortest_edges(up)
    is_large = has_many_segments(up, rows)
    graph = layered(up, rows)
    best = few_crossings(graph) if is_large else fewest_crossings(graph, range(len(up)), patience)
    order = _as_given(graph, best, given)
    every = list(depends_on)
    names = [every[node] for node in given]
    sizes = [size_of[name] for name in names]
    widths = [width for width, _ in sizes] + [0.0] * (len(graph.depth) - len(names))

    def separation(one: int, other: int) -> float:
        between = _BESIDE if max(one, other) < graph.real else _PASSING
        return (widths[one] + widths[other]) / 2 + between

    place = near_centres if is_large or not patience else centres
    x = place(graph, order, separation)
    left = min(at - width / 2 for at, width in zip(x, widths, strict=True))
    right = max(at + width / 2 for at, width in zip(x, widths, strict=True))
    return _Part(
        names=names, sizes=sizes, graph=graph, order=order, x=[at - left for at in x], width=right - left
    )  # fmt: skip


def _alone(name: str, size: Size) -> _Part:
    """A node that has nothing to do with others: of these there may be thousands."""
    graph = Layered(real=1, depth=[0], up=[[]], down=[[]], chains=[])
    return _Part(names=[name], sizes=[size], graph=graph, order=[[0]], x=[size[0] / 2], width=size[0])


def _as_given(graph: Layered, order: Order, given: Sequence[int]) -> Order:
    """The mirror image that is nearer to the order given, with twins in that order."""
    rising = 0
    for layer in order:
        own = [given[node] for node in layer if node < graph.real]
        rising += sum(1 if one < other else -1 for one, other in pairwise(own))
    order = [layer[::-1] for layer in order] if rising < 0 else order
    for layer in order:
        twins: dict[tuple[tuple[int, ...], tuple[int, ...]], list[int]] = {}
        for place, node in enumerate(layer):
            if node < graph.real:
                key = tuple(sorted(graph.up[node])), tuple(sorted(graph.down[node]))
                twins.setdefault(key, []).append(place)
        for places in twins.values():
            nodes = sorted((layer[place] for place in places), key=given.__getitem__)
            for place, node in zip(places, nodes, strict=True):
                layer[place] = node
    return order


def _rows(places: Sequence[_Place], count: int) -> tuple[tuple[str, ...], ...]:
    """The nodes of each row, from left to right."""
    rows: list[list[str]] = [[] for _ in range(count)]
    for place in places:
        part = place.part
        for row, layer in enumerate(part.order, place.row):
            rows[row] += [part.names[node] for node in layer if node < part.graph.real]
    return tuple(map(tuple, rows))


def _lines(places: Sequence[_Place]) -> list[tuple[float, float]]:
    """Top and bottom of every row: rows are further apart where edges between them are flat."""
    rows = max((place.row + len(place.part.order) for place in places), default=0)
    heights, sideways = [0.0] * rows, [0.0] * rows
    for place in places:
        part = place.part
        for node, depth in enumerate(part.graph.depth):
            row = place.row + depth
            if node < part.graph.real:
                heights[row] = max(heights[row], part.sizes[node][1])
            furthest = max((abs(part.x[end] - part.x[node]) for end in part.graph.down[node]), default=0.0)
            sideways[row] = max(sideways[row], furthest)
    lines: list[tuple[float, float]] = []
    top = _MARGIN
    for height, furthest in zip(heights, sideways, strict=True):
        lines.append((top, top + height))
        top += height + round(min(max(_ROWS_APART[0], _FLATTEST * furthest), _ROWS_APART[1]))
    return lines


def _boxes(place: _Place, lines: Sequence[tuple[float, float]]) -> list[tuple[str, Box]]:
    part = place.part
    boxes = []
    for node, (name, (width, height)) in enumerate(zip(part.names, part.sizes, strict=True)):
        row = place.row + part.graph.depth[node]
        x, y = round(place.left + part.x[node], 1), round(sum(lines[row]) / 2, 1)
        boxes.append((name, Box(x=x, y=y, width=width, height=height, row=row)))
    return boxes


def _routes(place: _Place, lines: Sequence[tuple[float, float]]) -> list[Route]:
    part = place.part
    graph, x = part.graph, [place.left + at for at in part.x]
    line = [lines[place.row + depth] for depth in graph.depth]
    middle = [sum(ends) / 2 for ends in line]
    below = [ports(x, node, graph.down[node], part.sizes[node][0], graph.real) for node in range(graph.real)]
    above = [ports(x, node, graph.up[node], part.sizes[node][0], graph.real) for node in range(graph.real)]
    routes = []
    for chain in graph.chains:
        source, target = chain[0], chain[-1]
        passed = [x[node] for node in chain[1:-1]]
        out, into = straightened(below[source][chain[1]], passed, above[target][chain[-2]])
        points = [(out, middle[source] + part.sizes[source][1] / 2), (out, line[source][1])]
        for node in chain[1:-1]:
            points += [(x[node], line[node][0]), (x[node], line[node][1])]
        points += [(into, line[target][0]), (into, middle[target] - part.sizes[target][1] / 2)]
        rounded = dict.fromkeys((round(at, 1), round(y, 1)) for at, y in points)
        routes.append(Route(source=part.names[source], target=part.names[target], points=tuple(rounded)))
    return routes
