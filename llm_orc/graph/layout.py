"""Where the boxes and edges of a DAG go: a layered drawing, from top to bottom.

The steps are those of Sugiyama, Tagawa, Toda (1981): rows, an order in each row, coordinates. Each is a
module of its own that names its source: `layers`, `crossings`, `alignment`; `canonical` comes before them
and `routes` after. Lengths are pixels; y grows downwards.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

from llm_orc.graph.alignment import centres
from llm_orc.graph.canonical import structural_order
from llm_orc.graph.crossings import crossings, fewest_crossings
from llm_orc.graph.layers import Layered, Order, layered, shortest_edges
from llm_orc.graph.routes import Point, chain_points, gap, ports

Size = tuple[float, float]
"""Width and height."""

_MARGIN = 24.0
_BESIDE = 28.0
"""Between two boxes."""
_PASSING = 18.0
"""Between an edge and what is beside it."""


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


def lay_out(depends_on: Mapping[str, Sequence[str]], size_of: Mapping[str, Size]) -> Layout:
    """Draw a DAG, given as `name -> names it depends on`, with boxes of these sizes.

    Edges are short in all, so a node without dependencies stands just above the first that needs it.
    Names and their order do not matter, except that nodes with the same neighbours stand as in the
    mapping, and that of two mirror images the one nearer to the mapping is taken.
    """
    network: nx.Graph[str] = nx.Graph()
    network.add_nodes_from(depends_on)
    network.add_edges_from((need, name) for name, needs in depends_on.items() for need in needs)
    parts, left = [], _MARGIN
    for connected in map(set, nx.connected_components(network)):
        part = _part({name: depends_on[name] for name in depends_on if name in connected}, size_of, left)
        left = _right(part) + 2 * _BESIDE
        parts.append(part)
    lines = _lines(parts)
    return Layout(
        boxes={name: box for part in parts for name, box in _boxes(part, lines)},
        routes=tuple(route for part in parts for route in _routes(part, lines)),
        rows=tuple(tuple(name for part in parts for name in _row(part, row)) for row in range(len(lines))),
        width=round(max((_right(part) for part in parts), default=_MARGIN) + _MARGIN, 1),
        height=round((lines[-1][1] if lines else _MARGIN) + _MARGIN, 1),
        crossings=sum(crossings(part.graph, part.order) for part in parts),
    )


def _part(depends_on: Mapping[str, Sequence[str]], size_of: Mapping[str, Size], left: float) -> _Part:
    index = {name: number for number, name in enumerate(depends_on)}
    up = [[index[need] for need in dict.fromkeys(needs)] for needs in depends_on.values()]
    # From here nodes are numbered by structure, so that their names and order change nothing.
    given = structural_order(up)
    number = {node: place for place, node in enumerate(given)}
    up = [sorted(number[need] for need in up[node]) for node in given]
    graph = layered(up, shortest_edges(up))
    order = _as_given(graph, fewest_crossings(graph, range(len(up))), given)
    names = [list(depends_on)[node] for node in given]
    sizes = [size_of[name] for name in names]
    widths = [width for width, _ in sizes] + [0.0] * (len(graph.depth) - len(names))

    def separation(one: int, other: int) -> float:
        between = _BESIDE if max(one, other) < graph.real else _PASSING
        return (widths[one] + widths[other]) / 2 + between

    x = centres(graph, order, separation)
    shift = left - min(at - width / 2 for at, width in zip(x, widths, strict=True))
    return _Part(names=names, sizes=sizes, graph=graph, order=order, x=[at + shift for at in x])


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


def _right(part: _Part) -> float:
    ends = [at + width / 2 for at, (width, _) in zip(part.x, part.sizes, strict=False)]
    return max(*ends, *part.x)


def _row(part: _Part, row: int) -> list[str]:
    layer = part.order[row] if row < len(part.order) else []
    return [part.names[node] for node in layer if node < part.graph.real]


def _lines(parts: Sequence[_Part]) -> list[tuple[float, float]]:
    """Top and bottom of every row: rows are further apart where edges between them are flat."""
    lines: list[tuple[float, float]] = []
    top = _MARGIN
    for row in range(max((len(part.order) for part in parts), default=0)):
        here = [(part, node) for part in parts if row < len(part.order) for node in part.order[row]]
        height = max((part.sizes[node][1] for part, node in here if node < part.graph.real), default=0.0)
        lines.append((top, top + height))
        top += height + gap(
            [part.x[other] - part.x[node] for part, node in here for other in part.graph.down[node]]
        )
    return lines


def _boxes(part: _Part, lines: Sequence[tuple[float, float]]) -> list[tuple[str, Box]]:
    boxes = []
    for node, (name, (width, height)) in enumerate(zip(part.names, part.sizes, strict=True)):
        row = part.graph.depth[node]
        y = sum(lines[row]) / 2
        boxes.append(
            (name, Box(x=round(part.x[node], 1), y=round(y, 1), width=width, height=height, row=row))
        )
    return boxes


def _routes(part: _Part, lines: Sequence[tuple[float, float]]) -> list[Route]:
    graph = part.graph
    below = {node: ports(part.x, node, graph.down[node], part.sizes[node][0]) for node in range(graph.real)}
    above = {node: ports(part.x, node, graph.up[node], part.sizes[node][0]) for node in range(graph.real)}
    routes = []
    for chain in graph.chains:
        source, target = chain[0], chain[-1]
        start = below[source][chain[1]], sum(lines[graph.depth[source]]) / 2 + part.sizes[source][1] / 2
        end = above[target][chain[-2]], sum(lines[graph.depth[target]]) / 2 - part.sizes[target][1] / 2
        passed = [(part.x[node], *lines[graph.depth[node]]) for node in chain[1:-1]]
        last = lines[graph.depth[source]][1], lines[graph.depth[target]][0]
        points = chain_points(start, passed, end, last)
        routes.append(Route(source=part.names[source], target=part.names[target], points=points))
    return routes
