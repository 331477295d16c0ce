"""Plans the models of a run: from agents, beliefs and what is resident to routes, and back to beliefs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from llm_orc.domain.evidence import Evidence, Served, Source
from llm_orc.domain.model import Model
from llm_orc.domain.plan import (
    Asker,
    Assignment,
    Horizon,
    Loadable,
    Plan,
    Route,
    Router,
    RoutingSettings,
    TaskAhead,
)
from llm_orc.domain.task import Task
from llm_orc.domain.usage import Usage
from llm_orc.errors import JournalFailed, RoutingFailed
from llm_orc.plan.beliefs import Beliefs, identity
from llm_orc.plan.estimates import candidate, samples_of, tokens_of
from llm_orc.plan.exact import Exact
from llm_orc.plan.guardrails import doubts, warnings
from llm_orc.plan.problem import prepare, weighed
from llm_orc.plan.task_typing import task_of

KEPT = "30m"
"""How long Ollama is told to keep a model that the plan needs again."""
DROPPED = "10s"
"""And one that it does not: the runner with the shortest time left is the one that makes room."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resident:
    """A model that is in memory now; `vram_gb` is what its server measured, None where it does not say."""

    vram_gb: float | None = None
    devices: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """The servers' memory: which models are in it, and how to let one go."""

    resident: Callable[[Sequence[Model]], Awaitable[Mapping[str, Resident]]]
    unload: Callable[[Model], Awaitable[None]]


Keep = Callable[[str, Sequence[Evidence], Sequence[Served]], None]


class Planned:
    """Makes the plans of one run. `pool` are all models that it may ask, by name.

    What else is in the servers' memory takes no room here: a server lets go of it by itself when it has to.
    Of servers that do not tell, what was planned is taken to be there; with `only_looks` of all of them.
    """

    def __init__(
        self,
        router: Router,
        settings: RoutingSettings,
        *,
        pool: Mapping[str, Model],
        memory: Memory,
        room_gb: tuple[float, ...] = (),
        beliefs: Beliefs | None = None,
        guardrails: Literal["off", "warn", "strict"] = "warn",
        keep: Keep | None = None,
        only_looks: bool = False,
        is_down: Callable[[Model], bool] = lambda model: False,
    ) -> None:
        self._is_down = is_down
        self.beliefs = beliefs or Beliefs()
        self._router = router
        self._settings = settings
        self._pool = dict(pool)
        self._memory = memory
        self.room_gb = room_gb
        self._guardrails = guardrails
        self._keep = keep
        self._evidence: list[Evidence] = []
        self._served: list[Served] = []
        self._only_looks = only_looks
        self._assumed: dict[str, Resident] | None = None
        self._tasks: dict[str, Task] = {}
        self._wanted_later: frozenset[str] = frozenset()
        self._warned: set[str] = set()
        self._measured: dict[str, float] = {}
        self._first: Horizon | None = None
        self._looked_at: dict[str, TaskAhead] = {}

    @property
    def horizon(self) -> int:
        return self._settings.horizon

    def task(self, asker: Asker) -> Task:
        """The kind of task that an agent has, decided once."""
        found = self._tasks.get(asker.name)
        if found is None:
            llm = asker.llm
            prompt = llm.prompt.source if llm.prompt is not None else ""
            text = "\n".join(part for part in (llm.system_prompt, prompt, asker.text) if part)
            found = self._tasks[asker.name] = task_of(text, llm.task)
        return found

    def as_if(self) -> Planned:
        """The same, that only looks: what it plans to load is resident for its next plan."""

        async def unload(model: Model) -> None:
            pass

        return Planned(
            self._router, self._settings, pool=self._pool,
            memory=Memory(resident=self._memory.resident, unload=unload),
            room_gb=self.room_gb, beliefs=self.beliefs, guardrails=self._guardrails, only_looks=True,
        )  # fmt: skip

    def samples(self, asker: Asker) -> float:
        """How often an agent is expected to ask."""
        return samples_of(asker.llm)

    def explained(self) -> str:
        """The first plan's optimisation problem as mathematics and as cvxpy has it."""
        from llm_orc.plan import formulation

        if self._first is None:
            return ""
        made = formulation.formulate(prepare(self._first, self._settings))
        return f"{formulation.__doc__}\n{made.problem}"

    def size_of(self, resident: Sequence[Mapping[str, object]]) -> float:
        """Gigabytes of what is resident at the first step."""
        names = resident[0] if resident else ()
        return sum(self._loadable(self._pool[name]).vram_gb for name in names)

    def room_worth(self) -> tuple[float, ...]:
        """What one more GB on each device would add to the first plan's objective; empty: no limit."""
        if not self.room_gb or self._first is None:
            return ()
        return Exact().room_worth(self._first, self._settings)

    async def plan(
        self, ready: Sequence[Asker], ahead: Sequence[Sequence[Asker]], in_use: frozenset[str]
    ) -> Plan:
        # An ensemble that is chosen while the run goes on may bring models of its own.
        self._pool.update((m.name, m) for step in (ready, *ahead) for asker in step for m in asker.llm.models)
        resident = await self._resident()
        for name, there in resident.items():
            if there.vram_gb is not None:
                self._measured[name] = there.vram_gb
        tasks = [self._ahead(asker, step) for step, a in enumerate((ready, *ahead)) for asker in a]
        wanted = {c.model for task in tasks for c in task.candidates} | resident.keys() | in_use
        horizon = Horizon(
            tasks=tuple(tasks),
            models={name: self._loadable(self._pool[name]) for name in sorted(wanted)},
            resident={name: there.devices for name, there in resident.items()},
            pinned=in_use,
            room_gb=self.room_gb,
        )
        self._first = self._first or horizon
        route = await self._router.route(horizon, self._settings)
        self._wanted_later = frozenset(name for step in route.resident[1:] for name in step)
        unloaded = self._gone(route, resident.keys(), in_use)
        for name in unloaded:
            await self._memory.unload(self._pool[name])
        self._assumed = {name: there for name, there in resident.items() if name not in unloaded}
        for name, devices in (route.resident[0] if route.resident else {}).items():
            self._assumed.setdefault(name, Resident(devices=devices))
        return Plan(
            ready=tuple(asker.name for asker in ready),
            ahead=tuple(tuple(asker.name for asker in step) for step in ahead),
            route=route,
            resident=frozenset(resident) - set(unloaded),
            unloaded=tuple(unloaded),
            warnings=tuple(warnings(self._doubts(ready, route.assignments))),
            weighed=weighed(horizon, self._settings),
        )

    def chosen(self, asker: Asker, model: str) -> Model:
        """With the time that the plan keeps it for, unless the user said how long."""
        found = next(each for each in asker.llm.models if each.name == model)
        if "load_control" not in found.supports or found.keep_alive is not None or not self.room_gb:
            return found
        return replace(found, keep_alive=KEPT if model in self._wanted_later else DROPPED)

    def learn(
        self,
        asker: Asker,
        model: str,
        usage: Usage,
        seconds: float,
        scores: Sequence[tuple[Source, float]],
    ) -> None:
        found = next((each for each in asker.llm.models if each.name == model), None)
        if found is None:
            return
        task = self.task(asker)
        read, written = tokens_of(asker.llm, task, asker.text, 0)
        expected = (read + written) * samples_of(asker.llm)
        used = usage.input_tokens + usage.output_tokens
        pieces = [Evidence(model=identity(found), task=task.kind, source=source, score=score)
                  for source, score in scores]  # fmt: skip
        if used and expected:
            speed = seconds / usage.output_tokens if usage.output_tokens else None
            pieces.append(Evidence(
                model=identity(found), task=task.kind, source="usage", token_ratio=used / expected,
                seconds_per_token=speed,
            ))  # fmt: skip
        if self._keep is None:
            return
        self._served.append(Served(agent=asker.name, model=identity(found), task=task.kind))
        self._evidence += pieces
        for piece in pieces:
            self.beliefs.learn(found, piece)

    def settle(self, run_id: str) -> str:
        if self._keep is None or not self._served:
            return ""
        try:
            self._keep(run_id, self._evidence, self._served)
        except JournalFailed as error:
            return f"what was learned is lost: {error.message}"
        return ""

    async def _resident(self) -> dict[str, Resident]:
        if self._only_looks and self._assumed is not None:
            return self._assumed
        silent = {
            name: there
            for name, there in (self._assumed or {}).items()
            if "load_control" not in self._pool[name].supports
        }
        found = await self._memory.resident(list(self._pool.values()))
        return {**silent, **{name: there for name, there in found.items() if name in self._pool}}

    def _ahead(self, asker: Asker, step: int) -> TaskAhead:
        """Where nothing is run nothing is learned: what was expected of an agent at a step before holds."""
        if not self._only_looks:
            return self._expected(asker, step)
        found = self._looked_at.get(asker.name) or self._expected(asker, step)
        self._looked_at[asker.name] = found
        return found if found.step == step else replace(found, step=step)

    def _expected(self, asker: Asker, step: int) -> TaskAhead:
        llm, task = asker.llm, self.task(asker)
        read, written = tokens_of(llm, task, asker.text, 0 if asker.text else 1)
        allowed = [m for m in llm.choices if self._guardrails != "strict" or not any(doubts(task, m))]
        # Where all of their hosts are left alone, one of them has to be tried.
        allowed = [m for m in allowed if not self._is_down(m)] or allowed
        if not allowed:
            why = "; ".join(next(doubts(task, model)) for model in llm.choices)
            raise RoutingFailed(
                f"no model can serve agent {asker.name!r}: {why}",
                agent=asker.name, hint="add a stronger model to its pool, or set guardrails: warn",
            )  # fmt: skip
        return TaskAhead(
            agent=asker.name,
            step=step,
            weight=samples_of(llm),
            candidates=tuple(candidate(model, task, read, written, self.beliefs) for model in allowed),
            min_quality=llm.min_quality,
            max_seconds=llm.max_latency_seconds,
        )

    def _loadable(self, model: Model) -> Loadable:
        size = self._measured.get(model.name, model.vram_gb or 0.0)
        return Loadable(
            model=model.name,
            vram_gb=size,
            load_seconds=(model.load_seconds or 0.0) if size else 0.0,
            devices=model.devices,
            split=model.split,
        )

    def _gone(self, route: Route, resident: Collection[str], in_use: frozenset[str]) -> list[str]:
        """What makes room for models that have to be loaded now."""
        if not self.room_gb or not route.resident:
            return []
        chosen = {found.model for found in route.assignments.values() if found.step == 0}
        return sorted(set(resident) - route.resident[0].keys() - in_use) if chosen - set(resident) else []

    def _doubts(
        self, ready: Sequence[Asker], assignments: Mapping[str, Assignment]
    ) -> Iterator[tuple[str, str]]:
        if self._guardrails == "off":
            return
        for asker in ready:
            served = assignments.get(asker.name)
            if served is None or asker.name in self._warned:
                continue
            for doubt in doubts(self.task(asker), self._pool[served.model]):
                self._warned.add(asker.name)
                yield asker.name, doubt
