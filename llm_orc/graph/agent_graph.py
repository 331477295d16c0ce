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
        place = {name: index for index, name in enumerate(depends_on)}
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
        distance = dict.fromkeys(ready, 0)
        for name in sorted(self._reachable(ready), key=self.depth.__getitem__):
            steps = [distance[need] + 1 for need in self.depends_on[name] if need in distance]
            distance.setdefault(name, max(steps, default=0))
        steps_ahead = range(1, horizon + 1)
        return tuple(
            tuple(name for name in self.depends_on if distance.get(name) == step) for step in steps_ahead
        )

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

    def _reachable(self, names: Sequence[str]) -> set[str]:
        found: set[str] = set()
        stack = list(names)
        while stack:
            for dependent in self.dependents[stack.pop()]:
                if dependent not in found:
                    found.add(dependent)
                    stack.append(dependent)
        return found - set(names)
