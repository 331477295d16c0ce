"""Which small models complement each other: the best pairs and triples for `mux`, from one set of samples
(SLM-MUX, arXiv 2510.05077, section 4)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

from llm_orc.answers.equivalence import same
from llm_orc.answers.extraction import auto
from llm_orc.domain.ensemble import Agent, Ensemble, Llm, RoutingSpec, StrategySpec
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import Answered
from llm_orc.domain.policy import UNCACHED
from llm_orc.errors import UsageFailed
from llm_orc.optimize.over_rows import over
from llm_orc.optimize.statistics import paired_interval
from llm_orc.orchestrator import Orchestrator

TEMPERATURE = 0.7


@dataclass(frozen=True, slots=True)
class Voted:
    """One model's samples of one question: how many agree, and whether what they agree on is right."""

    share: float
    right: bool


async def search(
    orchestrator: Orchestrator, models: Sequence[Model], rows: Sequence[JsonObject], samples: int
) -> list[dict[str, JsonValue]]:
    """Every model alone, every pair and every triple, the best first. Each question is drawn once per model.

    `right_one_among_them` is how often at least one of the models is right: no choice can do better.
    """
    if len(models) < 2:
        raise UsageFailed("one model has nothing to complement", hint="name two or more")
    found = {model.name: await _drawn(orchestrator, model, rows, samples) for model in models}
    alone = {name: sum(v.right for v in voted) / len(rows) for name, voted in found.items()}
    best_alone = max(alone, key=lambda name: alone[name])
    reference = [float(v.right) for v in found[best_alone]]
    table = [
        _row(names, found, alone, reference)
        for size in range(1, min(3, len(models)) + 1)
        for names in combinations(found, size)
    ]
    return sorted(table, key=lambda row: (-float(str(row["accuracy"])), len(str(row["models"]))))


async def _drawn(
    orchestrator: Orchestrator, model: Model, rows: Sequence[JsonObject], samples: int
) -> list[Voted]:
    settings: JsonObject = {"samples": samples, "temperature": TEMPERATURE}
    work = Llm(models=(model,), strategy=StrategySpec(type="self_consistency", settings=settings))
    ensemble = Ensemble(name="search", agents={"a": Agent(name="a", work=work)}, outputs=("a",))
    fixed = RoutingSpec(router="fixed", learning=False)

    async def one(place: int, row: JsonObject) -> Voted:
        result = await orchestrator.invoke(
            ensemble, str(row["question"]), seed=place, routing=fixed, policy=UNCACHED
        )
        outcome = result.agents["a"]
        text = str(outcome.output) if isinstance(outcome, Answered) else ""
        answer = auto(text)
        right = answer is not None and same(answer, str(row["answer"]), mathematics=False)
        sure = outcome.confidence if isinstance(outcome, Answered) else None
        return Voted(sure or 0.0, right)

    return await over(rows, one)


def _row(
    names: Sequence[str],
    found: Mapping[str, Sequence[Voted]],
    alone: Mapping[str, float],
    reference: Sequence[float],
) -> dict[str, JsonValue]:
    """The rule of `mux`: the most consistent answers, of equals the one that is better alone."""
    count = len(reference)
    chosen = [max(names, key=lambda name: (found[name][place].share, alone[name])) for place in range(count)]
    right = [float(found[name][place].right) for place, name in enumerate(chosen)]
    gain, low, high = paired_interval([a - b for a, b in zip(right, reference, strict=True)])
    either = sum(any(found[name][place].right for name in names) for place in range(count))
    return {
        "models": ", ".join(names),
        "accuracy": round(sum(right) / count, 4),
        "right_one_among_them": round(either / count, 4),
        "over_best_alone": round(gain, 4),
        "interval": [round(low, 4), round(high, 4)],
    }
