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

    def of(self, model: Model) -> CapacityLimiter:
        limiter = self._limiters.get(model.wire_name)
        if limiter is None:
            limiter = self._limiters[model.wire_name] = CapacityLimiter(model.concurrency or self._default)
        return limiter
