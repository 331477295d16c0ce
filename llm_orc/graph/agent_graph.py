"""The DAG of an ensemble: who is ready, who comes next, how deep it is, what takes longest."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence

import networkx as nx


class AgentGraph:
    """Agents and their dependencies, given as `name -> names it depends on`.

    The mapping's order is the order of the file, and every answer keeps it. Raises `ValueError` for
    a cycle or an unknown name: the loader reports those with their positions before a graph is made.
    """

    def __init__(self, depends_on: Mapping[str, Sequence[str]]) -> None:
        unknown = {need for needs in depends_on.values() for need in needs} - depends_on.keys()
        if unknown:
            raise ValueError(f"unknown dependencies: {', '.join(sorted(unknown))}")
        self._dag: nx.DiGraph[str] = nx.DiGraph()
        self._dag.add_nodes_from(depends_on)
        self._dag.add_edges_from(
            (need, name) for name, needs in depends_on.items() for need in dict.fromkeys(needs)
        )
        if not nx.is_directed_acyclic_graph(self._dag):
            cycle = " -> ".join(edge[0] for edge in nx.find_cycle(self._dag))
            raise ValueError(f"cycle: {cycle}")
        self._place = place = {name: index for index, name in enumerate(depends_on)}
        self.depends_on: Mapping[str, tuple[str, ...]] = {
            name: tuple(dict.fromkeys(needs)) for name, needs in depends_on.items()
        }
        self.dependents: Mapping[str, tuple[str, ...]] = {
            name: tuple(sorted(self._dag.successors(name), key=place.__getitem__)) for name in place
        }
        self.layers: tuple[tuple[str, ...], ...] = tuple(
            tuple(sorted(layer, key=place.__getitem__)) for layer in nx.topological_generations(self._dag)
        )
        self.depth: Mapping[str, int] = {
            name: depth for depth, layer in enumerate(self.layers) for name in layer
        }

    def ready(self, settled: Collection[str]) -> tuple[str, ...]:
        """Agents that are not settled themselves and depend only on settled ones."""
        return tuple(
            name
            for name, needs in self.depends_on.items()
            if name not in settled and all(need in settled for need in needs)
        )

    def ahead(self, ready: Sequence[str], horizon: int) -> tuple[tuple[str, ...], ...]:
        """The successors of `ready` by distance 1 to `horizon`, counted along the longest path.

        An agent stands at the step at which it could start if every step took equally long.
        """
        near = self._within(ready, horizon)
        deepest = max((self.depth[name] for name in near), default=0)
        distance = dict.fromkeys(ready, 0)
        for name in sorted(self._reachable(ready, deepest), key=self.depth.__getitem__):
            steps = [distance[need] + 1 for need in self.depends_on[name] if need in distance]
            distance.setdefault(name, max(steps, default=0))
        found: list[list[str]] = [[] for _ in range(horizon + 1)]
        for name in sorted(near, key=self._place.__getitem__):
            if distance[name] <= horizon:
                found[distance[name]].append(name)
        return tuple(tuple(step) for step in found[1:])

    def critical_path(self, duration: Callable[[str], float]) -> tuple[tuple[str, ...], float]:
        """The path that takes longest, and how long: the least time the DAG can take (seconds)."""
        finish: dict[str, float] = {}
        before: dict[str, str | None] = {}
        for layer in self.layers:
            for name in layer:
                last = max(self.depends_on[name], key=finish.__getitem__, default=None)
                before[name] = last
                finish[name] = duration(name) + (finish[last] if last is not None else 0.0)
        if not finish:
            return (), 0.0
        end: str | None = max(finish, key=finish.__getitem__)
        total = finish[end] if end is not None else 0.0
        path: list[str] = []
        while end is not None:
            path.append(end)
            end = before[end]
        return tuple(reversed(path)), total

    def _within(self, names: Sequence[str], steps: int) -> set[str]:
        """What can be reached in so many steps, the names themselves left out."""
        found, last = set(names), list(names)
        for _ in range(steps):
            new = {each: None for name in last for each in self.dependents[name] if each not in found}
            found.update(new)
            last = list(new)
        return found - set(names)

    def _reachable(self, names: Sequence[str], deepest: int) -> set[str]:
        """What can be reached on ways that go no deeper, the names themselves left out."""
        found: set[str] = set()
        stack = list(names)
        while stack:
            for dependent in self.dependents[stack.pop()]:
                if dependent not in found and self.depth[dependent] <= deepest:
                    found.add(dependent)
                    stack.append(dependent)
        return found - set(names)
