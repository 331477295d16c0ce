"""What drawings are compared with: the textbook's four sweeps, and what can be seen in the lines drawn."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import combinations

from llm_orc.graph.crossings import crossings, swept
from llm_orc.graph.layers import layered, shortest_edges
from llm_orc.graph.layout import Layout, lay_out

Dag = Mapping[str, Sequence[str]]


def drawn(dag: Dag) -> Layout:
    """The layout with boxes of several widths."""
    return lay_out(dag, {name: (80.0 + 17 * (index % 5), 40.0) for index, name in enumerate(dag)})


def plain_crossings(dag: Dag) -> int:
    """The crossings after four barycentre sweeps over the same rows, from the order of the file."""
    index = {name: number for number, name in enumerate(dag)}
    up = [[index[need] for need in needs] for needs in dag.values()]
    graph = layered(up, shortest_edges(up))
    order: list[list[int]] = [[] for _ in range(max(graph.depth) + 1)]
    for node, depth in enumerate(graph.depth):
        order[depth].append(node)
    return crossings(graph, list(swept(graph, order, 4))[-1])


def crossings_seen(layout: Layout) -> int:
    """Pairs of lines that change sides between two heights."""
    between = defaultdict(list)
    for route in layout.routes:
        for (x, y), (to_x, to_y) in zip(route.points, route.points[1:], strict=False):
            between[y, to_y].append((x, to_x))
    return sum(
        (one[0] - other[0]) * (one[1] - other[1]) < 0
        for lines in between.values()
        for one, other in combinations(lines, 2)
    )


def uniform_dag(size: int, edges: int, seed: int) -> dict[str, tuple[str, ...]]:
    """A DAG whose edges are equally likely between any two nodes: the hardest to draw."""
    rng = random.Random(seed)
    pairs: set[tuple[int, int]] = set()
    while len(pairs) < edges:
        one, other = sorted(rng.sample(range(size), 2))
        pairs.add((one, other))
    return {
        f"n{node}": tuple(f"n{one}" for one, other in sorted(pairs) if other == node) for node in range(size)
    }
