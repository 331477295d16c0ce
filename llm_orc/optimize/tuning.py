"""Settings instead of prompts: quality against cost and time, by Optuna's multi-objective search."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass

from llm_orc.domain.json import JsonValue
from llm_orc.optimize.meter import Stopped

ATTEMPTS = 4
"""How often, on average, a sampler may come back to what was measured already."""
Settings = Mapping[str, JsonValue]
"""Knob name -> what it is set to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Knob:
    """One setting of one agent, `agent` and `key` as an edit of the file takes them.

    `choices` begin with what the file says.
    """

    agent: str
    key: str
    choices: tuple[JsonValue, ...]

    @property
    def name(self) -> str:
        return f"{self.agent}.{self.key}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """One way to set all knobs, and what it came to on the validation rows, a run on average.

    `usd` is None where a price is unknown: then tokens are compared.
    """

    settings: Settings
    quality: float
    usd: float | None
    tokens: float
    seconds: float

    @property
    def cost(self) -> float:
        return self.tokens if self.usd is None or self.usd == 0 else self.usd

    def dominates(self, other: Point) -> bool:
        """At least as good in all respects and better in one."""
        mine = (-self.quality, self.cost, self.seconds)
        theirs = (-other.quality, other.cost, other.seconds)
        return mine != theirs and all(a <= b for a, b in zip(mine, theirs, strict=True))


async def tune(
    knobs: Sequence[Knob], measure: Callable[[Settings], Awaitable[Point]], *, trials: int, seed: int
) -> tuple[Point, ...]:
    """Every point that was measured, what the file says first; fewer where nothing more may be sent."""
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    sampler = optuna.samplers.TPESampler(seed=seed, n_startup_trials=max(5, trials // 3))
    study = optuna.create_study(directions=["maximize", "minimize", "minimize"], sampler=sampler)
    study.enqueue_trial({knob.name: 0 for knob in knobs})
    places = {
        knob.name: optuna.distributions.CategoricalDistribution(range(len(knob.choices))) for knob in knobs
    }
    measured: dict[tuple[int, ...], Point] = {}
    for _ in range(trials * ATTEMPTS):
        if len(measured) == trials:
            break
        trial = study.ask(places)
        place = tuple(trial.params[knob.name] for knob in knobs)
        if place not in measured:
            settings = {knob.name: knob.choices[at] for knob, at in zip(knobs, place, strict=True)}
            try:
                measured[place] = await measure(settings)
            except Stopped:
                break
        point = measured[place]
        study.tell(trial, (point.quality, point.cost, point.seconds))
    return tuple(measured.values())


def front(points: Sequence[Point]) -> tuple[Point, ...]:
    """The points that no other dominates, the best first; the first of those that come to the very same."""
    first = {(point.quality, point.cost, point.seconds): point for point in reversed(points)}
    kept = [point for point in first.values() if not any(other.dominates(point) for other in points)]
    return tuple(sorted(kept, key=lambda point: (-point.quality, point.cost, point.seconds)))
