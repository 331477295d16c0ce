"""How fast and how feasible routes are: random instances, and what the published rounding would do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from random import Random
from statistics import median, quantiles
from time import perf_counter, process_time

from llm_orc.domain.plan import Horizon, RoutingSettings
from llm_orc.plan.exact import Exact
from llm_orc.plan.matrix import Matrix
from llm_orc.plan.milp import Milp
from llm_orc.plan.problem import prepare
from tests.plan.instances import check, random_horizon

INSTANCES = 2_000
TIMED = 100
TIGHTNESS = (0.2, 0.45, 0.9)
SETTINGS = RoutingSettings()


def main() -> None:
    feasibility()
    speed("12 models x 64 ready tasks", 12, 64, 1)
    speed("12 models x 4 steps x 8 tasks", 12, 8, 4)


def feasibility() -> None:
    """No route may break the room; the published method (argmax of the relaxation) often does."""
    random = Random(1)
    router = Exact()
    broken = fractional = 0
    for _ in range(INSTANCES):
        horizon = random_horizon(
            random, models=random.choice([3, 5, 8, 12]), tasks=random.choice([1, 4, 16]),
            steps=random.choice([1, 1, 2, 3]), tightness=random.choice([0.15, 0.3, 0.6]),
        )  # fmt: skip
        check(horizon, router.solve(horizon, SETTINGS))
        overflows, whole = published(horizon)
        broken += overflows
        fractional += not whole
    print(f"feasibility: 0 of {INSTANCES:,} routes break the room")
    print(
        f"  published rounding of the same relaxation: {broken / INSTANCES:.1%} break it "
        f"({fractional / INSTANCES:.1%} come out fractional)"
    )


def published(horizon: Horizon) -> tuple[bool, bool]:
    """Whether the models with the largest shares overflow the room, and whether the relaxation is whole."""
    problem = prepare(horizon, replace(SETTINGS, relaxed=True))
    matrix = Matrix(problem)
    values = Milp().shares(matrix)
    used = set()
    column = 0
    for group in problem.groups:
        shares = values[column : column + len(group.options)]
        column += len(group.options)
        if group.step == 0:
            used.add(group.options[max(range(len(shares)), key=shares.__getitem__)].model)
    size = sum(horizon.models[name].vram_gb for name in used)
    return size > sum(horizon.room_gb) + 1e-6, matrix.whole(values, 1e-6)


def speed(name: str, models: int, tasks: int, steps: int) -> None:
    exact, milp = Exact(), Milp()
    timed(name, models, tasks, steps, lambda horizon: exact.solve(horizon, SETTINGS))
    timed(
        "  the same by HiGHS alone", models, tasks, steps,
        lambda horizon: milp.solve(prepare(horizon, SETTINGS), 0.0),
    )  # fmt: skip


def timed(name: str, models: int, tasks: int, steps: int, solve: Callable[[Horizon], object]) -> None:
    random = Random(2)
    wall, cpu = [], []
    for index in range(TIMED + 5):
        horizon = random_horizon(
            random, models=models, tasks=tasks, steps=steps, tightness=TIGHTNESS[index % len(TIGHTNESS)]
        )
        began, busy = perf_counter(), process_time()
        solve(horizon)
        if index >= 5:
            wall.append((perf_counter() - began) * 1000)
            cpu.append((process_time() - busy) * 1000)
    print(
        f"{name}: median {median(wall):.1f} ms, p99 {quantiles(wall, n=100)[98]:.0f} ms "
        f"(CPU {median(cpu):.1f} / {quantiles(cpu, n=100)[98]:.0f} ms), {len(wall)} instances"
    )
