"""Give the nodes of ordered layers their horizontal coordinates: short edges, and long ones straight.

Brandes, Köpf, "Fast and simple horizontal coordinate assignment", Graph Drawing 2001. The blocks are
compacted over the graph of their neighbourhoods, as nodes have widths of their own.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from itertools import pairwise

from llm_orc.graph.layers import Layered, Order

Separation = Callable[[int, int], float]
"""The least distance between the centres of two neighbours in a layer, left and right."""


def centres(graph: Layered, order: Order, separation: Separation) -> list[float]:
    """The horizontal centre of every node; the smallest is anything."""
    place = [0] * len(graph.depth)
    for layer in order:
        for index, node in enumerate(layer):
            place[node] = index
    blocked = _blocked(graph, order, place)
    found = []
    for near, downward in ((graph.up, True), (graph.down, False)):
        for rightmost in (False, True):
            layers = order if downward else order[::-1]
            if rightmost:
                layers = [layer[::-1] for layer in layers]
            root = _blocks(layers, near, blocked, [-at for at in place] if rightmost else place)
            apart = (lambda one, other: separation(other, one)) if rightmost else separation
            x = _compacted(layers, root, apart)
            found.append([-at for at in x] if rightmost else x)
    return _balanced(found)


def _blocked(graph: Layered, order: Order, place: Sequence[int]) -> set[tuple[int, int]]:
    """Segments that cross a segment between two dummies: they give way, so that long edges stay straight."""
    blocked = set()
    for layer in order:
        inner = [
            (place[node], place[other])
            for node in layer
            if node >= graph.real
            for other in graph.down[node]
            if other >= graph.real
        ]
        for node in layer:
            for other in graph.down[node]:
                if node >= graph.real and other >= graph.real:
                    continue
                left, right = place[node], place[other]
                if any((one - left) * (end - right) < 0 for one, end in inner):
                    blocked.add((node, other))
    return blocked


def _blocks(
    layers: Order, near: Sequence[Sequence[int]], blocked: set[tuple[int, int]], place: Sequence[int]
) -> list[int]:
    """Align nodes with a median neighbour of the layer before; every node's block by its first node."""
    root = list(range(len(place)))
    for layer in layers[1:]:
        last = float("-inf")
        for node in layer:
            ends = sorted(near[node], key=place.__getitem__)
            for median in ends[(len(ends) - 1) // 2 : len(ends) // 2 + 1]:
                free = (median, node) not in blocked and (node, median) not in blocked
                if free and place[median] > last:
                    root[node], last = root[median], place[median]
                    break
    return root


def _compacted(layers: Order, root: Sequence[int], separation: Separation) -> list[float]:
    """Blocks as far left as they can be, then drawn towards what is right of them."""
    left: dict[int, dict[int, float]] = {node: {} for node in root}
    right: dict[int, dict[int, float]] = {node: {} for node in root}
    for layer in layers:
        for one, other in pairwise(layer):
            a, b = root[one], root[other]
            left[b][a] = right[a][b] = max(right[a].get(b, 0.0), separation(one, other))
    x: dict[int, float] = {}
    order = []
    waiting = {block: len(before) for block, before in left.items()}
    ready = deque(block for block, count in waiting.items() if count == 0)
    while ready:
        block = ready.popleft()
        order.append(block)
        x[block] = max((x[one] + apart for one, apart in left[block].items()), default=0.0)
        for other in right[block]:
            waiting[other] -= 1
            if waiting[other] == 0:
                ready.append(other)
    for block in reversed(order):
        if right[block]:
            x[block] = max(x[block], min(x[other] - apart for other, apart in right[block].items()))
    return [x[block] for block in root]


def _balanced(found: Sequence[list[float]]) -> list[float]:
    """The mean of the two middle ones of four coordinates, once they are aligned to the narrowest."""
    widths = [max(x, default=0.0) - min(x, default=0.0) for x in found]
    narrow = found[widths.index(min(widths))]
    shifted = []
    for index, x in enumerate(found):
        end = max if index % 2 else min
        by = end(narrow, default=0.0) - end(x, default=0.0)
        shifted.append([at + by for at in x])
    return [sum(sorted(four)[1:3]) / 2 for four in zip(*shifted, strict=True)]
