"""What a router is asked and what it answers: tasks ahead, models, room, and a route through them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from llm_orc.domain.ensemble import Llm
from llm_orc.domain.evidence import Source
from llm_orc.domain.model import Model
from llm_orc.domain.usage import Usage

Status = Literal["optimal", "feasible", "greedy", "fixed", "planned"]
WEIGHED = 8
"""A plan is kept with every run: of long lists the first say why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A model that may serve a task, with what is expected of it.

    `quality` is in [0, 1]; `tokens` are read and written ones; `token_cost` is what 1,000 of them cost in
    the router's own unit (docs/routing.md); `usd` is None where the price is unknown, `seconds` where the
    speed is.
    """

    model: str
    quality: float
    tokens: float = 0.0
    token_cost: float = 0.0
    usd: float | None = 0.0
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskAhead:
    """An agent that needs a model `step` steps from now; `weight` counts how often it will ask."""

    agent: str
    candidates: tuple[Candidate, ...]
    step: int = 0
    weight: float = 1.0
    min_quality: float | None = None
    max_seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loadable:
    """What it takes to have a model: room and time. Remote models take neither.

    `devices` are those that it may sit on, None for any; with `split` it may also lie across all of them.
    """

    model: str
    vram_gb: float = 0.0
    load_seconds: float = 0.0
    devices: tuple[int, ...] | None = None
    split: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Horizon:
    """All that a router may look at.

    `resident` maps the models in memory to the devices they are on, `pinned` are those that serve
    something right now and must stay. `room_gb` is the room per device; empty: unlimited. `money_left`
    is in US dollars, None without a limit.
    """

    tasks: tuple[TaskAhead, ...]
    models: Mapping[str, Loadable]
    resident: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    pinned: frozenset[str] = frozenset()
    room_gb: tuple[float, ...] = ()
    money_left: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingSettings:
    """The weights of the objective. `relaxed` solves the linear relaxation and rounds it, feasibly."""

    lambda_token: float = 0.5
    lambda_switch: float = 0.2
    token_scale: float = 1000.0
    switch_t_scale_ms: float = 1500.0
    gamma: float = 0.9
    horizon: int = 2
    relaxed: bool = False
    time_limit_s: float = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Which model serves an agent, and why: `utility` is `quality - token_term`, per call."""

    agent: str
    step: int
    model: str
    quality: float
    token_term: float
    usd: float | None = 0.0

    @property
    def utility(self) -> float:
        return self.quality - self.token_term


@dataclass(frozen=True, slots=True, kw_only=True)
class Weighed:
    """A candidate as the router saw it: `utility` is `quality - token_term`, per call.

    `switch_term` is what loading it would take from the objective, 0 for what is in memory; `refused` is the
    condition that rules it out, "" where none does.
    """

    model: str
    quality: float
    token_term: float
    switch_term: float = 0.0
    usd: float | None = 0.0
    refused: str = ""

    @property
    def utility(self) -> float:
        return self.quality - self.token_term


@dataclass(frozen=True, slots=True, kw_only=True)
class Route:
    """Assignments for every task of the horizon; those of step 0 are carried out.

    `resident` maps models to devices, step by step. `objective` is at most `bound`, None where nothing
    was optimised. `note` says what the router had to give up.
    """

    assignments: Mapping[str, Assignment]
    resident: tuple[Mapping[str, tuple[int, ...]], ...]
    status: Status
    solver: str
    objective: float | None = None
    bound: float | None = None
    solve_ms: float = 0.0
    note: str = ""


class Router(Protocol):
    """Chooses models. It does no I/O unless it asks a model itself, and keeps nothing about a run."""

    async def route(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        """Raises `RoutingFailed`, naming an agent and the constraint, when nothing can serve it."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Asker:
    """An llm agent that asks for a model, now or later. `text` is what is known of its prompt by now."""

    name: str
    llm: Llm
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """One step of a run's plan: who was ready, who comes after, and the route that was found.

    `resident` are the models that were in memory when it was made, `unloaded` those that were let go to
    make room; `warnings` say which model is weak for what. `weighed` has the candidates of each ready agent
    that had a choice, the best first and at most `WEIGHED` of them.
    """

    ready: tuple[str, ...]
    ahead: tuple[tuple[str, ...], ...]
    route: Route
    resident: frozenset[str] = frozenset()
    unloaded: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    weighed: Mapping[str, tuple[Weighed, ...]] = field(default_factory=dict)


class Planning(Protocol):
    """What a run asks for its models."""

    @property
    def horizon(self) -> int:
        """How many layers ahead it wants to see."""
        ...

    async def plan(
        self, ready: Sequence[Asker], ahead: Sequence[Sequence[Asker]], in_use: frozenset[str]
    ) -> Plan:
        """Models for all that are ready. Raises `RoutingFailed`; nothing has been changed then."""
        ...

    def chosen(self, asker: Asker, model: str) -> Model:
        """The model as it is to be asked: how long it stays loaded follows from the plan."""
        ...

    def learn(
        self,
        asker: Asker,
        model: str,
        usage: Usage,
        seconds: float,
        scores: Sequence[tuple[Source, float]],
    ) -> None:
        """Take into account what an agent's work took and what it was worth."""
        ...

    def settle(self, run_id: str) -> str:
        """Keep what was learned, at the end of a run; a text says why that could not be done."""
        ...
