"""Random routing problems, and their best solution by looking at all of them."""

from __future__ import annotations

from itertools import product
from random import Random

from hypothesis import strategies as st

from llm_orc.domain.plan import Candidate, Horizon, Loadable, Route, RoutingSettings, TaskAhead

TIGHT = 1e-6


@st.composite
def horizons(
    draw: st.DrawFn, *, models: int = 4, tasks: int = 5, steps: int = 3, devices: int = 2, money: bool = True
) -> Horizon:
    """Small enough to look at every solution."""
    names = [f"m{index}" for index in range(draw(st.integers(1, models)))]
    room = tuple(draw(st.lists(st.sampled_from([0.0, 4.0, 8.0, 12.0]), max_size=devices)))
    loadables = {}
    for name in names:
        remote = draw(st.booleans())
        loadables[name] = Loadable(
            model=name,
            vram_gb=0.0 if remote else draw(st.sampled_from([1.0, 2.5, 5.0, 9.0])),
            load_seconds=0.0 if remote else draw(st.sampled_from([0.0, 0.5, 2.0])),
            devices=draw(st.sampled_from([None, (0,)])) if room else None,
            split=draw(st.booleans()),
        )
    quality = st.integers(0, 20).map(lambda n: n / 20)
    ahead = tuple(
        TaskAhead(
            agent=f"a{index}",
            step=draw(st.integers(0, steps - 1)),
            weight=draw(st.sampled_from([1.0, 3.0])),
            candidates=tuple(
                Candidate(
                    model=name, quality=draw(quality), tokens=500.0,
                    token_cost=draw(st.sampled_from([0.0, 0.3, 1.0])),
                    usd=draw(st.sampled_from([0.0, 0.5, 1.0])),
                )
                for name in names
            ),
        )
        for index in range(draw(st.integers(1, tasks)))
    )  # fmt: skip
    here = tuple(name for name in names if loadables[name].vram_gb and draw(st.booleans()))
    resident, left = {}, list(room)
    for name in here:
        size = loadables[name].vram_gb
        device = next((d for d, free in enumerate(left) if free >= size), None)
        if not room:
            resident[name] = ()
        elif device is not None and loadables[name].devices in (None, (device,)):
            resident[name] = (device,)
            left[device] -= size
    pinned = frozenset(name for name in resident if draw(st.booleans()))
    left_money = draw(st.sampled_from([None, 1.0, 4.0, 20.0])) if money else None
    return Horizon(
        tasks=ahead, models=loadables, resident=resident, pinned=pinned, room_gb=room, money_left=left_money
    )


def brute_force(horizon: Horizon, settings: RoutingSettings) -> float | None:
    """The best objective, by trying everything; None where nothing is feasible."""
    steps = 1 + max(task.step for task in horizon.tasks)
    places = {name: placements(horizon, model) for name, model in horizon.models.items()}
    local = [name for name, model in horizon.models.items() if model.vram_gb or model.load_seconds]
    residencies = [
        dict(zip(local, choice, strict=True))
        for choice in product(*([None, *places[name]] for name in local))
    ]
    fitting = [r for r in residencies if fits(horizon, r)]
    best: float | None = None
    now = {n: next((p for p in places[n] if devices(p) == d), None) for n, d in horizon.resident.items()}
    start = {n: p if p is not None else (places[n][0] if places[n] else None) for n, p in now.items()}
    for sequence in product(fitting, repeat=steps):
        if any(sequence[0].get(name) != start.get(name) for name in horizon.pinned):
            continue
        value, before = 0.0, start
        for step, residency in enumerate(sequence):
            for name, place in residency.items():
                if place is not None and before.get(name) != place:
                    value -= settings.gamma**step * switch_cost(horizon, settings, name)
            before = residency
        value = served(horizon, settings, sequence, value)
        if value is not None and (best is None or value > best):
            best = value
    return best


def served(horizon: Horizon, settings: RoutingSettings, sequence, value: float) -> float | None:
    choices = []
    for task in horizon.tasks:
        residency = sequence[task.step]
        there = [
            c for c in task.candidates if c.model not in residency or residency[c.model] is not None
        ]  # fmt: skip
        if not there:
            return None
        scale = settings.gamma**task.step * task.weight
        choices.append([
            (scale * (c.quality - settings.lambda_token * c.token_cost * c.tokens / settings.token_scale),
             c.usd * task.weight)
            for c in there
        ])  # fmt: skip
    if horizon.money_left is None:
        return value + sum(max(choice)[0] for choice in choices)
    best = None
    for combination in product(*choices):
        if sum(usd for _, usd in combination) <= horizon.money_left + TIGHT:
            total = value + sum(utility for utility, _ in combination)
            best = total if best is None else max(best, total)
    return best


def placements(horizon: Horizon, model: Loadable) -> list[tuple[tuple[int, float], ...]]:
    room = horizon.room_gb
    if not room:
        return [()]
    allowed = [d for d in range(len(room)) if model.devices is None or d in model.devices]
    found = [((d, model.vram_gb),) for d in allowed if model.vram_gb <= room[d]]
    total = sum(room[d] for d in allowed)
    if model.split and len(allowed) > 1 and model.vram_gb <= total and model.vram_gb:
        found.append(tuple((d, model.vram_gb * room[d] / total) for d in allowed))
    return found


def devices(place: tuple[tuple[int, float], ...]) -> tuple[int, ...]:
    return tuple(device for device, _ in place)


def fits(horizon: Horizon, residency: dict) -> bool:
    used = [0.0] * len(horizon.room_gb)
    for place in residency.values():
        for device, size in place or ():
            used[device] += size
    return all(u <= room + TIGHT for u, room in zip(used, horizon.room_gb, strict=True))


def switch_cost(horizon: Horizon, settings: RoutingSettings, name: str) -> float:
    milliseconds = horizon.models[name].load_seconds * 1000
    return settings.lambda_switch * milliseconds / (3 * settings.switch_t_scale_ms)


def check(horizon: Horizon, route: Route) -> None:
    """The route breaks no rule."""
    for step, resident in enumerate(route.resident):
        used = [0.0] * len(horizon.room_gb)
        for name, on in resident.items():
            model = horizon.models[name]
            share = sum(horizon.room_gb[d] for d in on) or 1.0
            for device in on:
                used[device] += model.vram_gb * (horizon.room_gb[device] / share if len(on) > 1 else 1.0)
        assert all(u <= room + TIGHT for u, room in zip(used, horizon.room_gb, strict=True)), (step, used)
    for name in horizon.pinned:
        assert name in route.resident[0]
    assert set(route.assignments) == {task.agent for task in horizon.tasks}
    for task in horizon.tasks:
        served_by = route.assignments[task.agent].model
        assert served_by in {candidate.model for candidate in task.candidates}
        model = horizon.models[served_by]
        if model.vram_gb or model.load_seconds:
            assert served_by in route.resident[task.step]
    if horizon.money_left is not None:
        spent = sum((route.assignments[t.agent].usd or 0) * t.weight for t in horizon.tasks)
        assert spent <= horizon.money_left + TIGHT


KINDS = 6


def random_horizon(
    random: Random, *, models: int, tasks: int, steps: int = 1, tightness: float = 0.3, devices: int = 1
) -> Horizon:
    """A larger one, for figures: models with capabilities per kind of task, larger ones better and dearer;
    tasks of six kinds, each with its own number of tokens."""
    loadables, capability = {}, {}
    for index in range(models):
        size = round(random.uniform(1, 14), 1)
        name = f"m{index:02d}"
        loadables[name] = Loadable(model=name, vram_gb=size, load_seconds=0.3 + 0.165 * size)
        capability[name] = [
            min(1.0, max(0.0, 0.4 + 0.035 * size + random.gauss(0, 0.12))) for _ in range(KINDS)
        ]
    total = sum(model.vram_gb for model in loadables.values())
    room = max(total * tightness, min(model.vram_gb for model in loadables.values()))
    ahead = []
    for index in range(tasks * steps):
        kind, tokens = random.randrange(KINDS), 400 * random.lognormvariate(0, 0.5)
        candidates = tuple(
            Candidate(
                model=name, quality=capability[name][kind], tokens=tokens,
                token_cost=0.15 * loadables[name].vram_gb,
            )
            for name in loadables
        )  # fmt: skip
        ahead.append(TaskAhead(agent=f"a{index:02d}", step=index % steps, candidates=candidates))
    return Horizon(tasks=tuple(ahead), models=loadables, room_gb=tuple([room / devices] * devices))
