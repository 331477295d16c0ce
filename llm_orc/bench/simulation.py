"""Jobs carried out step by step under a policy, against what is really true."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from llm_orc.bench.workloads import Job, Work, World
from llm_orc.domain.plan import Horizon, Route, Router, RoutingSettings
from llm_orc.errors import RoutingFailed
from llm_orc.plan.exact import Exact
from llm_orc.plan.greedy import Greedy
from llm_orc.plan.matrix import Matrix
from llm_orc.plan.milp import Milp
from llm_orc.plan.problem import prepare

Resident = Mapping[str, tuple[int, ...]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What a policy wants at one step: a model per task, and what is in memory then."""

    models: Mapping[str, str]
    resident: Resident


Policy = Callable[[Horizon, RoutingSettings], Chosen]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What a job came to. `utility` is quality less tokens and loading, as the objective counts them."""

    utility: float
    quality: float
    tasks: int
    cost: float
    tokens: float
    loads: int
    most_vram_gb: float
    violated: bool


@dataclass(frozen=True, slots=True)
class Plan:
    """A policy, and how far ahead it looks."""

    name: str
    policy: Policy
    horizon: int = 0


def exact(horizon: Horizon, settings: RoutingSettings) -> Chosen:
    return _of(_EXACT.solve(horizon, settings))


def greedy(horizon: Horizon, settings: RoutingSettings) -> Chosen:
    return _of(_GREEDY.solve(horizon, settings))


def relaxed(horizon: Horizon, settings: RoutingSettings) -> Chosen:
    """The relaxation, rounded so that it fits."""
    return _of(_EXACT.solve(horizon, replace(settings, relaxed=True)))


def published(horizon: Horizon, settings: RoutingSettings) -> Chosen:
    """The published method: the model with the largest share serves, whether it fits or not."""
    problem = prepare(horizon, replace(settings, relaxed=True))
    shares = _MILP.shares(Matrix(problem))
    models, column = {}, 0
    for group in problem.groups:
        own = shares[column : column + len(group.options)]
        column += len(group.options)
        if group.step == 0:
            best = group.options[max(range(len(own)), key=own.__getitem__)].model
            models.update(dict.fromkeys(group.agents, best))
    return Chosen(models, dict.fromkeys(sorted(set(models.values())), (0,)))


def largest(horizon: Horizon, settings: RoutingSettings) -> Chosen:
    """Always the largest model that fits."""
    return _always(horizon, max)


def smallest(horizon: Horizon, settings: RoutingSettings) -> Chosen:
    """Always the smallest."""
    return _always(horizon, min)


PLANS = (
    *(Plan(f"lp h={h}", exact, h) for h in range(4)),
    Plan("relaxed h=1, repaired", relaxed, 1),
    Plan("published h=0", published, 0),
    Plan("published h=1", published, 1),
    Plan("greedy", greedy),
    Plan("always largest", largest),
    Plan("always smallest", smallest),
)


def simulate(
    jobs: Sequence[Job], world: World, room: float, plan: Plan, settings: RoutingSettings
) -> list[Outcome]:
    """The jobs one after the other; what is in memory stays there until it has to go."""
    resident: Resident = {}
    outcomes = []
    for job in jobs:
        steps = layers(job)
        parts = []
        for step, works in enumerate(steps):
            coming = steps[step : step + 1 + plan.horizon]
            chosen = plan.policy(world.horizon(coming, resident, room), settings)
            parts.append(_carried_out(works, chosen, resident, world, room, settings))
            resident = chosen.resident
        outcomes.append(_total(parts))
    return outcomes


async def simulate_router(
    jobs: Sequence[Job], world: World, room: float, router: Router, settings: RoutingSettings
) -> list[Outcome]:
    """The same for a router that has to wait for a model's plan."""
    resident: Resident = {}
    outcomes = []
    for job in jobs:
        steps = layers(job)
        parts = []
        for step, works in enumerate(steps):
            horizon = world.horizon(steps[step : step + 1 + settings.horizon], resident, room)
            chosen = _of(await router.route(horizon, settings))
            parts.append(_carried_out(works, chosen, resident, world, room, settings))
            resident = chosen.resident
        outcomes.append(_total(parts))
    return outcomes


def clairvoyant(jobs: Sequence[Job], world: World, room: float, settings: RoutingSettings) -> list[Outcome]:
    """The best that could have been done, knowing every job and the truth."""
    settings = replace(settings, gamma=1.0)
    flat: list[list[Work]] = []
    for number, job in enumerate(jobs):
        flat += [[replace(work, name=f"{number}/{work.name}") for work in works] for works in layers(job)]
    route = _EXACT.solve(world.horizon(flat, {}, room, really=True), settings)
    resident: Resident = {}
    outcomes, step = [], 0
    for job in jobs:
        parts = []
        for _ in layers(job):
            models = {work.name: route.assignments[work.name].model for work in flat[step]}
            chosen = Chosen(models, route.resident[step])
            parts.append(_carried_out(flat[step], chosen, resident, world, room, settings))
            resident = route.resident[step]
            step += 1
        outcomes.append(_total(parts))
    return outcomes


def layers(job: Job) -> list[list[Work]]:
    """A job's tasks by step."""
    return [[w for w in job if w.step == step] for step in range(1 + max(w.step for w in job))]


def _carried_out(
    works: Sequence[Work],
    chosen: Chosen,
    before: Resident,
    world: World,
    room: float,
    settings: RoutingSettings,
) -> Outcome:
    entries = {entry.name: entry for entry in world.pool}
    quality = cost = 0.0
    for work in works:
        name = chosen.models[work.name]
        quality += world.quality[name, work.kind]
        cost += entries[name].cost * work.tokens / settings.token_scale
    loads = [name for name in chosen.resident if name not in before]
    switching = sum(entries[n].load_seconds * 1000 / (3 * settings.switch_t_scale_ms) for n in loads)
    used = sum(entries[name].vram_gb for name in chosen.resident)
    return Outcome(
        utility=quality - settings.lambda_token * cost - settings.lambda_switch * switching,
        quality=quality,
        tasks=len(works),
        cost=cost,
        tokens=sum(work.tokens for work in works),
        loads=len(loads),
        most_vram_gb=used,
        violated=used > room + 1e-6,
    )


def _total(parts: Sequence[Outcome]) -> Outcome:
    return Outcome(
        utility=sum(p.utility for p in parts),
        quality=sum(p.quality for p in parts),
        tasks=sum(p.tasks for p in parts),
        cost=sum(p.cost for p in parts),
        tokens=sum(p.tokens for p in parts),
        loads=sum(p.loads for p in parts),
        most_vram_gb=max(p.most_vram_gb for p in parts),
        violated=any(p.violated for p in parts),
    )


def _always(horizon: Horizon, pick: Callable[..., str]) -> Chosen:
    fitting = [name for name, model in horizon.models.items() if model.vram_gb <= horizon.room_gb[0]]
    if not fitting:
        raise RoutingFailed("no model fits", agent=horizon.tasks[0].agent)
    name = pick(fitting, key=lambda name: horizon.models[name].vram_gb)
    return Chosen({task.agent: name for task in horizon.tasks if task.step == 0}, {name: (0,)})


def _of(route: Route) -> Chosen:
    models = {name: found.model for name, found in route.assignments.items() if found.step == 0}
    return Chosen(models, route.resident[0] if route.resident else {})


_EXACT, _GREEDY, _MILP = Exact(), Greedy(), Milp()
