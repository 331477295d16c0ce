"""The routing problem made ready to solve: what may serve what, where it fits, and what it is worth.

Everything that no solver need decide is decided here: candidates that are not good or fast enough, models
that fit nowhere, tasks that are alike.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from llm_orc.domain.plan import (
    WEIGHED,
    Assignment,
    Candidate,
    Horizon,
    Loadable,
    RoutingSettings,
    TaskAhead,
    Weighed,
)
from llm_orc.errors import RoutingFailed

SLACK_GB = 1e-9


@dataclass(frozen=True, slots=True)
class Placement:
    """A model on one device, or across several: gigabytes by device."""

    model: str
    load: tuple[tuple[int, float], ...]

    @property
    def devices(self) -> tuple[int, ...]:
        return tuple(device for device, _ in self.load)


@dataclass(frozen=True, slots=True)
class Option:
    """A candidate that meets every condition of its task."""

    candidate: Candidate
    token_term: float

    @property
    def model(self) -> str:
        return self.candidate.model

    @property
    def utility(self) -> float:
        return self.candidate.quality - self.token_term


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks that are alike, as one with their weights added up. Options go by the name of the model."""

    agents: tuple[str, ...]
    step: int
    weight: float
    options: tuple[Option, ...]

    def assignments(self, option: Option) -> Iterator[Assignment]:
        """The same model for each of them."""
        for agent in self.agents:
            yield Assignment(
                agent=agent,
                step=self.step,
                model=option.model,
                quality=option.candidate.quality,
                token_term=option.token_term,
                usd=option.candidate.usd,
            )


@dataclass(frozen=True, slots=True)
class Problem:
    """`placements` holds the models that need room or time to load, by name; any other is simply there.

    `kept` are the placements that are resident now, `room` the room per device (a device may hold more
    than it has room for when what is pinned there is larger than was thought).
    """

    horizon: Horizon
    settings: RoutingSettings
    groups: tuple[Group, ...]
    placements: Mapping[str, tuple[Placement, ...]]
    kept: frozenset[Placement]
    room: tuple[float, ...]

    @property
    def steps(self) -> int:
        return 1 + max((group.step for group in self.groups), default=0)

    def switch_cost(self, model: str) -> float:
        """What loading a model takes from the objective."""
        return switch_term(self.horizon.models[model], self.settings)

    def discount(self, step: int) -> float:
        return self.settings.gamma**step


def prepare(horizon: Horizon, settings: RoutingSettings) -> Problem:
    """Raises `RoutingFailed` for a task that nothing may serve, with the condition that rules most out."""
    placements = _all_placements(horizon)
    groups: dict[object, Group] = {}
    for task in horizon.tasks:
        options = _options(task, horizon, settings, placements)
        alike: object = task.agent if horizon.money_left is not None else (task.step, options)
        known = groups.get(alike)
        groups[alike] = Group(
            agents=(*known.agents, task.agent) if known else (task.agent,),
            step=task.step,
            weight=task.weight + (known.weight if known else 0.0),
            options=options,
        )
    wanted = {option.model for group in groups.values() for option in group.options}
    wanted |= horizon.resident.keys() | horizon.pinned
    used = {name: placed for name, placed in placements.items() if name in wanted and placed}
    kept = frozenset(_kept(used, horizon))
    return Problem(
        horizon=horizon,
        settings=settings,
        groups=tuple(groups.values()),
        placements=used,
        kept=kept,
        room=_room(horizon, kept),
    )


def _all_placements(horizon: Horizon) -> dict[str, tuple[Placement, ...]]:
    """Where each model fits that needs room or time to load."""
    return {
        name: tuple(_placements(model, horizon))
        for name, model in sorted(horizon.models.items())
        if model.vram_gb > 0 or model.load_seconds > 0
    }


def _placements(model: Loadable, horizon: Horizon) -> Iterator[Placement]:
    """Where a model fits: alone on a device, or across all where it may be split."""
    room, size = horizon.room_gb, model.vram_gb
    if not room:
        yield Placement(model.model, ())
        return
    here = horizon.resident.get(model.model, ()) if model.model in horizon.pinned else ()
    allowed = [device for device in range(len(room)) if model.devices is None or device in model.devices]
    for device in allowed:
        if size <= room[device] + SLACK_GB or here == (device,):
            yield Placement(model.model, ((device, size),))
    total = sum(room[device] for device in allowed)
    if model.split and len(allowed) > 1 and 0 < size <= total + SLACK_GB:
        yield Placement(model.model, tuple((device, size * room[device] / total) for device in allowed))


def _kept(placements: Mapping[str, tuple[Placement, ...]], horizon: Horizon) -> Iterator[Placement]:
    """The placements that are there now; where a server does not say on which device, the first."""
    for name, placed in placements.items():
        if name in horizon.resident or name in horizon.pinned:
            devices = horizon.resident.get(name, ())
            yield next((p for p in placed if p.devices == devices), placed[0])


def _room(horizon: Horizon, kept: frozenset[Placement]) -> tuple[float, ...]:
    """What is pinned counts as fitting."""
    held = [0.0] * len(horizon.room_gb)
    for placement in kept:
        if placement.model in horizon.pinned:
            for device, size in placement.load:
                held[device] += size
    return tuple(max(room, pinned) for room, pinned in zip(horizon.room_gb, held, strict=True))


def weighed(horizon: Horizon, settings: RoutingSettings) -> dict[str, tuple[Weighed, ...]]:
    """The candidates of each task of the first step that has a choice, the best that may serve it first."""
    placements = _all_placements(horizon)
    found = {}
    for task in horizon.tasks:
        if task.step == 0 and len(task.candidates) > 1:
            each = [
                Weighed(
                    model=candidate.model,
                    quality=candidate.quality,
                    token_term=token_term(candidate, settings),
                    switch_term=(
                        0.0
                        if candidate.model in horizon.resident
                        else switch_term(horizon.models[candidate.model], settings)
                    ),
                    usd=candidate.usd,
                    refused=_refusal(candidate, task, horizon, placements),
                )
                for candidate in task.candidates
            ]
            each.sort(key=lambda one: (bool(one.refused), -one.utility, one.model))
            found[task.agent] = tuple(each[:WEIGHED])
    return found


def token_term(candidate: Candidate, settings: RoutingSettings) -> float:
    """What a call's tokens take from its quality."""
    return settings.lambda_token * candidate.token_cost * candidate.tokens / settings.token_scale


def switch_term(model: Loadable, settings: RoutingSettings) -> float:
    """What loading a model takes from the objective."""
    return settings.lambda_switch * model.load_seconds * 1000 / (3 * settings.switch_t_scale_ms)


def _options(
    task: TaskAhead,
    horizon: Horizon,
    settings: RoutingSettings,
    placements: Mapping[str, tuple[Placement, ...]],
) -> tuple[Option, ...]:
    refused: dict[str, str] = {}
    options: list[Option] = []
    for candidate in sorted(task.candidates, key=lambda c: c.model):
        reason = _refusal(candidate, task, horizon, placements)
        if reason:
            refused[candidate.model] = reason
        else:
            options.append(Option(candidate, token_term(candidate, settings)))
    if not options:
        why = "; ".join(f"{model} {reason}" for model, reason in refused.items()) or "it has no models"
        raise RoutingFailed(
            f"no model can serve agent {task.agent!r}: {why}", agent=task.agent, hint=_hint(why)
        )
    return tuple(options)


def _refusal(
    candidate: Candidate, task: TaskAhead, horizon: Horizon, placements: Mapping[str, tuple[Placement, ...]]
) -> str:
    model = horizon.models[candidate.model]
    if candidate.model in placements and not placements[candidate.model]:
        room = sum(horizon.room_gb) if model.split else max(horizon.room_gb)
        return f"needs {model.vram_gb:g} GB and there are {room:g} GB"
    if task.min_quality is not None and candidate.quality < task.min_quality:
        return f"is expected to reach {candidate.quality:.2f}, and min_quality is {task.min_quality:g}"
    if (
        task.max_seconds is not None
        and candidate.seconds is not None
        and candidate.seconds > task.max_seconds
    ):
        return (
            f"is expected to take {candidate.seconds:.1f} s, and max_latency_seconds is {task.max_seconds:g}"
        )
    if horizon.money_left is not None:
        if candidate.usd is None:
            return "has no known price, and there is a budget"
        if candidate.usd * task.weight > horizon.money_left:
            return f"costs about ${candidate.usd * task.weight:.4f}, and ${horizon.money_left:.4f} are left"
    return ""


def _hint(why: str) -> str:
    for sign, hint in (
        ("GB", "give the agent a smaller model, or raise vram_gb"),
        ("min_quality", "lower min_quality, or add a stronger model to its pool"),
        ("max_latency", "raise max_latency_seconds, or add a faster model to its pool"),
        ("price", "give the model a price in models.yaml"),
        ("$", "raise the budget, or add a cheaper model"),
    ):
        if sign in why:
            return hint
    return "name a model"
