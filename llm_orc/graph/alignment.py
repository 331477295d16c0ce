"""Give the nodes of ordered layers their horizontal coordinates: short edges, and long ones straight.

Gansner, Koutsofios, North, Vo, "A technique for drawing directed graphs", IEEE Transactions on Software
Engineering 19 (1993), section 4: the least sum of what segments go sideways, weighted. It is solved by its
dual, a flow of least cost, in which a segment is an arc in both directions with its weight as capacity, and
the distance to keep between two neighbours is the gain of an arc from the left one to the right one.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import pairwise

import networkx as nx

from llm_orc.graph.layers import Layered, Order

Separation = Callable[[int, int], float]
"""The least distance between the centres of two neighbours in a layer, left and right."""

_Bound = tuple[int, int, int]
"""Of two nodes the second is at least this far to the right of the first; a negative number is leeway."""

_DEEPEST = 64


def centres(graph: Layered, order: Order, separation: Separation) -> list[float]:
    """The horizontal centre of every node of a connected graph; the smallest is anything."""
    apart = {pair: math.ceil(separation(*pair)) for layer in order for pair in pairwise(layer)}
    weight = {
        (one, other): _weight(graph, one, other) for one, others in enumerate(graph.down) for other in others
    }
    bounds = list(_bounds(len(graph.depth), apart, weight))
    # Both ends of what is optimal are optimal, and so is the middle, in which parents stand over children.
    left = _furthest(len(graph.depth), bounds)
    right = _furthest(len(graph.depth), [(other, one, least) for one, other, least in bounds])
    return [(one - other) / 2 for one, other in zip(left, right, strict=True)]


def _weight(graph: Layered, one: int, other: int) -> int:
    """How much a segment insists on being straight.

    Most of all inside a long edge; then, so that what stands alone is in line, where a node has one
    dependency only, or one dependent; then further down, so that a node stands over the middle of its
    dependents rather than under its dependencies.
    """
    if one >= graph.real and other >= graph.real:
        return 32 * _DEEPEST
    lonely = 4 + 2 * (len(graph.up[other]) == 1) + (len(graph.down[one]) == 1)
    return lonely * _DEEPEST + min(graph.depth[one], _DEEPEST - 1)


def _bounds(
    nodes: int, apart: dict[tuple[int, int], int], weight: dict[tuple[int, int], int]
) -> Iterable[_Bound]:
    """What holds for all the best coordinates, and for no others (complementary slackness)."""
    network: nx.DiGraph[int] = nx.DiGraph()
    network.add_nodes_from(range(nodes))
    network.add_edges_from((one, other, {"weight": -least}) for (one, other), least in apart.items())
    for (one, other), capacity in weight.items():
        network.add_edge(one, other, weight=0, capacity=capacity)
        network.add_edge(other, one, weight=0, capacity=capacity)
    flow = nx.network_simplex(network)[1]
    for (one, other), least in apart.items():
        yield one, other, least
        if flow[one][other]:
            yield other, one, -least
    for (one, other), capacity in weight.items():
        for here, there in ((one, other), (other, one)):
            if flow[here][there] < capacity:
                yield here, there, 0
            if flow[here][there] > 0:
                yield there, here, 0


def _furthest(nodes: int, bounds: Sequence[_Bound]) -> list[int]:
    """The longest paths from node 0: how far to the right of it each node must be at least."""
    onward: list[list[tuple[int, int]]] = [[] for _ in range(nodes)]
    for one, other, least in bounds:
        onward[one].append((other, least))
    far = [-(10**9)] * nodes
    far[0] = 0
    queue, waiting = deque([0]), [False] * nodes
    while queue:
        node = queue.popleft()
        waiting[node] = False
        for other, least in onward[node]:
            if far[node] + least > far[other]:
                far[other] = far[node] + least
                if not waiting[other]:
                    waiting[other] = True
                    queue.append(other)
    return far
