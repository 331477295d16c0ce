"""The workflow carried out on real models: extraction, mathematics, a report, with known answers."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from llm_orc.domain.ensemble import Agent, Ensemble, Llm, RouterName, RoutingSpec
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model, Price
from llm_orc.domain.outcome import Answered
from llm_orc.domain.policy import UNCACHED
from llm_orc.optimize.over_rows import over
from llm_orc.optimize.statistics import paired_interval
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.completing import llm_works, with_agents, with_models

FOLDER = Path(__file__).parent
LAMBDA_TOKEN = 0.05
PRICE_PER_BILLION = 1000.0
"""Dollars per million tokens and billion parameters: makes the embedded models cost 0.1 to 0.5 dollars."""


@dataclass(frozen=True, slots=True)
class Way:
    """A router, or one model for everything."""

    name: str
    router: RouterName = "lp"
    only: str = ""


@dataclass(frozen=True, slots=True)
class Found:
    """One problem: whether its solution is right and its report says so, the cost, and which models."""

    right: bool
    reported: bool
    usd: float
    models: tuple[str, ...]


async def compare(
    orchestrator: Orchestrator, problems: int, lambda_token: float
) -> list[dict[str, JsonValue]]:
    """A row per way: accuracy, cost, and how it compares with always asking the largest model.

    `quality` is how often the solution is right, `reported` how often the report has it as JSON.
    """
    ensemble = priced(orchestrator.load(FOLDER / "workflow.yaml"))
    pool = {model.name: model for llm in llm_works(ensemble) for model in llm.models}
    by_size = sorted(pool.values(), key=lambda model: model.parameters_b or 0)
    ways = [
        Way("lp"),
        Way("greedy", "greedy"),
        Way("always largest", only=largest_of(by_size)),
        Way("always smallest", only=by_size[0].name),
    ]
    rows = [json.loads(line) for line in (FOLDER / "word_problems.jsonl").read_text().splitlines()][:problems]
    found = {way.name: await _all(orchestrator, ensemble, way, rows, lambda_token) for way in ways}
    reference = found["always largest"]
    return [_row(name, results, reference) for name, results in found.items()]


def largest_of(by_size: Sequence[Model]) -> str:
    """Of equally large ones the best at reasoning: that is what a user would take for everything."""
    most = by_size[-1].parameters_b
    return max(
        (model for model in by_size if model.parameters_b == most),
        key=lambda model: model.capabilities.get("reasoning", 0.0),
    ).name


def priced(ensemble: Ensemble) -> Ensemble:
    """The same with a price per token that grows with a model's size."""

    def with_price(model: Model) -> Model:
        price = PRICE_PER_BILLION * (model.parameters_b or 0.0)
        return replace(model, price=Price(input_per_million=price, output_per_million=price))

    return with_models(ensemble, with_price)


async def _all(
    orchestrator: Orchestrator,
    ensemble: Ensemble,
    way: Way,
    rows: Sequence[JsonObject],
    lambda_token: float,
) -> list[Found]:
    if way.only:
        ensemble = _narrowed(ensemble, way.only)
    routing = RoutingSpec(
        router="fixed" if way.only else way.router,
        settings={"lambda_token": lambda_token},
        learning=False,
    )

    async def one(place: int, row: JsonObject) -> Found:
        result = await orchestrator.invoke(ensemble, str(row["question"]), routing=routing, policy=UNCACHED)
        output = result.output
        answer = output.get("answer") if isinstance(output, Mapping) else None
        solution = result.agents["solution"]
        numbers = re.findall(r"-?\d+", str(solution.output)) if isinstance(solution, Answered) else []
        right = bool(numbers) and int(numbers[-1]) == row["answer"]
        done = [o for o in result.agents.values() if isinstance(o, Answered)]
        models = tuple(o.effort.model or "" for o in done)
        return Found(right, answer == row["answer"], result.cost_usd or 0.0, models)

    return await over(rows, one)


def _narrowed(ensemble: Ensemble, name: str) -> Ensemble:
    def only(agent: Agent) -> Agent:
        if not isinstance(agent.work, Llm):
            return agent
        chosen = tuple(model for model in agent.work.models if model.name == name)
        return replace(agent, work=replace(agent.work, models=chosen))

    return with_agents(ensemble, only)


def _row(name: str, found: Sequence[Found], reference: Sequence[Found]) -> dict[str, JsonValue]:
    count = len(found)
    saved = 1 - sum(f.usd for f in found) / sum(f.usd for f in reference)
    middle, low, high = paired_interval(
        [float(mine.right) - float(other.right) for mine, other in zip(found, reference, strict=True)]
    )
    return {
        "router": name,
        "problems": count,
        "quality": round(sum(f.right for f in found) / count, 4),
        "reported": round(sum(f.reported for f in found) / count, 4),
        "cost_per_task": sum(f.usd for f in found) / count,
        "saved": round(saved, 4),
        "difference": round(middle, 4),
        "interval": [round(low, 4), round(high, 4)],
        "models": ", ".join(sorted({model for f in found for model in f.models})),
    }
