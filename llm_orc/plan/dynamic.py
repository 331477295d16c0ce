"""The routing problem solved exactly by dynamic programming over what is resident.

A state is a set of placements, one bit each. What a set is worth to the tasks of a step comes from
doubling: the sets with bit p are those without it, each task offered one more model. The best set to move
to comes bit by bit as well, since what loading takes is a sum over bits: n * 2^n operations a step instead
of 4^n. Up to about a dozen local models this is faster than any solver, and needs none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

from llm_orc.domain.plan import Route
from llm_orc.plan.matrix import KEEP
from llm_orc.plan.problem import SLACK_GB, Placement, Problem
from llm_orc.plan.solution import route_of

if TYPE_CHECKING:
    import numpy as np

    Array: TypeAlias = np.ndarray[Any, np.dtype[np.float64]]

MOST_PLACEMENTS = 14


def small_enough(problem: Problem) -> bool:
    """Whether all sets of placements can be looked at; a limit of money is beyond this method."""
    placements = sum(len(placed) for placed in problem.placements.values())
    return placements <= MOST_PLACEMENTS and problem.horizon.money_left is None


def dynamic_route(problem: Problem, began: float, note: str = "") -> Route | None:
    """The best route; None when there is none."""
    import numpy as np

    placements = [p for placed in problem.placements.values() for p in placed]
    switch = np.array([problem.switch_cost(p.model) for p in placements])
    allowed = _allowed(problem, placements)
    worth = [_worth(problem, placements, step, allowed) for step in range(problem.steps)]
    pinned = [p in problem.kept and p.model in problem.horizon.pinned for p in placements]
    worth[0] = np.where(_sums(np.array(pinned, dtype=float)) == sum(pinned), worth[0], -np.inf)
    for step in range(problem.steps - 2, -1, -1):
        worth[step] = worth[step] + _best_next(worth[step + 1], problem.discount(step + 1) * switch)
    here = np.array([p in problem.kept for p in placements], dtype=bool)
    resident = []
    for step in range(problem.steps):
        reached = worth[step] - _sums(np.where(here, 0.0, problem.discount(step) * switch))
        state = int(reached.argmax())
        if reached[state] == -np.inf:
            return None
        here = np.array([bool(state >> bit & 1) for bit in range(len(placements))], dtype=bool)
        resident.append(frozenset(p for p, there in zip(placements, here, strict=True) if there))
    return route_of(problem, resident, "optimal", "dynamic", began, note=note)


def _sums(values: Array) -> Array:
    """The sum of the values of each set's members."""
    import numpy as np

    sums = np.zeros(1 << len(values))
    for bit, value in enumerate(values):
        sums[1 << bit : 2 << bit] = sums[: 1 << bit] + value
    return sums


def _allowed(problem: Problem, placements: list[Placement]) -> Any:  # noqa: ANN401 - an array of booleans
    import numpy as np

    allowed = np.ones(1 << len(placements), dtype=bool)
    for device, room in enumerate(problem.room):
        loads = np.array([dict(p.load).get(device, 0.0) for p in placements])
        allowed &= _sums(loads) <= room + SLACK_GB
    return allowed


def _worth(problem: Problem, placements: list[Placement], step: int, allowed: Any) -> Array:  # noqa: ANN401
    """What each set is worth to a step; minus infinity where it does not fit or leaves a task out."""
    import numpy as np

    groups = [group for group in problem.groups if group.step == step]
    remote = np.full(len(groups), -np.inf)
    local = np.full((len(placements), len(groups)), -np.inf)
    rows: dict[str, list[int]] = {}
    for row, placement in enumerate(placements):
        rows.setdefault(placement.model, []).append(row)
    for column, group in enumerate(groups):
        for option in group.options:
            value = group.weight * option.utility
            if option.model in rows:
                local[rows[option.model], column] = value
            else:
                remote[column] = max(remote[column], value)
    best = np.empty((1 << len(placements), len(groups)))
    best[0] = remote
    for bit in range(len(placements)):
        np.maximum(best[: 1 << bit], local[bit], out=best[1 << bit : 2 << bit])
    kept = np.array([KEEP if p in problem.kept else 0.0 for p in placements])
    return np.where(allowed, problem.discount(step) * best.sum(axis=1) + _sums(kept), -np.inf)


def _best_next(worth: Array, switch: Array) -> Array:
    """The most that can be had after each set: max over sets T of worth(T) less what T has to load."""
    import numpy as np

    best = worth
    for bit, cost in enumerate(switch):
        halves = best.reshape(-1, 2, 1 << bit)
        without, having = halves[:, 0], halves[:, 1]
        best = np.stack([np.maximum(without, having - cost), np.maximum(without, having)], axis=1).reshape(-1)
    return best
