"""From what is resident to a route: each task takes the best model that is there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from time import perf_counter

from llm_orc.domain.plan import Assignment, Route, Status
from llm_orc.errors import RoutingFailed
from llm_orc.plan.problem import Group, Option, Placement, Problem


def best_option(
    problem: Problem, group: Group, there: Mapping[str, object] | frozenset[str]
) -> Option | None:
    """Of equals: one that is resident already, then the smaller, then the first by name."""
    models = problem.horizon.models

    def rank(option: Option) -> tuple[float, bool, float]:
        here = option.model in problem.horizon.resident
        return (option.utility, here, -models[option.model].vram_gb)

    served = [o for o in group.options if o.model not in problem.placements or o.model in there]
    return max(served, key=rank, default=None)


def route_of(
    problem: Problem,
    resident: Sequence[frozenset[Placement]],
    status: Status,
    solver: str,
    began: float,
    *,
    chosen: Sequence[int] | None = None,
    bound: float | None = None,
    note: str = "",
) -> Route:
    """Raises `RoutingFailed` when the residency leaves a task without a model."""
    assignments: dict[str, Assignment] = {}
    for place, group in enumerate(problem.groups):
        there = frozenset(placement.model for placement in resident[group.step])
        option = group.options[chosen[place]] if chosen else best_option(problem, group, there)
        if option is None:
            raise infeasible(problem)
        assignments.update((found.agent, found) for found in group.assignments(option))
    objective = objective_of(problem, assignments, resident)
    return Route(
        assignments={task.agent: assignments[task.agent] for task in problem.horizon.tasks},
        resident=tuple(_by_model(placements) for placements in resident),
        status=status,
        solver=solver,
        objective=objective,
        # The tiny worth of keeping what is there is no part of the objective.
        bound=objective if status == "optimal" else bound,
        solve_ms=(perf_counter() - began) * 1000,
        note=note,
    )


def objective_of(
    problem: Problem, assignments: Mapping[str, Assignment], resident: Sequence[frozenset[Placement]]
) -> float:
    """Discounted utility of the tasks, less what loading takes."""
    total = 0.0
    for group in problem.groups:
        served = assignments[group.agents[0]]
        total += problem.discount(group.step) * group.weight * served.utility
    before = problem.kept
    for step, now in enumerate(resident):
        for placement in now - before:
            total -= problem.discount(step) * problem.switch_cost(placement.model)
        before = now
    return total


def infeasible(problem: Problem) -> RoutingFailed:
    """Why the tasks cannot be served together, naming one of them."""
    money, room = problem.horizon.money_left, problem.horizon.room_gb
    first = next(group for group in problem.groups if group.step == 0)
    agent = first.agents[0]
    if money is not None:
        least = sum(
            group.weight * min(option.candidate.usd or 0.0 for option in group.options)
            for group in problem.groups
            if group.step == 0
        )
        if least > money:
            return RoutingFailed(
                f"no models can serve agent {agent!r} and those beside it: they cost at least ${least:.4f}, "
                f"and ${money:.4f} are left",
                agent=agent, hint="raise the budget, or add cheaper models",
            )  # fmt: skip
    pinned = ", ".join(sorted(problem.horizon.pinned))
    held = f" beside {pinned}, in use now," if pinned else ""
    return RoutingFailed(
        f"no models for agent {agent!r} and those beside it fit together{held} into "
        f"{' + '.join(f'{size:g}' for size in room)} GB",
        agent=agent, hint="raise vram_gb, or let the agents share a model",
    )  # fmt: skip


def _by_model(placements: frozenset[Placement]) -> dict[str, tuple[int, ...]]:
    return {p.model: p.devices for p in sorted(placements, key=lambda p: (p.model, p.devices))}
