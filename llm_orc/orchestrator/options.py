"""What is said about one run and stands in no file."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any, Literal

from llm_orc.domain.ensemble import RoutingSpec
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.policy import Budget, Policy


@dataclass(frozen=True, slots=True, kw_only=True)
class RunOptions:
    """None, or empty: what the file or the settings say."""

    model: str | None = None
    seed: int | None = None
    schedule: Literal["eager", "layered"] | None = None
    concurrency: int | None = None
    max_seconds: float | None = None
    routing: RoutingSpec = RoutingSpec()
    policy: Policy = Policy()
    budget: Budget = Budget()

    def over(self, before: RunOptions) -> RunOptions:
        """What is said here, and what was said `before` where nothing is."""
        return RunOptions(
            model=self.model or before.model,
            seed=before.seed if self.seed is None else self.seed,
            schedule=self.schedule or before.schedule,
            concurrency=self.concurrency or before.concurrency,
            max_seconds=before.max_seconds if self.max_seconds is None else self.max_seconds,
            routing=before.routing if self.routing == RoutingSpec() else self.routing,
            policy=self.policy.over(before.policy),
            budget=self.budget.over(before.budget),
        )


def options_json(options: RunOptions) -> dict[str, JsonValue]:
    """As the journal keeps them: what was said, by name."""
    routing = options.routing
    said: dict[str, JsonValue] = {
        "model": options.model,
        "seed": options.seed,
        "schedule": options.schedule,
        "concurrency": options.concurrency,
        "max_seconds": options.max_seconds,
        "router": routing.router,
        "routing": dict(routing.settings),
        "vram_gb": list(routing.vram_gb),
        "policy": _set(options.policy),
        "budget": _set(options.budget),
    }
    return {name: value for name, value in said.items() if value not in (None, {}, [])}


def options_of(data: JsonObject) -> RunOptions:
    """What `options_json` was made of."""
    known: dict[str, Any] = dict(data)
    routing = RoutingSpec(
        router=known.pop("router", None),
        settings=known.pop("routing", {}),
        vram_gb=tuple(known.pop("vram_gb", ())),
    )
    policy, budget = Policy(**known.pop("policy", {})), Budget(**known.pop("budget", {}))
    return RunOptions(**known, routing=routing, policy=policy, budget=budget)


def _set(value: Policy | Budget) -> JsonObject:
    """The fields that are not as they are by default."""
    usual = type(value)()
    found = {each.name: getattr(value, each.name) for each in fields(value)}
    return {name: said for name, said in found.items() if said != getattr(usual, name)}
