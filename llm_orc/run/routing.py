"""Which model serves which agent while the DAG unfolds: a plan at every change of the ready set.

Receding horizon: what is ready is planned together with its successors, only what is ready is carried out,
and the next plan starts from what is known by then. Agents that became ready together are planned together.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

import anyio
import anyio.lowlevel

from llm_orc.domain.ensemble import Agent, Llm
from llm_orc.domain.events import AgentHeld, Planned, Warned
from llm_orc.domain.model import Model
from llm_orc.domain.plan import Asker, Plan, Planning
from llm_orc.errors import RoutingFailed
from llm_orc.graph.agent_graph import AgentGraph
from llm_orc.run.stream import EventStream

_NOTICED_SECONDS = 0.2

Successors = Callable[[tuple[str, ...], int], tuple[tuple[Asker, ...], ...]]


class Routing:
    """The models of one run. What does not fit beside what is in use waits until that is done."""

    def __init__(self, planning: Planning, emit: EventStream) -> None:
        self.plans: list[Plan] = []
        self.planning = planning
        self._emit = emit
        self._pending: dict[str, tuple[Asker, Successors]] = {}
        self._found: dict[str, str | RoutingFailed] = {}
        self._in_use: Counter[str] = Counter()
        self._there: set[str] = set()
        self._lock = anyio.Lock()
        self._changed = anyio.Event()

    async def assign(self, asker: Asker, successors: Successors) -> Model:
        """The model for an agent that is ready. Raises `RoutingFailed`; every model is given back."""
        name, is_held = asker.name, False
        self._pending[name] = (asker, successors)
        try:
            while name not in self._found:
                changed = self._changed
                async with self._lock:
                    if name in self._pending and name not in self._found:
                        # Whoever becomes ready in the same moment is planned along.
                        await anyio.lowlevel.checkpoint()
                        await self._plan()
                if name not in self._found:
                    if not is_held:
                        is_held = True
                        self._emit(AgentHeld(agent=name, why="room", models=tuple(sorted(self._in_use))))
                    await changed.wait()
        finally:
            self._pending.pop(name, None)
        found = self._found.pop(name)
        if isinstance(found, RoutingFailed):
            raise found
        return self.planning.chosen(asker, found)

    def release(self, model: str, load_seconds: float = 0.0) -> None:
        """An agent is done with its model, which took so long to load."""
        if load_seconds > _NOTICED_SECONDS and model in self._there:
            self._emit(Warned(
                message=f"{model} was in memory and had to be loaded again ({load_seconds:.1f} s): do agents "
                "ask it with different options, or is there less room than vram_gb says?"
            ))  # fmt: skip
        self._in_use[model] -= 1
        if not self._in_use[model]:
            del self._in_use[model]
        self._changed.set()
        self._changed = anyio.Event()

    @contextmanager
    def lent(self, model: str) -> Iterator[None]:
        """An agent waits for agents of its own: until they are done its model is not in use."""
        self.release(model)
        try:
            yield
        finally:
            self._in_use[model] += 1

    async def _plan(self) -> None:
        waiting = [item for name, item in self._pending.items() if name not in self._found]
        fault = await self._tried(waiting)
        if fault is None or len(waiting) == 1:
            return
        # They do not fit together: one after the other, first come, first served.
        for item in waiting:
            await self._tried([item])

    async def _tried(self, waiting: list[tuple[Asker, Successors]]) -> RoutingFailed | None:
        """Plan for these; an agent that nothing can serve, also with nothing else in use, has failed."""
        # What is released while the plan is made was in its way all the same.
        alone = not self._in_use
        try:
            await self._plan_for(waiting)
        except RoutingFailed as fault:
            if alone and len(waiting) == 1:
                self._found[waiting[0][0].name] = fault
            return fault
        return None

    async def _plan_for(self, waiting: list[tuple[Asker, Successors]]) -> None:
        ready = [asker for asker, _ in waiting]
        groups: dict[int, tuple[Successors, list[str]]] = {}
        for asker, successors in waiting:
            groups.setdefault(id(successors), (successors, []))[1].append(asker.name)
        steps: list[list[Asker]] = [[] for _ in range(self.planning.horizon)]
        for successors, names in groups.values():
            for step, askers in zip(steps, successors(tuple(names), self.planning.horizon), strict=True):
                step += askers
        plan = await self.planning.plan(ready, steps, frozenset(self._in_use))
        self.plans.append(plan)
        self._there = set(plan.resident)
        for warning in plan.warnings:
            self._emit(Warned(message=warning))
        self._emit(Planned(step=len(self.plans), plan=plan))
        for asker in ready:
            model = plan.route.assignments[asker.name].model
            self._found[asker.name] = model
            self._in_use[model] += 1


def successors_in(graph: AgentGraph, agents: Mapping[str, Agent], within: str) -> Successors:
    """The llm agents that follow in an ensemble, by the names that they have in the run."""

    def ahead(names: tuple[str, ...], horizon: int) -> tuple[tuple[Asker, ...], ...]:
        own = tuple(name.removeprefix(within) for name in names)
        return tuple(
            tuple(
                Asker(name=within + name, llm=work)
                for name in step
                if isinstance(work := agents[name].work, Llm)
            )
            for step in graph.ahead(own, horizon)
        )

    return ahead
