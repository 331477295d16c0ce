"""No choice: each agent's first candidate, whatever it takes."""

from __future__ import annotations

from llm_orc.domain.plan import Assignment, Horizon, Route, RoutingSettings
from llm_orc.plan.problem import token_term


class Fixed:
    """What the file says first."""

    async def route(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        assignments = {}
        for task in horizon.tasks:
            first = task.candidates[0]
            assignments[task.agent] = Assignment(
                agent=task.agent, step=task.step, model=first.model, quality=first.quality,
                token_term=token_term(first, settings), usd=first.usd,
            )  # fmt: skip
        return Route(assignments=assignments, resident=(), status="fixed", solver="fixed")
