"""A cascade's calibration from start to end: answers, calibrators, threshold, report."""

from __future__ import annotations

from collections.abc import Sequence

from llm_orc.bench.calibration import (
    Method,
    applied,
    calibrators,
    choose,
    collect,
    cross_fitted,
    ece,
    interval,
    reliability,
)
from llm_orc.bench.strategies import priced
from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.errors import UsageFailed
from llm_orc.orchestrator import Orchestrator


async def calibrate(
    orchestrator: Orchestrator,
    ensemble: Ensemble,
    agent: str | None,
    rows: Sequence[JsonObject],
    *,
    method: Method,
    quality: float | None,
    cost: float | None,
) -> dict[str, JsonValue]:
    """What `confidence: calibrated` reads, and how good it is.

    `quality` and `cost_saved` are of the dearest model's, with their 95 % interval. Raises `UsageFailed`.
    """
    name, llm, models, measure = cascade_of(ensemble, agent)
    if method == "combination":
        # The entropy needs the alternatives of each token, and the other measures come with it.
        measure = "entropy"
    seen = await collect(orchestrator, llm, [priced(model) for model in models], measure, rows)
    specs = calibrators(seen, method)
    sure = applied(seen, specs)
    point = choose(seen, sure, quality=quality, cost=cost)
    dearest, last = list(seen.items())[-1]
    accuracy = sum(s.right for s in last) / len(last) or 1.0
    usd = sum(s.usd for s in last) / len(last) or 1.0
    kept = interval(seen, sure, point.threshold, lambda mine, alone: mine.accuracy / (alone.accuracy or 1.0))
    saved = interval(seen, sure, point.threshold, lambda mine, alone: 1 - mine.usd / (alone.usd or 1.0))
    tables: list[JsonValue] = []
    for model in specs:
        before = [(s.confidence, s.right) for s in seen[model]]
        after = cross_fitted(seen[model], method)
        tables.append({
            "model": model,
            "ece_before": round(ece(before), 4),
            "ece_after": round(ece(after), 4),
            "before": reliability(before),
            "after": reliability(after),
        })  # fmt: skip
    return {
        "agent": name,
        "measure": measure,
        "method": method,
        "rows": len(rows),
        "models": dict(specs),
        "dearest": dearest,
        "threshold": point.threshold,
        "accuracy": round(point.accuracy, 4),
        "quality": [round(value, 4) for value in (point.accuracy / accuracy, *kept)],
        "cost_saved": [round(value, 4) for value in (1 - point.usd / usd, *saved)],
        "calibration": tables,
    }


def cascade_of(ensemble: Ensemble, agent: str | None) -> tuple[str, Llm, tuple[Model, ...], str]:
    """The agent with the cascade, its models, and how it measures confidence."""
    found = {
        name: each.work
        for name, each in ensemble.agents.items()
        if isinstance(each.work, Llm) and each.work.strategy.type == "cascade" and agent in (None, name)
    }
    if len(found) != 1:
        listed = ", ".join(found) or "none"
        raise UsageFailed(f"one agent with a cascade is calibrated; found: {listed}", hint="name the agent")
    ((name, llm),) = found.items()
    named = llm.strategy.models.get("models")
    models = named if isinstance(named, tuple) and named else llm.models
    if len(models) < 2:
        raise UsageFailed(f"the cascade of {name!r} has only one model", hint="list its models")
    measure = str(llm.strategy.settings.get("confidence", "perplexity"))
    return name, llm, models, "perplexity" if measure == "calibrated" else measure
