"""The routing problem solved exactly by HiGHS: the linear relaxation first, integers only where needed.

The formulation is that of `formulation.py`, term by term. Where the relaxation comes out with whole
models it is the optimum (total unimodularity of what remains); else residency is made integer, and so is
the choice of models where money couples the tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from llm_orc.domain.plan import Horizon, Route, RoutingSettings, Status
from llm_orc.plan.greedy import greedy_route
from llm_orc.plan.matrix import Matrix
from llm_orc.plan.problem import Problem, prepare
from llm_orc.plan.rounding import rounded
from llm_orc.plan.solution import infeasible, route_of

if TYPE_CHECKING:
    import highspy

_WHOLE = 1e-6
_GAP = 1e-9
_HAS_SOLUTION = 2
_LEAST_SECONDS = 0.05


class Exact:
    """One solver, used again for every plan of a run. A feasible greedy route is in hand before it starts."""

    def __init__(self) -> None:
        self._solver: highspy.Highs | None = None

    async def route(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        return self.solve(horizon, settings)

    def solve(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        """The best route; where the time limit or the solver fails, the best that is known, and says so."""
        began = perf_counter()
        problem = prepare(horizon, settings)
        if not problem.placements and horizon.money_left is None:
            return route_of(problem, [frozenset()] * problem.steps, "optimal", "direct", began)
        found = self._solved(problem, began)
        if found is None and problem.steps > 1:
            now = Horizon(
                tasks=tuple(task for task in horizon.tasks if task.step == 0),
                models=horizon.models, resident=horizon.resident, pinned=horizon.pinned,
                room_gb=horizon.room_gb, money_left=horizon.money_left,
            )  # fmt: skip
            problem = prepare(now, settings)
            found = self._solved(problem, began, note="what comes later does not fit: planned without it")
        if found is None:
            raise infeasible(problem)
        return found

    def _solved(self, problem: Problem, began: float, note: str = "") -> Route | None:
        """None when there is no solution."""
        matrix = Matrix(problem)
        first = self._run(matrix, problem.settings.time_limit_s)
        if first.status != "optimal":
            return None if first.status == "infeasible" else greedy_route(problem, began, note=first.why)
        worth = matrix.room_worth(first.duals)
        if problem.settings.relaxed:
            return rounded(problem, matrix, first.values, first.bound, began, worth)
        last = first
        certain: Status = "optimal"
        if not matrix.whole(first.values, _WHOLE):
            left = problem.settings.time_limit_s - (perf_counter() - began)
            last = self._run(matrix, max(left, _LEAST_SECONDS), whole=True)
            if last.status == "infeasible":
                return None
            if last.status == "unknown":
                return greedy_route(problem, began, note=last.why)
            certain = last.status
        return route_of(
            problem, matrix.resident(last.values), certain, "highs", began,
            chosen=matrix.chosen(last.values), bound=last.bound, room_worth=worth,
            note=last.why or note,
        )  # fmt: skip

    def _run(self, matrix: Matrix, seconds: float, *, whole: bool = False) -> _Outcome:
        import highspy

        if self._solver is None:
            self._solver = _solver(highspy)
        solver = self._solver
        if whole:
            matrix.make_whole(highspy, solver)
        else:
            solver.clearModel()
            solver.passModel(matrix.as_lp(highspy))
        # The clock of a solver that is used again goes on.
        solver.setOptionValue("time_limit", solver.getRunTime() + seconds)
        solver.run()
        status, info, solution = solver.getModelStatus(), solver.getInfo(), solver.getSolution()
        values, duals = list(solution.col_value), list(solution.row_dual)
        bound = info.mip_dual_bound if whole else info.objective_function_value
        if status == highspy.HighsModelStatus.kOptimal:
            return _Outcome("optimal", values, duals, bound)
        if status == highspy.HighsModelStatus.kInfeasible:
            return _Outcome("infeasible")
        why = f"the solver stopped early: {solver.modelStatusToString(status).lower()}"
        if whole and info.primal_solution_status == _HAS_SOLUTION:
            return _Outcome("feasible", values, duals, bound, why)
        return _Outcome("unknown", why=why)


@dataclass(frozen=True, slots=True)
class _Outcome:
    """What the solver came to; `unknown`: nothing that could be used."""

    status: Literal["optimal", "feasible", "infeasible", "unknown"]
    values: Sequence[float] = ()
    duals: Sequence[float] = ()
    bound: float = 0.0
    why: str = ""


def _solver(highspy: Any) -> highspy.Highs:  # noqa: ANN401 - the module
    solver = highspy.Highs()
    solver.setOptionValue("output_flag", False)
    solver.setOptionValue("threads", 1)
    solver.setOptionValue("mip_rel_gap", _GAP)
    solver.setOptionValue("mip_abs_gap", _GAP)
    return solver
