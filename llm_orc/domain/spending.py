"""What runs cost and what was saved, and how scripts see it (docs/runs.md)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llm_orc.domain.json import JsonValue
from llm_orc.domain.usage import Usage, usage_json

Key = Literal["run", "ensemble", "agent", "model", "strategy", "day"]
Way = Literal["caching", "early_stopping", "cascading"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """Calls of models that have the same `keys`. `cost_usd` is the sum of the known costs, None where none is
    known; `unpriced` calls were answered by models without a price. `failed` calls have no cost.
    """

    keys: tuple[str, ...]
    runs: int
    calls: int
    failed: int
    unpriced: int
    usage: Usage
    cost_usd: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Saving:
    """What one way to save brought. `count` answers or samples were not paid for, or models not asked.

    `cost_usd` is what these would have cost, less what cascading itself cost: it may be below zero.
    `unknown` of them are not in it.
    """

    way: Way
    count: int
    cost_usd: float
    unknown: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What was spent: `by` names the keys of `rows`. `silent` runs keep no content, so that it is not known
    what strategies saved in them."""

    by: tuple[Key, ...]
    rows: tuple[Spending, ...]
    total: Spending
    saved: tuple[Saving, ...]
    silent: int


def costs_json(costs: Costs) -> dict[str, JsonValue]:
    """What `runs cost --json` prints."""
    return {
        "by": list(costs.by),
        "rows": [{**dict(zip(costs.by, row.keys, strict=True)), **_numbers(row)} for row in costs.rows],
        "total": _numbers(costs.total),
        "saved": {
            each.way: {"count": each.count, "cost_usd": each.cost_usd, "unknown": each.unknown}
            for each in costs.saved
        },
        "runs_without_content": costs.silent,
    }


def _numbers(row: Spending) -> dict[str, JsonValue]:
    return {
        "runs": row.runs,
        "calls": row.calls,
        "failed": row.failed,
        "usage": usage_json(row.usage),
        "cost_usd": row.cost_usd,
        "unpriced": row.unpriced,
    }
