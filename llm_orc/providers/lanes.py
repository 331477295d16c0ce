"""How many calls of one model are under way at once."""

from __future__ import annotations

import math

from anyio import CapacityLimiter

from llm_orc.domain.model import Model


class Lanes:
    """One limiter per model: `model.concurrency`, or `default`. Waiting here is not part of any timeout."""

    def __init__(self, default: float = math.inf) -> None:
        self._default = default
        self._limiters: dict[str, CapacityLimiter] = {}

    def of(self, model: Model, default: float | None = None) -> CapacityLimiter:
        limiter = self._limiters.get(model.wire_name)
        if limiter is None:
            most = model.concurrency or default or self._default
            limiter = self._limiters[model.wire_name] = CapacityLimiter(most)
        return limiter
