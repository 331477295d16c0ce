"""Drawings of DAGs that are too large for the best one: each step is nearly linear in the segments.

Rows are by longest paths, the order in each by a few barycentre sweeps, coordinates by means of neighbours
that are kept apart.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from itertools import accumulate, chain, pairwise

import networkx as nx

from llm_orc.errors import UsageFailed
from llm_orc.graph.alignment import Separation
from llm_orc.graph.crossings import crossings, depth_first, swept
from llm_orc.graph.layers import Layered, Order

_NODES, _EDGES, _SEGMENTS, _BESIDE = 1_000, 4_000, 3_000, 200
"""Up to here the best drawing takes about a second."""

_DRAWN = 60_000
"""Segments that are drawn at all: nobody can read so many, and each takes memory."""

_WORK = 400_000
"""Segments that are sorted in all sweeps."""

_PASSES = 6


def is_huge(up: Sequence[Sequence[int]]) -> bool:
    """Whether not even the best rows can be found in time. `up` are each node's predecessors."""
    return len(up) > _NODES or sum(map(len, up)) > _EDGES


def has_many_segments(up: Sequence[Sequence[int]], depth: Sequence[int]) -> bool:
    """Whether its edges, cut at each row, or its nodes in a row are too many for the best drawing.

    Raises `UsageFailed` where they are too many for any.
    """
    count = sum(depth[node] - depth[one] for node, sources in enumerate(up) for one in sources)
    if count > _DRAWN:
        raise UsageFailed(
            f"the graph is too large to draw: its edges cross {count:,} rows in all, {_DRAWN:,} at most",
            hint="the formats text, mermaid and dot need no drawing of ours",
        )
    widest = max(Counter(depth).values())
    return count > _SEGMENTS or widest > _BESIDE or is_huge(up)


def highest_rows(up: Sequence[Sequence[int]]) -> list[int]:
    """The row of every node: as high as it can be, but what has more edges below than above it as low."""
    network: nx.DiGraph[int] = nx.DiGraph()
    network.add_nodes_from(range(len(up)))
    network.add_edges_from((one, node) for node, sources in enumerate(up) for one in sources)
    layers = list(nx.topological_generations(network))
    depth = [0] * len(up)
    for row, layer in enumerate(layers):
        for node in layer:
            depth[node] = row
    for node in chain.from_iterable(reversed(layers)):
        below = network.adj[node]
        if len(below) > len(up[node]):
            depth[node] = min(depth[other] for other in below) - 1
    return depth


def few_crossings(graph: Layered) -> Order:
    """An order with fewer crossings than that of a depth-first walk, as far as the work allows."""
    count = sum(len(others) for others in graph.down)
    sweeps = min(8, _WORK // max(count, 1))
    orders = swept(graph, depth_first(graph, range(graph.real)), sweeps)
    return min(orders, key=lambda order: crossings(graph, order))


def near_centres(graph: Layered, order: Order, separation: Separation) -> list[float]:
    """The centre of every node: in each row as near to the mean of its neighbours as the others let it."""
    x = [0.0] * len(graph.depth)
    apart = [
        list(accumulate((separation(*pair) for pair in pairwise(layer)), initial=0.0)) for layer in order
    ]
    for layer, offsets in zip(order, apart, strict=True):
        for node, offset in zip(layer, offsets, strict=True):
            x[node] = offset - offsets[-1] / 2
    for turn in range(_PASSES):
        near = graph.up if turn % 2 == 0 else graph.down
        steps = range(len(order)) if turn % 2 == 0 else range(len(order) - 1, -1, -1)
        for step in steps:
            layer = order[step]
            wishes = [sum(x[one] for one in near[n]) / len(near[n]) if near[n] else x[n] for n in layer]
            for node, at in zip(layer, _kept_apart(wishes, apart[step]), strict=True):
                x[node] = at
    return x


def _kept_apart(wishes: Sequence[float], offsets: Sequence[float]) -> list[float]:
    """The places nearest to the wishes, by squares, that are at least as far from each other as `offsets`
    are: isotonic regression, by pooling adjacent violators."""
    pools: list[tuple[float, int]] = []
    for wish, offset in zip(wishes, offsets, strict=True):
        mean, count = wish - offset, 1
        while pools and pools[-1][0] > mean:
            other, its = pools.pop()
            mean, count = (mean * count + other * its) / (count + its), count + its
        pools.append((mean, count))
    flat = chain.from_iterable([mean] * count for mean, count in pools)
    return [mean + offset for mean, offset in zip(flat, offsets, strict=True)]
