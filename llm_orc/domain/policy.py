"""What may be spent, and how calls that fail, repeat or crowd are treated."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

CacheScope = Literal["run", "project", "off"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """What a run or an agent may spend; None: no limit.

    `tokens` counts those read and written, `calls` those of models, `seconds` wall-clock time. A `strict`
    budget also holds back a call whose largest possible cost does not fit.
    """

    usd: float | None = None
    tokens: int | None = None
    calls: int | None = None
    seconds: float | None = None
    strict: bool = False

    def over(self, base: Budget) -> Budget:
        """What is set here, and `base` where nothing is."""
        return Budget(
            usd=base.usd if self.usd is None else self.usd,
            tokens=base.tokens if self.tokens is None else self.tokens,
            calls=base.calls if self.calls is None else self.calls,
            seconds=base.seconds if self.seconds is None else self.seconds,
            strict=self.strict or base.strict,
        )

    @property
    def limits_calls(self) -> bool:
        """Whether anything but time is limited."""
        return not (self.usd is None and self.tokens is None and self.calls is None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one host takes: calls at once, requests and tokens per minute; None: as many as there are."""

    concurrency: int | None = None
    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """How calls are treated; None: what stands around says, at last `USUAL`.

    `retries` are further attempts at a call that may work later, `max_wait_seconds` is the longest pause
    before one, `call_seconds` the longest that one attempt may take.
    """

    retries: int | None = None
    max_wait_seconds: float | None = None
    call_seconds: float | None = None
    cache: CacheScope | None = None

    def over(self, base: Policy) -> Policy:
        """What is set here, and `base` where nothing is."""
        return Policy(
            retries=base.retries if self.retries is None else self.retries,
            max_wait_seconds=(
                base.max_wait_seconds if self.max_wait_seconds is None else self.max_wait_seconds
            ),
            call_seconds=base.call_seconds if self.call_seconds is None else self.call_seconds,
            cache=base.cache if self.cache is None else self.cache,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class HostPolicy:
    """How all calls to a host are treated: `limits` by host, when its circuit opens, and for how long."""

    limits: Mapping[str, Limits] = field(default_factory=dict)
    breaker_failures: int = 5
    breaker_seconds: float = 10.0


UNCACHED = Policy(cache="off")
"""What is measured is done, also when it was done before."""
