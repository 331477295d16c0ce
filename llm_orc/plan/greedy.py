"""Greedy choice within the room: the hardest to serve first, each takes the best that still fits."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

from llm_orc.domain.plan import Horizon, Route, RoutingSettings
from llm_orc.plan.problem import SLACK_GB, Group, Option, Placement, Problem, prepare
from llm_orc.plan.solution import infeasible, route_of


class Greedy:
    """The best utility per agent, less what loading takes, as room and money allow."""

    async def route(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        return self.solve(horizon, settings)

    def solve(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        """Where later steps cannot be served, the first alone is planned, and the route says so."""
        began = perf_counter()
        problem = prepare(horizon, settings)
        found = greedy_route(problem, began)
        if found is None and problem.steps > 1:
            now = replace(horizon, tasks=tuple(task for task in horizon.tasks if task.step == 0))
            problem = prepare(now, settings)
            found = greedy_route(problem, began, note="what comes later does not fit: planned without it")
        if found is None:
            raise infeasible(problem)
        return found


def greedy_route(problem: Problem, began: float, note: str = "") -> Route | None:
    """None when the greedy choices leave a task without a model, which need not mean that none exists."""
    chosen: dict[int, int] = {}
    resident: list[frozenset[Placement]] = []
    before = problem.kept
    money = problem.horizon.money_left
    for step in range(problem.steps):
        pinned = {p for p in before if step == 0 and p.model in problem.horizon.pinned}
        taken = _Taken(problem, before, pinned)
        order = [i for i, group in enumerate(problem.groups) if group.step == step]
        for place in sorted(order, key=lambda i: len(problem.groups[i].options)):
            group = problem.groups[place]
            for option in _by_worth(problem, group, taken):
                cost = (option.candidate.usd or 0.0) * group.weight
                if (money is None or cost <= money) and taken.take(option.model):
                    chosen[place] = group.options.index(option)
                    money = None if money is None else money - cost
                    break
            else:
                return None
        before = taken.with_kept()
        resident.append(before)
    return route_of(
        problem, resident, "greedy", "greedy", began,
        chosen=[chosen[i] for i in range(len(problem.groups))], note=note,
    )  # fmt: skip


class _Taken:
    """What one step has room for: what is needed first, then as much of what was there as fits."""

    def __init__(self, problem: Problem, before: frozenset[Placement], pinned: set[Placement]) -> None:
        self._problem = problem
        self._before = before
        self._needed = set(pinned)
        self._left = list(problem.room)
        for placement in pinned:
            self._fill(placement)

    def there(self, model: str) -> bool:
        return any(placement.model == model for placement in (*self._needed, *self._before))

    def take(self, model: str) -> bool:
        """Make the model needed; False when there is no room for it."""
        placed = self._problem.placements.get(model)
        if placed is None or any(placement.model == model for placement in self._needed):
            return True
        fitting = [placement for placement in placed if self._fits(placement)]
        if not fitting:
            return False
        # Where it is already, else where least is left over.
        best = min(fitting, key=lambda p: (p not in self._before, self._spare(p)))
        self._needed.add(best)
        self._fill(best)
        return True

    def with_kept(self) -> frozenset[Placement]:
        for placement in sorted(self._before - self._needed, key=lambda p: (p.model, p.devices)):
            if not any(p.model == placement.model for p in self._needed) and self._fits(placement):
                self._needed.add(placement)
                self._fill(placement)
        return frozenset(self._needed)

    def _fits(self, placement: Placement) -> bool:
        return all(size <= self._left[device] + SLACK_GB for device, size in placement.load)

    def _fill(self, placement: Placement) -> None:
        for device, size in placement.load:
            self._left[device] -= size

    def _spare(self, placement: Placement) -> float:
        return sum(self._left[device] for device, _ in placement.load)


def _by_worth(problem: Problem, group: Group, taken: _Taken) -> Iterator[Option]:
    models = problem.horizon.models

    def worth(option: Option) -> tuple[float, float]:
        load = 0.0
        if option.model in problem.placements and not taken.there(option.model):
            load = problem.switch_cost(option.model) / group.weight
        return (option.utility - load, -models[option.model].vram_gb)

    yield from sorted(group.options, key=worth, reverse=True)
