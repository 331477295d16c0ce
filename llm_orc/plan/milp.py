"""The routing problem solved exactly by HiGHS: the linear relaxation first, integers only where needed.

The formulation is that of `formulation.py`, term by term. Where the relaxation comes out with whole
models it is the optimum; else residency is made integer, and so is the choice of models where money
couples the tasks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import TYPE_CHECKING, Any, Literal

from llm_orc.domain.plan import Route, Status
from llm_orc.plan.greedy import greedy_route
from llm_orc.plan.matrix import Matrix
from llm_orc.plan.problem import Problem
from llm_orc.plan.rounding import rounded
from llm_orc.plan.solution import route_of

if TYPE_CHECKING:
    import highspy

_WHOLE = 1e-6
_GAP = 1e-9
_HAS_SOLUTION = 2
_LEAST_SECONDS = 0.05
_RELAXATION_SECONDS = 10.0


class Milp:
    """One solver, used again for every plan of a run."""

    def __init__(self) -> None:
        self._solver: highspy.Highs | None = None

    def solve(self, problem: Problem, began: float, note: str = "") -> Route | None:
        """None when there is no solution. When the time is over: the best found, else the greedy route."""
        matrix = Matrix(problem)
        first = self._run(matrix, problem.settings.time_limit_s)
        if first.status != "optimal":
            return None if first.status == "infeasible" else greedy_route(problem, began, note=first.why)
        if problem.settings.relaxed:
            return rounded(problem, matrix, first.values, first.bound, began)
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
            chosen=matrix.chosen(last.values), bound=last.bound,
            note=last.why or note,
        )  # fmt: skip

    def room_worth(self, problem: Problem) -> tuple[float, ...]:
        """What one more GB on each device would add to the objective: the duals of the relaxation."""
        matrix = Matrix(problem)
        return matrix.room_worth(self._run(matrix, problem.settings.time_limit_s).duals)

    def shares(self, matrix: Matrix) -> Sequence[float]:
        """The columns of the relaxation's solution; empty where there is none."""
        return self._run(matrix, _RELAXATION_SECONDS).values

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
