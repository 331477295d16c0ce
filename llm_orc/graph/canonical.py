"""Number the nodes of a DAG by their place in its structure: what they are called does not matter.

Colour refinement, then singling out one node of a colour after another, as in McKay, "Practical graph
isomorphism", Congressus Numerantium 30 (1981), without the search: where two nodes look alike to the
refinement but are not, the order in which they are given decides.
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence

Neighbours = Sequence[Sequence[int]]


def structural_order(up: Neighbours) -> list[int]:
    """The nodes `0 .. n-1` in an order that follows from the edges; equal ones keep theirs.

    `up` are each node's predecessors.
    """
    down: list[list[int]] = [[] for _ in up]
    for node, sources in enumerate(up):
        for source in sources:
            down[source].append(node)
    cells = _Cells(up, down)
    cells.refine(range(len(up)))
    start = 0
    while start < len(up):
        cell = cells.members[start]
        if len(cell) == 1:
            start += 1
        else:
            cells.refine([cells.single_out(start)])
    return sorted(range(len(up)), key=cells.colour.__getitem__)


class _Cells:
    """An ordered partition; a cell's colour is the number of nodes in the cells before it."""

    def __init__(self, up: Neighbours, down: Neighbours) -> None:
        self._up, self._down = up, down
        self.colour = [0] * len(up)
        self.members: dict[int, list[int]] = {0: list(range(len(up)))}

    def single_out(self, start: int) -> int:
        """Make the last node of a cell a cell of its own."""
        cell = self.members[start]
        last = cell.pop()
        self.colour[last] = start + len(cell)
        self.members[self.colour[last]] = [last]
        return last

    def refine(self, changed: Sequence[int]) -> None:
        """Split cells until nodes of one colour have neighbours of the same colours."""
        while changed:
            near = {self.colour[w] for v in changed for w in (v, *self._up[v], *self._down[v])}
            changed = [v for start in sorted(near) for v in self._split(start)]

    def _split(self, start: int) -> list[int]:
        """Split one cell by its members' neighbours; the nodes that have a new colour."""
        groups: dict[Hashable, list[int]] = {}
        if len(self.members[start]) == 1:
            return []
        for node in self.members[start]:
            groups.setdefault(self._surroundings(node), []).append(node)
        changed: list[int] = []
        place = start
        for surroundings in sorted(groups):  # type: ignore[type-var]
            self.members[place] = groups[surroundings]
            if place != start:
                changed += groups[surroundings]
            for node in groups[surroundings]:
                self.colour[node] = place
            place += len(groups[surroundings])
        return changed

    def _surroundings(self, node: int) -> Hashable:
        colour = self.colour
        return (
            tuple(sorted(colour[other] for other in self._up[node])),
            tuple(sorted(colour[other] for other in self._down[node])),
        )
