"""A DAG in layers, with a dummy node in every layer that a long edge passes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import networkx as nx

Order = list[list[int]]
"""The nodes of each layer from left to right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layered:
    """A proper layered graph: every segment leads from a layer to the next.

    Nodes below `real` are the DAG's own; the others are dummies. `chains` has the nodes of every edge,
    from its source over its dummies to its target.
    """

    real: int
    depth: Sequence[int]
    up: Sequence[Sequence[int]]
    down: Sequence[Sequence[int]]
    chains: Sequence[Sequence[int]]


def shortest_edges(up: Sequence[Sequence[int]]) -> list[int]:
    """A layer for every node, so that all edges together are as short as they can be.

    The problem is that of Gansner, Koutsofios, North, Vo, "A technique for drawing directed graphs", IEEE
    Transactions on Software Engineering 19 (1993), section 2. Its dual is a flow of least cost: an edge
    that carries flow has length 1 in every solution, and of those solutions this is the highest one.
    """
    down = [0] * len(up)
    for sources in up:
        for source in sources:
            down[source] += 1
    network: nx.DiGraph[int] = nx.DiGraph()
    network.add_nodes_from((node, {"demand": len(up[node]) - down[node]}) for node in range(len(up)))
    network.add_edges_from((one, node, {"weight": -1}) for node in range(len(up)) for one in up[node])
    order = list(nx.topological_sort(network))
    flow = nx.network_simplex(network)[1]
    depth, before = [0] * len(up), None
    while depth != before:
        before = list(depth)
        for node in order:
            depth[node] = max(depth[node], 1 + max((depth[one] for one in up[node]), default=-1))
        for node in reversed(order):
            for one in up[node]:
                if flow[one][node]:
                    depth[one] = max(depth[one], depth[node] - 1)
    return depth


def layered(up: Sequence[Sequence[int]], depth: Sequence[int]) -> Layered:
    """Cut every edge at the layers that it passes. `up` are each node's predecessors."""
    depths = list(depth)
    chains = []
    for target, sources in enumerate(up):
        for source in sources:
            first = len(depths)
            depths += range(depth[source] + 1, depth[target])
            chains.append((source, *range(first, len(depths)), target))
    above: list[list[int]] = [[] for _ in depths]
    below: list[list[int]] = [[] for _ in depths]
    for chain in chains:
        for one, other in pairwise(chain):
            below[one].append(other)
            above[other].append(one)
    return Layered(real=len(up), depth=depths, up=above, down=below, chains=chains)
