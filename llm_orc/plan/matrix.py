"""The routing problem as columns and rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llm_orc.plan.problem import Placement, Problem

KEEP = 1e-6
"""What keeping a resident model is worth: enough to decide ties, too little to decide anything else."""
_INFINITE = 1e30


class Matrix:
    """Columns: x (a task's model), then y (a placement is resident at a step), then s (it is loaded).

    The objective is maximised. Rows with `y` of step t are written for every step, so that the duals of
    the rows of room say what one more GB is worth.
    """

    def __init__(self, problem: Problem) -> None:
        self._problem = problem
        self._placements = [p for placed in problem.placements.values() for p in placed]
        self._costs: list[float] = []
        self._lower: list[float] = []
        self._upper: list[float] = []
        self._starts: list[int] = [0]
        self._index: list[int] = []
        self._value: list[float] = []
        self._row_lower: list[float] = []
        self._row_upper: list[float] = []
        self._room_rows: list[tuple[int, int]] = []
        self._x = self._add_choices()
        self._y = self._add_residency()
        self._s_start = len(self._costs)
        self._add_loading()
        self._add_rows()

    def _column(self, cost: float, lower: float, upper: float) -> int:
        self._costs.append(cost)
        self._lower.append(lower)
        self._upper.append(upper)
        return len(self._costs) - 1

    def _row(self, terms: Sequence[tuple[int, float]], lower: float, upper: float) -> int:
        for column, value in terms:
            self._index.append(column)
            self._value.append(value)
        self._starts.append(len(self._index))
        self._row_lower.append(lower)
        self._row_upper.append(upper)
        return len(self._row_lower) - 1

    def _add_choices(self) -> list[list[int]]:
        columns = []
        for group in self._problem.groups:
            worth = self._problem.discount(group.step) * group.weight
            columns.append([self._column(worth * o.utility, 0, 1) for o in group.options])
        return columns

    def _add_residency(self) -> list[dict[Placement, int]]:
        problem = self._problem
        steps = []
        for step in range(problem.steps):
            of_step = {}
            for placement in self._placements:
                kept = placement in problem.kept
                pinned = kept and step == 0 and placement.model in problem.horizon.pinned
                of_step[placement] = self._column(KEEP if kept else 0.0, 1.0 if pinned else 0.0, 1.0)
            steps.append(of_step)
        return steps

    def _add_loading(self) -> None:
        problem = self._problem
        for step, of_step in enumerate(self._y):
            for placement, column in of_step.items():
                cost = problem.switch_cost(placement.model)
                if cost <= 0:
                    continue
                loaded = self._column(-problem.discount(step) * cost, 0, 1)
                if step == 0:
                    already = 1.0 if placement in problem.kept else 0.0
                    self._row([(column, 1), (loaded, -1)], -_INFINITE, already)
                else:
                    before = self._y[step - 1][placement]
                    self._row([(column, 1), (before, -1), (loaded, -1)], -_INFINITE, 0)

    def _add_rows(self) -> None:
        problem = self._problem
        for group, columns in zip(problem.groups, self._x, strict=True):
            self._row([(column, 1) for column in columns], 1, 1)
            of_step = self._y[group.step]
            for option, column in zip(group.options, columns, strict=True):
                placed = problem.placements.get(option.model)
                if placed:
                    self._row([(column, 1), *((of_step[p], -1) for p in placed)], -_INFINITE, 0)
        for of_step in self._y:
            for device, room in enumerate(problem.room):
                terms = [
                    (column, size) for p, column in of_step.items() for on, size in p.load if on == device
                ]
                if terms:
                    self._room_rows.append((device, self._row(terms, -_INFINITE, room)))
        if problem.horizon.money_left is not None:
            spent = [
                (column, option.candidate.usd * group.weight)
                for group, columns in zip(problem.groups, self._x, strict=True)
                for option, column in zip(group.options, columns, strict=True)
                if option.candidate.usd
            ]
            self._row(spent, -_INFINITE, problem.horizon.money_left)

    @property
    def integer_columns(self) -> list[int]:
        """Residency; the choice of models too where money couples the tasks."""
        columns = [column for of_step in self._y for column in of_step.values()]
        if self._problem.horizon.money_left is not None:
            columns = [column for of_group in self._x for column in of_group] + columns
        return columns

    def whole(self, values: Sequence[float], tolerance: float) -> bool:
        """Whether what has to be whole is."""
        return all(min(values[c], 1 - values[c]) <= tolerance for c in self.integer_columns)

    def resident(self, values: Sequence[float]) -> list[frozenset[Placement]]:
        """The placements that are resident, step by step."""
        return [frozenset(p for p, c in of_step.items() if values[c] > 0.5) for of_step in self._y]

    def share(self, values: Sequence[float]) -> list[dict[Placement, float]]:
        """How much of each placement is resident, step by step."""
        return [{p: values[c] for p, c in of_step.items()} for of_step in self._y]

    def chosen(self, values: Sequence[float]) -> list[int] | None:
        """The option of each group; None where the best resident model is the choice anyway."""
        if self._problem.horizon.money_left is None:
            return None
        return [max(range(len(columns)), key=lambda i: values[columns[i]]) for columns in self._x]

    def room_worth(self, duals: Sequence[float]) -> tuple[float, ...]:
        """What one more GB on each device adds to the objective."""
        worth = [0.0] * len(self._problem.room)
        for device, row in self._room_rows:
            worth[device] += abs(duals[row])
        return tuple(worth)

    def make_whole(self, highspy: Any, solver: Any) -> None:  # noqa: ANN401 - the module
        """Make integer what has to be, in a solver that holds the relaxation."""
        import numpy as np

        columns = np.array(self.integer_columns, dtype=np.int32)
        kinds = np.full(len(columns), int(highspy.HighsVarType.kInteger), dtype=np.uint8)
        solver.changeColsIntegrality(len(columns), columns, kinds)

    def as_lp(self, highspy: Any) -> Any:  # noqa: ANN401 - the module
        """The relaxation, ready for the solver."""
        import numpy as np

        lp = highspy.HighsLp()
        lp.num_col_, lp.num_row_ = len(self._costs), len(self._row_lower)
        lp.sense_ = highspy.ObjSense.kMaximize
        lp.col_cost_ = np.array(self._costs)
        lp.col_lower_, lp.col_upper_ = np.array(self._lower), np.array(self._upper)
        lp.row_lower_, lp.row_upper_ = np.array(self._row_lower), np.array(self._row_upper)
        lp.a_matrix_.format_ = highspy.MatrixFormat.kRowwise
        lp.a_matrix_.start_ = np.array(self._starts, dtype=np.int32)
        lp.a_matrix_.index_ = np.array(self._index, dtype=np.int32)
        lp.a_matrix_.value_ = np.array(self._value)
        return lp
