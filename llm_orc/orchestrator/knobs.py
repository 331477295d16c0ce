"""What of an ensemble can be tuned: a setting of an agent, and what it can be set to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from llm_orc.domain.ensemble import Llm
from llm_orc.domain.json import JsonValue
from llm_orc.errors import UsageFailed
from llm_orc.optimize.dataset import Row
from llm_orc.optimize.metrics import alternatives
from llm_orc.optimize.tuning import Knob
from llm_orc.orchestrator.optimizing import Optimizing
from llm_orc.run.render import as_text

KEYS = ("models", "temperature", "samples", "threshold", "demos")
TEMPERATURES = (0.0, 0.3, 0.7, 1.0)
"""Of strategies all but the first: they draw, and would draw the same."""
SAMPLES = (1, 3, 5, 10, 20)
HAVE_THEIR_OWN = ("best_of", "compare", "mux")
"""Strategies whose temperature takes the place of the agent's."""
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
DEMOS = (0, 1, 2, 4, 8)


def knobs_of(
    optimizing: Optimizing, keys: Sequence[str], models: Sequence[str], train: Sequence[Row]
) -> tuple[Knob, ...]:
    """The knobs of the agents that may change. Raises `UsageFailed` where there is nothing to turn."""
    for key in keys:
        if key not in KEYS:
            raise UsageFailed(f"--tune knows no {key!r}", hint=f"known: {', '.join(KEYS)}")
    found = tuple(
        knob
        for name in optimizing.agents
        for key in keys
        if (knob := _knob(optimizing, name, key, models, train)) is not None and len(knob.choices) > 1
    )
    if not found:
        raise UsageFailed(
            f"there is nothing to tune in {', '.join(keys)}",
            hint="models needs --models A,B; samples and threshold need a strategy that has them",
        )
    return found


def _knob(
    optimizing: Optimizing, name: str, key: str, models: Sequence[str], train: Sequence[Row]
) -> Knob | None:
    """None where the agent has no such setting."""
    llm = optimizing.ensemble.agents[name].work
    assert isinstance(llm, Llm)
    settings: Mapping[str, JsonValue] = llm.strategy.settings
    match key:
        case "models":
            names = [*(model.name for model in llm.models), *models]
            return Knob(agent=name, key="model", choices=tuple(dict.fromkeys(names)))
        case "temperature" if "temperature" in settings or llm.strategy.type in HAVE_THEIR_OWN:
            choices = _first(settings.get("temperature"), TEMPERATURES[1:])
            return Knob(agent=name, key="strategy.temperature", choices=choices)
        case "temperature":
            now = llm.models[0].sampling.temperature
            return Knob(agent=name, key="temperature", choices=_first(now, TEMPERATURES))
        case "samples" if llm.strategy.type in ("self_consistency", "best_of"):
            return Knob(agent=name, key="strategy.samples", choices=_first(settings.get("samples"), SAMPLES))
        case "threshold" if llm.strategy.type == "cascade":
            now_at = settings.get("threshold")
            return Knob(agent=name, key="strategy.threshold", choices=_first(now_at, THRESHOLDS))
        case "demos":
            return Knob(agent=name, key="demos", choices=_demo_choices(optimizing, name, llm, train))
    return None


def _demo_choices(optimizing: Optimizing, name: str, llm: Llm, train: Sequence[Row]) -> tuple[JsonValue, ...]:
    """The examples of the file, or of the dataset where it has none: all, some, and none of them."""
    demos: list[JsonValue] = [{"inputs": demo.inputs, "output": demo.output} for demo in llm.demos]
    now = list(demos)
    if not demos and not optimizing.ensemble.agents[name].depends_on:
        only = optimizing.ensemble.outputs == (name,)
        for row in train[: DEMOS[-1]]:
            label = row.labels.get(name, row.expected if only else None)
            if label is not None:
                demos.append({"inputs": row.inputs, "output": as_text(alternatives(label)[0])})
    sizes = [size for size in DEMOS if size <= len(demos)]
    choices: list[JsonValue] = [now or None]
    choices += [demos[:size] or None for size in sizes if (demos[:size] or None) != (now or None)]
    return tuple(choices)


def _first(now: JsonValue, others: Sequence[JsonValue]) -> tuple[JsonValue, ...]:
    return (now, *(value for value in others if value != now))
