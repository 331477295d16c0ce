"""Strategies measured on word problems with known answers: does voting, stopping, climbing pay?"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from time import perf_counter

from llm_orc.answers.equivalence import same
from llm_orc.answers.extraction import auto
from llm_orc.domain.ensemble import Agent, Ensemble, Llm, RoutingSpec, StrategySpec
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model, Price
from llm_orc.domain.outcome import Answered
from llm_orc.domain.policy import UNCACHED
from llm_orc.errors import UsageFailed
from llm_orc.optimize.over_rows import over
from llm_orc.optimize.statistics import paired_interval
from llm_orc.orchestrator import Orchestrator

PROBLEMS = Path(__file__).with_name("word_problems.jsonl")
PRICE_PER_BILLION = 1000.0
TEMPERATURE = 0.7
_FIXED = RoutingSpec(router="fixed", learning=False)

Row = Mapping[str, JsonValue]


@dataclass(frozen=True, slots=True)
class Way:
    """A strategy on models; `against` names the way that it is compared with."""

    name: str
    models: tuple[Model, ...]
    strategy: StrategySpec
    against: str = ""
    published: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One problem: right or not, calls, tokens, dollars, seconds."""

    right: bool
    calls: int
    tokens: int
    usd: float
    seconds: float


def ways(small: Model, medium: Model, large: Model) -> list[Way]:
    """What is measured; each is compared with one that comes before it."""
    single = StrategySpec()
    found = [Way(f"{model.name} single", (model,), single) for model in (small, medium, large)]
    for model in (small, medium):
        found += [
            Way(f"{model.name} self-consistency {n}", (model,), _votes(n), f"{model.name} single",
                "+6 to +18 points over greedy")
            for n in (5, 10, 20, 40)
        ]  # fmt: skip
        full = f"{model.name} self-consistency 40"
        found += [
            Way(f"{model.name} {name}", (model,), _votes(40, rule), full, "34 to 84 % fewer samples")
            for name, rule in (("window 5", {"window": 5}), ("beta 0.95", {"beta": 0.95}))
        ]
    found += [
        Way(f"cascade {medium.name}, {large.name} at {threshold:g}", (medium, large), StrategySpec(
            type="cascade", settings={"threshold": threshold, "confidence": "perplexity"}
        ), f"{large.name} single", "35 to 85 % of the cost saved")
        for threshold in (0.91, 0.92, 0.93, 0.94)
    ]  # fmt: skip
    found.append(
        Way(f"mux {small.name} + {medium.name}", (small, medium), StrategySpec(
            type="mux", settings={"samples": 5, "temperature": TEMPERATURE}
        ), f"{medium.name} single", "two small ones above the next larger")
    )  # fmt: skip
    found += [
        Way(f"{model.name} auto", (model,), StrategySpec(type="auto"), f"{model.name} single")
        for model in (small, medium)
    ]
    return found


async def measure(
    orchestrator: Orchestrator,
    names: Sequence[str],
    problems: Sequence[Row],
    told: Callable[[str], None] = lambda line: None,
) -> list[dict[str, JsonValue]]:
    """A row per way. Raises `UsageFailed` unless three models are named."""
    if len(names) != 3:
        raise UsageFailed("three models are compared", hint="name a small, a middle and a large one")
    small, medium, large = (priced(orchestrator.model(name)) for name in names)
    found: dict[str, list[Found]] = {}
    rows = []
    for way in ways(small, medium, large):
        found[way.name] = await _all(orchestrator, way, problems)
        rows.append(_row(way, found))
        told(f"{way.name}: {rows[-1]['accuracy']}")
    return rows


def problems_of(file: Path | None, count: int | None) -> list[JsonObject]:
    """`{"question": ..., "answer": ...}` per line. Raises `UsageFailed` with the line that is wrong."""
    rows: list[JsonObject] = []
    path = file or PROBLEMS
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            row = json.loads(line)
            rows.append({"question": row["question"], "answer": row["answer"]})
        except (ValueError, KeyError, TypeError) as error:
            raise UsageFailed(f"{path}:{number}: a line is an object with 'question' and 'answer'") from error
    return rows[:count]


def priced(model: Model) -> Model:
    """With a price that grows with its size, where it has none or is free."""
    if model.price is not None and (model.price.input_per_million or model.price.output_per_million):
        return model
    price = PRICE_PER_BILLION * (model.parameters_b or 0.0)
    return replace(model, price=Price(input_per_million=price, output_per_million=price))


def _votes(samples: int, early_stop: JsonObject | None = None) -> StrategySpec:
    settings: dict[str, JsonValue] = {"samples": samples, "temperature": TEMPERATURE}
    if early_stop is not None:
        settings["early_stop"] = early_stop
    return StrategySpec(type="self_consistency", settings=settings)


async def _all(orchestrator: Orchestrator, way: Way, problems: Sequence[Row]) -> list[Found]:
    work = Llm(models=way.models, strategy=way.strategy, task="reasoning")
    ensemble = Ensemble(name="bench", agents={"a": Agent(name="a", work=work)}, outputs=("a",))

    async def one(place: int, row: JsonObject) -> Found:
        began = perf_counter()
        result = await orchestrator.invoke(
            ensemble, str(row["question"]), seed=place, routing=_FIXED, policy=UNCACHED
        )
        outcome = result.agents["a"]
        answer = auto(str(outcome.output)) if isinstance(outcome, Answered) else None
        right = answer is not None and same(answer, str(row["answer"]), mathematics=False)
        samples = outcome.effort.samples if isinstance(outcome, Answered) else 0
        tokens = result.usage.input_tokens + result.usage.output_tokens
        return Found(right, samples, tokens, result.cost_usd or 0.0, perf_counter() - began)

    return await over(problems, one)


def _row(way: Way, found: Mapping[str, Sequence[Found]]) -> dict[str, JsonValue]:
    mine = found[way.name]
    count = len(mine)
    row: dict[str, JsonValue] = {
        "way": way.name,
        "accuracy": round(sum(f.right for f in mine) / count, 4),
        "samples": round(sum(f.calls for f in mine) / count, 2),
        "tokens": round(sum(f.tokens for f in mine) / count, 1),
        "usd_per_1000": round(1000 * sum(f.usd for f in mine) / count, 4),
        "seconds": round(sum(f.seconds for f in mine) / count, 4),
        "published": way.published,
        "against": way.against,
    }
    other = found.get(way.against)
    if other is not None:
        gain, low, high = paired_interval(
            [float(a.right) - float(b.right) for a, b in zip(mine, other, strict=True)]
        )
        row["difference"] = round(gain, 4)
        row["interval"] = [round(low, 4), round(high, 4)]
        row["samples_saved"] = round(1 - sum(f.calls for f in mine) / max(1, sum(f.calls for f in other)), 4)
        row["cost_saved"] = round(1 - sum(f.usd for f in mine) / (sum(f.usd for f in other) or 1.0), 4)
    return row
