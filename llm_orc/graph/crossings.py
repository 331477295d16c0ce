"""Order the nodes of each layer so that few edges cross.

Sweeps that sort a layer by the barycentres of its neighbours: Sugiyama, Tagawa, Toda, "Methods for visual
understanding of hierarchical system structures", IEEE Transactions on Systems, Man and Cybernetics 11
(1981). Then every node is moved to the best place of its layer, which includes the exchange of neighbours
(Gansner, Koutsofios, North, Vo 1993, section 3): Matuszewski, Schönfeld, Molitor, "Using sifting for k-layer
straightline crossing minimization", Graph Drawing 1999. Then a few layers at a time are shaken and sifted
again, and kept if that was better.
"""

from __future__ import annotations

import random
from bisect import bisect_right, insort
from collections.abc import Iterable, Iterator, Sequence

from llm_orc.graph.layers import Layered, Order

_SWEEPS = 24
_STEPS = 3_000_000
"""Ends of segments passed while sifting, after which nothing is shaken any more: about half a second."""
_SHAKES = 300
_HOPELESS = -25
"""How many crossings a node may cost on its way before the search for a better place is given up."""


def crossings(graph: Layered, order: Order) -> int:
    """How many pairs of segments cross."""
    place = _places(graph, order)
    return sum(_crossings_below(graph, layer, place) for layer in order)


def swept(graph: Layered, order: Order, sweeps: int) -> Iterator[Order]:
    """The order given, and what it is after each of `sweeps` by barycentres, down and up in turn."""
    order = [list(layer) for layer in order]
    place = _places(graph, order)
    for sweep in range(sweeps):
        yield [list(layer) for layer in order]
        _sweep(graph, order, place, downward=sweep % 2 == 0, flip=sweep % 4 > 1)
    yield order


def fewest_crossings(graph: Layered, first: Sequence[int], patience: float = 1.0) -> Order:
    """An order with few crossings. `first` has the DAG's own nodes in the order to start from.

    The same graph gives the same order: work is bounded by steps, not by time. `patience` is the share of the
    usual steps: with none, what a sift finds is not shaken.
    """
    start = depth_first(graph, first)
    best = min(swept(graph, start, _SWEEPS), key=lambda order: crossings(graph, order))
    sifted = _Sifted(graph, best)
    sifted.settle(range(len(start)))
    chance = random.Random(len(graph.depth))
    for _ in range(_SHAKES):
        if sifted.count == 0 or sifted.steps >= _STEPS * patience:
            break
        sifted.shake(chance)
    return sifted.order


_Ends = Iterable[tuple[list[int], list[int]]]
"""The places of the neighbours above and below, of each of several nodes."""


class _Sifted:
    """An order in which no node has a better place in its layer, as long as the others stay."""

    def __init__(self, graph: Layered, order: Order) -> None:
        self._graph, self.order = graph, order
        self._place = _places(graph, order)
        self._between = [_crossings_below(graph, layer, self._place) for layer in order]
        self._long = [chain[1:-1] for chain in graph.chains if len(chain) > 2]
        self.steps = 0

    @property
    def count(self) -> int:
        """The crossings."""
        return sum(self._between)

    def shake(self, chance: random.Random) -> None:
        """Disturb a few layers and settle again; go back if that made it worse."""
        before, between = [list(layer) for layer in self.order], list(self._between)
        long = chance.random() < 0.5 and self._long
        window = self._carry(long, chance) if long else self._mix(chance)
        for step in window:
            self._number(step)
        self.settle({*window, window.start - 1, window.stop} & set(range(len(self.order))))
        if self.count > sum(between):
            self.order, self._between = before, between
            self._place = _places(self._graph, before)

    def _mix(self, chance: random.Random) -> range:
        """Move the nodes of up to six layers at random, by a share of the layer."""
        top = int(chance.random() * len(self.order))
        window = range(top, min(len(self.order), top + 1 + int(chance.random() * 6)))
        share = 0.1 + 0.9 * chance.random() ** 2
        for step in window:
            layer = self.order[step]
            reach = 1 + share * len(layer)
            key = {node: index + reach * chance.random() for index, node in enumerate(layer)}
            layer.sort(key=key.__getitem__)
        return window

    def _carry(self, long: Sequence[Sequence[int]], chance: random.Random) -> range:
        """Move a long edge as a whole, to the left or right of what it passes."""
        dummies = long[int(chance.random() * len(long))]
        share = chance.random()
        for node in dummies:
            layer = self.order[self._graph.depth[node]]
            layer.remove(node)
            layer.insert(round(share * len(layer)), node)
        return range(self._graph.depth[dummies[0]], self._graph.depth[dummies[-1]] + 1)

    def settle(self, layers: Iterable[int]) -> None:
        """Sift layers, and those next to a layer that changed, until nothing moves."""
        pending = set(layers)
        touched = set(pending)
        while pending:
            changed = {step for step in sorted(pending) if self._sift(step)}
            pending = {near for step in changed for near in (step - 1, step, step + 1)}
            pending &= set(range(len(self.order)))
            touched |= pending
        for step in {near for one in touched for near in (one - 1, one) if near >= 0}:
            self._between[step] = _crossings_below(self._graph, self.order[step], self._place)

    def _number(self, step: int) -> None:
        for index, node in enumerate(self.order[step]):
            self._place[node] = index

    def _sift(self, step: int) -> bool:
        """Move every node of a layer to the place where it crosses least; whether one moved."""
        layer, place = self.order[step], self._place
        ends = {
            node: (
                [place[one] for one in self._graph.up[node]],
                [place[one] for one in self._graph.down[node]],
            )
            for node in layer
        }
        above = len(self.order[step - 1]) if step else 0
        below = len(self.order[step + 1]) if step + 1 < len(self.order) else 0
        moved, before = False, self.steps
        for node in list(layer):
            index = layer.index(node)
            sides = _sides(ends[node][0], above), _sides(ends[node][1], below)
            left = self._way(map(ends.__getitem__, layer[:index][::-1]), sides, 1)
            right = self._way(map(ends.__getitem__, layer[index + 1 :]), sides, -1)
            by = -left[1] if left[0] >= right[0] else right[1]
            if by:
                layer.insert(index + by, layer.pop(index))
                moved = True
        self._number(step)
        self.steps += (self.steps - before) * sum(len(a) + len(b) for a, b in ends.values()) // len(layer)
        return moved

    def _way(self, passed: _Ends, sides: tuple[list[int], list[int]], sign: int) -> tuple[int, int]:
        """The most crossings that a node saves by passing others one by one, and how many it passes."""
        over, under = sides
        saved = best = at = count = 0
        for count, (up, down) in enumerate(passed, 1):
            gain = 0
            for end in up:
                gain += over[end]
            for end in down:
                gain += under[end]
            saved += sign * gain
            if saved > best:
                best, at = saved, count
            elif saved < _HOPELESS:
                break
        self.steps += count
        return best, at


def _sides(ends: Sequence[int], width: int) -> list[int]:
    """For every place of the next layer, how many of `ends` are left of it, less those right of it."""
    sides: list[int] = []
    for left, end in enumerate(sorted(ends)):
        sides += [2 * left - len(ends)] * (end - len(sides))
        sides.append(2 * left - len(ends) + 1)
    return sides + [len(ends)] * (width - len(sides))


def _places(graph: Layered, order: Order) -> list[int]:
    place = [0] * len(graph.depth)
    for layer in order:
        for index, node in enumerate(layer):
            place[node] = index
    return place


def _crossings_below(graph: Layered, layer: Sequence[int], place: Sequence[int]) -> int:
    """Crossings between a layer and the next: the inversions of the targets' places."""
    seen: list[int] = []
    count = 0
    for node in layer:
        targets = [place[other] for other in graph.down[node]]
        for target in targets:
            count += len(seen) - bisect_right(seen, target)
        for target in targets:
            insort(seen, target)
    return count


def _sweep(graph: Layered, order: Order, place: list[int], *, downward: bool, flip: bool) -> None:
    """Sort layer after layer by barycentres. `flip` reverses nodes with the same barycentre."""
    neighbours = graph.up if downward else graph.down
    steps = range(1, len(order)) if downward else range(len(order) - 2, -1, -1)
    for step in steps:
        layer = order[step]
        scale = len(order[step - 1 if downward else step + 1]) / len(layer)
        weight = {
            node: sum([place[other] for other in near]) / len(near)
            if (near := neighbours[node])
            else place[node] * scale
            for node in layer
        }
        if flip:
            layer.reverse()
        layer.sort(key=weight.__getitem__)
        for index, node in enumerate(layer):
            place[node] = index


def depth_first(graph: Layered, first: Sequence[int]) -> Order:
    """Nodes as a depth-first walk meets them: a tree is drawn without crossings."""
    order: Order = [[] for _ in range(max(graph.depth, default=-1) + 1)]
    met = [False] * len(graph.depth)
    for source in first:
        stack = [source]
        while stack:
            node = stack.pop()
            if not met[node]:
                met[node] = True
                order[graph.depth[node]].append(node)
                stack += reversed(graph.down[node])
    return order
