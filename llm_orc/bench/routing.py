"""Routers compared in simulation, where the truth and the best possible plan are known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from random import Random

from llm_orc.bench.simulation import (
    PLANS,
    Outcome,
    Plan,
    clairvoyant,
    exact,
    greedy,
    simulate,
    simulate_router,
)
from llm_orc.bench.workloads import WORKLOADS, Job, World, world
from llm_orc.domain.json import JsonValue
from llm_orc.domain.plan import Horizon, Route, Router, RoutingSettings
from llm_orc.optimize.statistics import mean, paired_interval, percentile

ROOMS = (8.0, 12.0, 16.0, 24.0)
NOISE = 0.06
STREAM = 4
_LP = "lp h=2"
_RIVALS = ("lp h=0", "relaxed h=1, repaired", "published h=1", "greedy", "always largest", "always smallest")


@dataclass(frozen=True, slots=True)
class Case:
    """Jobs that are carried out one after the other in one world."""

    jobs: tuple[Job, ...]
    world: World
    room: float


Table = dict[str, JsonValue]


def report(seeds: int, workloads: Sequence[str], settings: RoutingSettings) -> dict[str, JsonValue]:
    """Every table of the comparison, for JSON."""
    cases = list(_cases(seeds, workloads, 0.0))
    main, outcomes, best = _compared(cases, settings)
    noisy, _, _ = _compared(list(_cases(seeds, workloads, NOISE)), settings)
    return {
        "jobs": len(cases),
        "settings": {name: getattr(settings, name) for name in settings.__slots__},
        "true_estimates": main,
        "noisy_estimates": noisy,
        "paired": _paired(outcomes),
        "by_room": _by_room(cases, outcomes, best),
        "lambda_token": _sweep(cases, settings, "lambda_token", (0.05, 0.2, 0.5, 1.0)),
        "lambda_switch": _sweep(cases, settings, "lambda_switch", (0.0, 0.2, 1.0)),
        "grouped": _streams(seeds, settings),
        "pareto": _pareto(main),
    }


async def planned(
    router: Router, name: str, seeds: int, workloads: Sequence[str], settings: RoutingSettings
) -> Table:
    """The row of a router that asks a model; `fallbacks`: how often the exact router had to plan instead."""
    counted = _Counted(router)
    found, best = [], []
    for case in _cases(seeds, workloads, 0.0):
        found += await simulate_router(case.jobs, case.world, case.room, counted, settings)
        best += clairvoyant(case.jobs, case.world, case.room, settings)
    return {**_row(name, found, best), "fallbacks": round(counted.fallbacks / counted.plans, 4)}


class _Counted:
    """Counts plans that another router had to make."""

    def __init__(self, router: Router) -> None:
        self._router = router
        self.plans = self.fallbacks = 0

    async def route(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        route = await self._router.route(horizon, settings)
        self.plans += 1
        self.fallbacks += route.solver != "planner"
        return route


def _cases(seeds: int, workloads: Sequence[str], noise: float) -> Iterator[Case]:
    random = Random(7)
    for _ in range(seeds):
        for name in workloads:
            for room in ROOMS:
                yield Case((WORKLOADS[name](random),), world(random, noise), room)


def _compared(
    cases: Sequence[Case], settings: RoutingSettings
) -> tuple[list[Table], dict[str, list[Outcome]], list[Outcome]]:
    best = [o for case in cases for o in clairvoyant(case.jobs, case.world, case.room, settings)]
    outcomes = {
        plan.name: [o for case in cases for o in simulate(case.jobs, case.world, case.room, plan, settings)]
        for plan in PLANS
    }
    rows = [_row(name, found, best) for name, found in {**outcomes, "clairvoyant": best}.items()]
    return rows, outcomes, best


def _row(name: str, found: Sequence[Outcome], best: Sequence[Outcome]) -> Table:
    shares = [mine.utility / top.utility if top.utility > 0 else 1.0
              for mine, top in zip(found, best, strict=True)]  # fmt: skip
    tasks = sum(outcome.tasks for outcome in found)
    return {
        "router": name,
        "of_clairvoyant": round(sum(o.utility for o in found) / sum(o.utility for o in best), 5),
        "of_clairvoyant_95_of_jobs": round(percentile(shares, 0.05), 5),
        "quality": round(sum(o.quality for o in found) / tasks, 4),
        "cost_per_task": round(sum(o.cost for o in found) / tasks, 4),
        "tokens_per_task": round(sum(o.tokens for o in found) / tasks, 1),
        "loads_per_job": round(mean([o.loads for o in found]), 3),
        "most_vram_gb": max(o.most_vram_gb for o in found),
        "jobs_over_the_room": round(mean([float(o.violated) for o in found]), 4),
    }


def _paired(outcomes: dict[str, list[Outcome]]) -> list[JsonValue]:
    """Utility per task of lp at horizon 2 less that of each rival, job by job."""
    rows: list[JsonValue] = []
    for rival in _RIVALS:
        differences = [
            (mine.utility - other.utility) / mine.tasks
            for mine, other in zip(outcomes[_LP], outcomes[rival], strict=True)
            # A plan that does not fit is no plan.
            if not other.violated
        ]
        middle, low, high = paired_interval(differences)
        rows.append({
            "against": rival,
            "jobs": len(differences),
            "difference_per_task": round(middle, 5),
            "interval": [round(low, 5), round(high, 5)],
            "better": round(mean([float(d > 1e-9) for d in differences]), 4),
            "worse": round(mean([float(d < -1e-9) for d in differences]), 4),
        })  # fmt: skip
    return rows


def _by_room(
    cases: Sequence[Case], outcomes: dict[str, list[Outcome]], best: Sequence[Outcome]
) -> list[JsonValue]:
    rows: list[JsonValue] = []
    for group in ROOMS:
        places = [place for place, case in enumerate(cases) if case.room == group]
        rows += [
            {"room_gb": group, **_row(name, [found[p] for p in places], [best[p] for p in places])}
            for name, found in outcomes.items()
        ]
    return rows


def _sweep(
    cases: Sequence[Case], settings: RoutingSettings, name: str, values: Sequence[float]
) -> list[JsonValue]:
    """What lp at horizon 2 chooses as one weight changes."""
    rows: list[JsonValue] = []
    plan = next(plan for plan in PLANS if plan.name == _LP)
    for value in values:
        # replace() cannot know that the name is a field of a number.
        changed = replace(settings, **{name: value})  # type: ignore[arg-type]
        best = [o for case in cases for o in clairvoyant(case.jobs, case.world, case.room, changed)]
        found = [o for case in cases for o in simulate(case.jobs, case.world, case.room, plan, changed)]
        rows.append({name: value, **_row(_LP, found, best)})
    return rows


def _streams(seeds: int, settings: RoutingSettings) -> list[JsonValue]:
    """Programming and mathematics, job after job of one kind or in turn: loads tell the difference."""
    rows: list[JsonValue] = []
    for name, kinds in (("grouped", "aabb"), ("interleaved", "abab")):
        random = Random(11)
        cases = []
        for _ in range(seeds * STREAM):
            made = {"a": _flat(random, "code_generation"), "b": _flat(random, "reasoning")}
            cases.append(Case(tuple(made[kind] for kind in kinds), world(random), 12.0))
        best = [o for case in cases for o in clairvoyant(case.jobs, case.world, case.room, settings)]
        for plan in (Plan(_LP, exact, 2), Plan("greedy", greedy)):
            found = [o for c in cases for o in simulate(c.jobs, c.world, c.room, plan, settings)]
            rows.append({"order": name, **_row(plan.name, found, best)})
    return rows


def _flat(random: Random, kind: str) -> Job:
    job = WORKLOADS["code_math_mix"](random)
    return tuple(replace(work, kind=kind) for work in job)


def _pareto(rows: Sequence[Table]) -> list[JsonValue]:
    """Routers that no other beats in quality, cost, loads and room at once; plans that do not fit are out."""
    feasible = [row for row in rows if not row["jobs_over_the_room"]]

    def beats(a: Table, b: Table) -> bool:
        signs = {"quality": 1, "cost_per_task": -1, "loads_per_job": -1, "most_vram_gb": -1}
        gains = [sign * (_number(a[key]) - _number(b[key])) for key, sign in signs.items()]
        return all(gain >= 0 for gain in gains) and any(gain > 0 for gain in gains)

    return [row["router"] for row in feasible if not any(beats(other, row) for other in feasible)]


def _number(value: JsonValue) -> float:
    return float(value) if isinstance(value, int | float) else 0.0
