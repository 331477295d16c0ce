"""The relaxation, rounded so that it fits: the published method without its overflow.

The published router gives each task the model with the largest share and runs it, also where those models
do not fit together. Here the models with the largest shares are kept as long as there is room.
"""

from __future__ import annotations

from collections.abc import Sequence

from llm_orc.domain.plan import Route
from llm_orc.plan.greedy import greedy_route
from llm_orc.plan.matrix import Matrix
from llm_orc.plan.problem import SLACK_GB, Placement, Problem
from llm_orc.plan.solution import best_option, route_of


def rounded(
    problem: Problem,
    matrix: Matrix,
    values: Sequence[float],
    bound: float,
    began: float,
) -> Route | None:
    """A feasible route close to the relaxation; the greedy one where rounding leaves a task out."""
    resident = []
    for step, shares in enumerate(matrix.share(values)):
        left = list(problem.room)
        kept: set[Placement] = set()
        # What is pinned has the whole of its share.
        pinned = problem.horizon.pinned if step == 0 else frozenset()
        for placement in sorted(
            shares, key=lambda p: (p.model not in pinned or p not in problem.kept, -shares[p], p.model)
        ):
            fits = all(size <= left[device] + SLACK_GB for device, size in placement.load)
            held = any(p.model == placement.model for p in kept)
            if fits and not held and shares[placement] > SLACK_GB:
                kept.add(placement)
                for device, size in placement.load:
                    left[device] -= size
        resident.append(frozenset(kept))
    served = all(
        best_option(problem, group, frozenset(p.model for p in resident[group.step]))
        for group in problem.groups
    )
    if not served or problem.horizon.money_left is not None:
        return greedy_route(problem, began, note="the rounded relaxation leaves a task out")
    return route_of(problem, resident, "feasible", "relaxed", began, bound=bound)
