"""Start each agent the moment its own dependencies are settled; layers are never a barrier.

The scheduler knows the DAG and what a failure means, nothing of models: it is given `execute`, which
turns an agent into an outcome. A failure is a value here; an exception is a bug and ends the run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Literal

import anyio
from anyio.abc import TaskGroup

from llm_orc.domain.cause import Cause
from llm_orc.domain.ensemble import Agent, Stop
from llm_orc.domain.events import AgentHeld
from llm_orc.domain.outcome import Answered, Failed, Outcome, Skipped
from llm_orc.graph.agent_graph import AgentGraph

Execute = Callable[[Agent, Mapping[str, Outcome]], Awaitable[Outcome]]
Settled = Callable[[str, Outcome], None]
Held = Callable[[AgentHeld], None]


class Scheduler:
    """Drives one run of one graph. `outcomes` fills up while it does."""

    def __init__(
        self,
        graph: AgentGraph,
        agents: Mapping[str, Agent],
        execute: Execute,
        settled: Settled,
        *,
        held: Held = lambda what: None,
        schedule: Literal["eager", "layered"] = "eager",
        concurrency: int | None = None,
    ) -> None:
        self.outcomes: dict[str, Outcome] = {}
        self.graph = graph
        self._agents = agents
        self._execute = execute
        self._settled = settled
        self._held = held
        self._layered = schedule == "layered"
        self._limit = anyio.CapacityLimiter(concurrency) if concurrency else None
        self._waiting = {name: len(needs) for name, needs in graph.depends_on.items()}
        self._stopped_by: str | None = None

    async def drive(self) -> None:
        """Run until every agent is settled."""
        if self._layered:
            for layer in self.graph.layers:
                await self._together([name for name in layer if name not in self.outcomes])
        else:
            await self._together(list(self.graph.layers[0]) if self.graph.layers else [])

    async def _together(self, names: list[str]) -> None:
        async with anyio.create_task_group() as tasks:
            for name in names:
                if name not in self.outcomes:
                    tasks.start_soon(self._work, tasks, name)

    async def _work(self, tasks: TaskGroup, name: str) -> None:
        following: str | None = name
        while following is not None:
            if self._limit is None:
                outcome = await self._run(following)
            else:
                if not self._limit.available_tokens:
                    at_once = int(self._limit.total_tokens)
                    self._held(AgentHeld(agent=following, why="place", at_once=at_once))
                async with self._limit:
                    outcome = await self._run(following)
            ready = self._settle(following, outcome)
            # The first goes on in this task: starting one more costs as much as all else together.
            following = ready[0] if ready else None
            for other in ready[1:]:
                tasks.start_soon(self._work, tasks, other)

    async def _run(self, name: str) -> Outcome:
        if self._stopped_by is not None:
            return Skipped(cause=self._stopped())
        return await self._execute(self._agents[name], self.outcomes)

    def _settle(self, name: str, outcome: Outcome) -> list[str]:
        """Record an outcome, and those of agents that it rules out; the agents that may start now."""
        ready: list[str] = []
        queue = deque([(name, outcome)])
        while queue:
            name, outcome = queue.popleft()
            self.outcomes[name] = outcome
            fatal = type(outcome) is Failed and isinstance(self._agents[name].on_failure, Stop)
            if fatal and self._stopped_by is None:
                self._stopped_by = name
            self._settled(name, outcome)
            for dependent in self.graph.dependents[name]:
                self._waiting[dependent] -= 1
                if self._waiting[dependent]:
                    continue
                blocked = self._blocked(dependent)
                if blocked is not None:
                    queue.append((dependent, Skipped(cause=blocked)))
                elif not self._layered:
                    ready.append(dependent)
                elif any(each not in self.outcomes for each in self._beside(name)):
                    self._held(AgentHeld(agent=dependent, why="layer"))
        return ready

    def _beside(self, name: str) -> tuple[str, ...]:
        """The layer of an agent."""
        return next(layer for layer in self.graph.layers if name in layer)

    def _blocked(self, name: str) -> Cause | None:
        """Why an agent whose dependencies are settled may not start; None when it may."""
        if self._stopped_by is not None:
            return self._stopped()
        needs = self.graph.depends_on[name]
        optional = self._agents[name].optional
        present = not needs
        for need in needs:
            outcome = self.outcomes[need]
            if type(outcome) is Answered or need in optional:
                present = True
            elif type(outcome) is not Skipped or outcome.cause.kind != "condition":
                verb = "failed" if isinstance(outcome, Failed) else "was skipped"
                return Cause(kind="dependency", message=f"it depends on {need!r}, which {verb}")
        if present:
            return None
        return Cause(kind="condition", message=f"none of what it depends on ran: {', '.join(needs)}")

    def _stopped(self) -> Cause:
        return Cause(kind="stopped", message=f"the run stopped because {self._stopped_by!r} failed")
