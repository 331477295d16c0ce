"""Plans the models of a run: from agents, beliefs and what is resident to routes, and back to beliefs."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from llm_orc.domain.completion import Usage
from llm_orc.domain.evidence import Evidence, Source
from llm_orc.domain.model import Model
from llm_orc.domain.plan import (
    Asker,
    Assignment,
    Horizon,
    Loadable,
    Plan,
    Router,
    RoutingSettings,
    TaskAhead,
)
from llm_orc.domain.task import Task
from llm_orc.errors import RoutingFailed
from llm_orc.plan.beliefs import Beliefs, identity
from llm_orc.plan.estimates import candidate, samples_of, tokens_of
from llm_orc.plan.guardrails import doubts
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


class Planned:
    """Makes the plans of one run."""

    def __init__(
        self,
        router: Router,
        settings: RoutingSettings,
        *,
        memory: Memory,
        room_gb: tuple[float, ...] = (),
        beliefs: Beliefs | None = None,
        guardrails: Literal["off", "warn", "strict"] = "warn",
        record: Callable[[Evidence], None] | None = None,
    ) -> None:
        self.beliefs = beliefs or Beliefs()
        self._router = router
        self._settings = settings
        self._memory = memory
        self._room = room_gb
        self._guardrails = guardrails
        self._record = record
        self._tasks: dict[str, Task] = {}
        self._wanted_later: frozenset[str] = frozenset()
        self._warned: set[str] = set()
        self._measured: dict[str, float] = {}

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

    async def plan(
        self, ready: Sequence[Asker], ahead: Sequence[Sequence[Asker]], in_use: frozenset[str]
    ) -> Plan:
        models = {model.name: model for step in (ready, *ahead) for a in step for model in a.llm.models}
        resident = await self._memory.resident(list(models.values()))
        for name, found in resident.items():
            if found.vram_gb is not None:
                self._measured[name] = found.vram_gb
        horizon = Horizon(
            tasks=tuple(self._ahead(asker, step) for step, a in enumerate((ready, *ahead)) for asker in a),
            models={name: self._loadable(model) for name, model in models.items()},
            resident={name: found.devices for name, found in resident.items() if name in models},
            pinned=in_use & models.keys(),
            room_gb=self._room_left(resident, models),
        )
        route = await self._router.route(horizon, self._settings)
        now = route.resident[0] if route.resident else {}
        self._wanted_later = frozenset(name for step in route.resident[1:] for name in step)
        gone = sorted(set(horizon.resident) - set(now) - in_use) if self._room and route.resident else []
        chosen = {assignment.model for assignment in route.assignments.values() if assignment.step == 0}
        loads = chosen - resident.keys()
        unloaded = gone if loads else []
        for name in unloaded:
            await self._memory.unload(models[name])
        return Plan(
            ready=tuple(asker.name for asker in ready),
            ahead=tuple(tuple(asker.name for asker in step) for step in ahead),
            route=route,
            unloaded=tuple(unloaded),
            warnings=tuple(self._warnings(ready, route.assignments, models)),
        )

    def chosen(self, asker: Asker, model: str) -> Model:
        """With the time that the plan keeps it for, unless the user said how long."""
        found = next(each for each in asker.llm.models if each.name == model)
        if "load_control" not in found.supports or found.keep_alive is not None or not self._room:
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
        for piece in pieces:
            self.beliefs.learn(found, piece)
            if self._record is not None:
                self._record(piece)

    def _ahead(self, asker: Asker, step: int) -> TaskAhead:
        llm, task = asker.llm, self.task(asker)
        read, written = tokens_of(llm, task, asker.text, 0 if asker.text else 1)
        allowed = [m for m in llm.models if self._guardrails != "strict" or not any(doubts(task, m))]
        if not allowed:
            why = "; ".join(next(doubts(task, model)) for model in llm.models)
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

    def _room_left(self, resident: Mapping[str, Resident], models: Mapping[str, Model]) -> tuple[float, ...]:
        """Without what is in memory and none of this run's."""
        room = list(self._room)
        for name, found in resident.items():
            if name not in models and room:
                device = found.devices[0] if found.devices else 0
                room[device] = max(0.0, room[device] - (found.vram_gb or 0.0))
        return tuple(room)

    def _warnings(
        self, ready: Sequence[Asker], assignments: Mapping[str, Assignment], models: Mapping[str, Model]
    ) -> Iterator[str]:
        if self._guardrails == "off":
            return
        for asker in ready:
            served = assignments.get(asker.name)
            if served is None or asker.name in self._warned:
                continue
            for doubt in doubts(self.task(asker), models[served.model]):
                self._warned.add(asker.name)
                yield f"agent {asker.name!r}: {doubt}"
