"""The routing problem as mathematics: what `exact.py` solves with HiGHS directly, written in cvxpy.

With tasks m at steps t(m), models i in placements p, utility U = P - lambda_token * C_tok, and whatever is
resident now as the residency before the first step:

    maximise   sum_m gamma^t(m) w_m sum_i x[m,i] U[m,i]
               - lambda_switch sum_p,t gamma^t C_sw[p] s[p,t]  +  eps sum_kept y[p,t]
    such that  sum_i x[m,i] = 1                             each task has one model
               x[m,i] <= sum_p y[p,t(m)]                    and the model is resident when it is needed
               sum_p v[p,g] y[p,t] <= G[g]                  what is resident fits on each device g
               s[p,t] >= y[p,t] - y[p,t-1]                  what was not there is loaded
               y[p,0] = 1 for what is pinned                work in flight keeps its model
               sum_m w_m sum_i usd[m,i] x[m,i] <= money     where there is a limit

y is boolean; x is so by itself, save where money couples the tasks: then it is declared so too.
Importing cvxpy takes a second, which is why runs do not.
"""

from __future__ import annotations

from dataclasses import dataclass
from time import perf_counter
from typing import Any

from llm_orc.domain.plan import Horizon, Route, RoutingSettings
from llm_orc.plan.matrix import KEEP
from llm_orc.plan.problem import Placement, Problem, prepare
from llm_orc.plan.solution import infeasible, route_of


@dataclass(frozen=True, slots=True)
class Formulation:
    """`choose[m]` is a vector over the options of group m; `resident[t]` one over the placements."""

    problem: Any
    choose: list[Any]
    resident: list[Any]
    placements: tuple[Placement, ...]


def formulate(problem: Problem) -> Formulation:
    """The cvxpy problem; with `relaxed` in its settings, all variables are continuous."""
    import cvxpy as cp
    import numpy as np

    horizon, groups = problem.horizon, problem.groups
    placements = tuple(p for placed in problem.placements.values() for p in placed)
    money = horizon.money_left
    y_whole = not problem.settings.relaxed
    choose = [
        cp.Variable(
            len(group.options),
            boolean=y_whole and money is not None,
            nonneg=True,
            name=f"choose[{', '.join(group.agents)}]",
        )
        for group in groups
    ]
    steps = range(problem.steps)
    resident = [
        cp.Variable(len(placements), boolean=y_whole, nonneg=True, name=f"resident[{step}]") for step in steps
    ]
    loaded = [cp.Variable(len(placements), nonneg=True, name=f"loaded[{step}]") for step in steps]
    before = np.array([float(p in problem.kept) for p in placements])
    switch = np.array([problem.switch_cost(p.model) for p in placements])
    value: Any = 0
    limits: list[Any] = []
    for group, x in zip(groups, choose, strict=True):
        utility = np.array([option.utility for option in group.options])
        value += problem.discount(group.step) * group.weight * (utility @ x)
        limits.append(cp.sum(x) == 1)
        for place, option in enumerate(group.options):
            if option.model in problem.placements:
                where = np.array([float(p.model == option.model) for p in placements])
                limits.append(x[place] <= where @ resident[group.step])
    for step, (y, s) in enumerate(zip(resident, loaded, strict=True)):
        value += KEEP * (before @ y) - problem.discount(step) * (switch @ s)
        limits += [y <= 1, s >= y - (before if step == 0 else resident[step - 1])]
        for device, room in enumerate(problem.room):
            sizes = np.array([dict(p.load).get(device, 0.0) for p in placements])
            limits.append(sizes @ y <= room)
    pinned = [p.model in horizon.pinned and p in problem.kept for p in placements]
    limits += [resident[0][place] == 1 for place, held in enumerate(pinned) if held]
    if money is not None:
        usd = [
            group.weight * (np.array([option.candidate.usd or 0.0 for option in group.options]) @ x)
            for group, x in zip(groups, choose, strict=True)
        ]
        limits.append(cp.sum(cp.hstack(usd)) <= money)
    return Formulation(cp.Problem(cp.Maximize(value), limits), choose, resident, placements)


class Readable:
    """The oracle: the same answers as `Exact`, from the formulation above."""

    async def route(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        return self.solve(horizon, settings)

    def solve(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        """Raises `RoutingFailed` when there is no solution; later steps are never given up."""
        began = perf_counter()
        problem = prepare(horizon, settings)
        made = formulate(problem)
        made.problem.solve(solver="HIGHS", mip_rel_gap=1e-9, mip_abs_gap=1e-9)
        if made.problem.status != "optimal":
            raise infeasible(problem)
        resident = [
            frozenset(p for p, share in zip(made.placements, y.value, strict=True) if share > 0.5)
            for y in made.resident
        ]
        chosen = None if horizon.money_left is None else [int(x.value.argmax()) for x in made.choose]
        return route_of(problem, resident, "optimal", "cvxpy", began, chosen=chosen)
