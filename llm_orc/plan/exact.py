"""The exact router: by dynamic programming where the problem is small, else by HiGHS."""

from __future__ import annotations

from dataclasses import replace
from time import perf_counter

from llm_orc.domain.plan import Horizon, Route, RoutingSettings
from llm_orc.plan.dynamic import dynamic_route, small_enough
from llm_orc.plan.milp import Milp
from llm_orc.plan.problem import Problem, prepare
from llm_orc.plan.solution import infeasible, route_of


class Exact:
    """The best route there is: `lp` in ensemble files."""

    def __init__(self) -> None:
        self._milp = Milp()

    async def route(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        return self.solve(horizon, settings)

    def solve(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        """Where later steps cannot be served, the first alone is planned, and the route says so."""
        began = perf_counter()
        problem = prepare(horizon, settings)
        found = self._solved(problem, began)
        if found is None and problem.steps > 1:
            now = replace(horizon, tasks=tuple(task for task in horizon.tasks if task.step == 0))
            problem = prepare(now, settings)
            found = self._solved(problem, began, note="what comes later does not fit: planned without it")
        if found is None:
            raise infeasible(problem)
        return found

    def room_worth(self, horizon: Horizon, settings: RoutingSettings) -> tuple[float, ...]:
        """What one more GB on each device would add to the objective."""
        return self._milp.room_worth(prepare(horizon, settings))

    def _solved(self, problem: Problem, began: float, note: str = "") -> Route | None:
        if not problem.groups or (not problem.placements and problem.horizon.money_left is None):
            return route_of(problem, [frozenset()] * problem.steps, "optimal", "direct", began, note=note)
        if small_enough(problem) and not problem.settings.relaxed:
            return dynamic_route(problem, began, note)
        return self._milp.solve(problem, began, note)
