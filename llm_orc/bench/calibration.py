"""Confidence calibrated on a dataset, and the threshold that meets a target.

Temperature scaling and the expected calibration error: Guo et al. 2017, arXiv 1706.04599; logistic: Platt
1999; isotonic: Zadrozny and Elkan 2002.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, Literal

from llm_orc.answers.equivalence import same
from llm_orc.answers.extraction import auto
from llm_orc.domain.ensemble import Agent, Ensemble, Llm, RoutingSpec, StrategySpec
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import Answered
from llm_orc.domain.policy import UNCACHED
from llm_orc.errors import NotAvailable, UsageFailed
from llm_orc.optimize.over_rows import over
from llm_orc.optimize.statistics import DRAWS, percentile
from llm_orc.orchestrator import Orchestrator
from llm_orc.strategies.calibration import Calibrator, calibrator, logit

Method = Literal["temperature", "platt", "isotonic", "combination"]
FOLDS, BINS = 5, 10
LEAST_ROWS = 20


@dataclass(frozen=True, slots=True)
class Seen:
    """One model's answer to one row."""

    confidence: float
    right: bool
    usd: float
    measures: Mapping[str, float] = field(default_factory=dict)


async def collect(
    orchestrator: Orchestrator, llm: Llm, models: Sequence[Model], measure: str, rows: Sequence[JsonObject]
) -> dict[str, list[Seen]]:
    """Every model's answer to every row. Raises `UsageFailed` for too few rows or a model that fails."""
    if len(rows) < LEAST_ROWS:
        raise UsageFailed(f"{len(rows)} rows are too few to calibrate", hint=f"give at least {LEAST_ROWS}")
    return {model.name: await _of_model(orchestrator, llm, model, measure, rows) for model in models}


async def _of_model(
    orchestrator: Orchestrator, llm: Llm, model: Model, measure: str, rows: Sequence[JsonObject]
) -> list[Seen]:
    # A cascade of one model is that model with its confidence.
    strategy = StrategySpec(type="cascade", settings={"confidence": measure})
    work = Llm(
        models=(model,),
        strategy=strategy,
        system_prompt=llm.system_prompt,
        demos=llm.demos,
        nearest=llm.nearest,
        prompt=llm.prompt,
    )
    ensemble = Ensemble(name="calibrate", agents={"a": Agent(name="a", work=work)}, outputs=("a",))
    fixed = RoutingSpec(router="fixed", learning=False)

    async def one(place: int, row: JsonObject) -> Seen:
        result = await orchestrator.invoke(ensemble, str(row["question"]), routing=fixed, policy=UNCACHED)
        outcome = result.agents["a"]
        if not isinstance(outcome, Answered):
            raise UsageFailed(f"{model.name} failed on row {place + 1}: {outcome.cause.message}")
        answer = auto(str(outcome.output))
        right = answer is not None and same(answer, str(row["answer"]), mathematics=False)
        measures = measures_of(outcome.evidence)
        return Seen(outcome.confidence or 0.0, right, result.cost_usd or 0.0, measures)

    return await over(rows, one)


def measures_of(evidence: JsonObject) -> dict[str, float]:
    """What a cascade of one model measured of its answer."""
    rungs = evidence.get("rungs")
    rung = rungs[0] if isinstance(rungs, list) and rungs else {}
    given = rung.get("measures") if isinstance(rung, dict) else None
    return {name: float(str(value)) for name, value in given.items()} if isinstance(given, dict) else {}


def fit(seen: Sequence[Seen], method: Method) -> JsonObject:
    """The calibrator of one model, by scikit-learn. Raises `NotAvailable` without it."""
    try:
        from sklearn.isotonic import IsotonicRegression
        from sklearn.linear_model import LogisticRegression
    except ImportError as error:
        raise NotAvailable(
            "calibrating needs the package 'scikit-learn'", hint="pip install 'llm-orc[calibration]'"
        ) from error
    xs, ys = [s.confidence for s in seen], [int(s.right) for s in seen]
    if len(set(ys)) < 2:
        # All right or all wrong: there is one thing to say.
        share = (sum(ys) + 1) / (len(ys) + 2)
        return {"kind": "isotonic", "x": [0.0, 1.0], "y": [share, share]}
    if method == "isotonic":
        model = IsotonicRegression(y_min=0.0, y_max=1.0, out_of_bounds="clip").fit(xs, ys)
        return {
            "kind": "isotonic",
            "x": [float(x) for x in model.X_thresholds_],
            "y": [float(y) for y in model.y_thresholds_],
        }
    if method == "combination":
        return _combined(seen, ys, LogisticRegression(C=1.0))
    logistic = LogisticRegression(C=1e6)
    if method == "platt":
        logistic.fit([[x] for x in xs], ys)
    else:
        logistic.fit([[logit(x)] for x in xs], ys)
    return {"kind": method, "slope": float(logistic.coef_[0][0]), "shift": float(logistic.intercept_[0])}


def _combined(seen: Sequence[Seen], ys: Sequence[int], logistic: Any) -> JsonObject:  # noqa: ANN401
    """A weight for the logit of each measure that every answer has."""
    names = sorted(set.intersection(*(set(s.measures) for s in seen)))
    if not names:
        raise UsageFailed("there are no measures to combine", hint="the models need log-probabilities")
    logistic.fit([[logit(s.measures[name]) for name in names] for s in seen], ys)
    weights = {name: float(w) for name, w in zip(names, logistic.coef_[0], strict=True)}
    return {"kind": "combination", "weights": weights, "shift": float(logistic.intercept_[0])}


def ece(pairs: Sequence[tuple[float, bool]]) -> float:
    """Expected calibration error over ten bins of equal width."""
    bins: list[list[tuple[float, bool]]] = [[] for _ in range(BINS)]
    for confidence, right in pairs:
        bins[min(BINS - 1, int(confidence * BINS))].append((confidence, right))
    gaps = (abs(sum(c for c, _ in found) - sum(r for _, r in found)) for found in bins if found)
    return sum(gaps) / len(pairs)


def reliability(pairs: Sequence[tuple[float, bool]]) -> list[JsonValue]:
    """Per bin: mean confidence, share of right answers, how many."""
    rows: list[JsonValue] = []
    for number in range(BINS):
        found = [(c, r) for c, r in pairs if min(BINS - 1, int(c * BINS)) == number]
        if found:
            confidence = sum(c for c, _ in found) / len(found)
            right = sum(r for _, r in found) / len(found)
            rows.append({"confidence": round(confidence, 4), "right": round(right, 4), "answers": len(found)})
    return rows


def _sure(learned: Calibrator, seen: Seen) -> float:
    return learned(seen.confidence, seen.measures)


def cross_fitted(seen: Sequence[Seen], method: Method) -> list[tuple[float, bool]]:
    """Each answer's calibrated confidence by a calibrator that did not see it."""
    order = list(range(len(seen)))
    Random(1).shuffle(order)
    found: dict[int, tuple[float, bool]] = {}
    for fold in range(FOLDS):
        held = set(order[fold::FOLDS])
        learned = calibrator(fit([s for place, s in enumerate(seen) if place not in held], method))
        found.update((place, (_sure(learned, seen[place]), seen[place].right)) for place in held)
    return [found[place] for place in range(len(seen))]


@dataclass(frozen=True, slots=True)
class Point:
    """What a cascade comes to at a threshold."""

    threshold: float
    accuracy: float
    usd: float


def climb(
    seen: Mapping[str, Sequence[Seen]],
    sure: Mapping[str, Sequence[float]],
    threshold: float,
    rows: Sequence[int],
) -> Point:
    """The cascade over these rows, from answers that are there already."""
    names = list(seen)
    right, usd = 0, 0.0
    for row in rows:
        for name in names:
            usd += seen[name][row].usd
            if name == names[-1] or sure[name][row] >= threshold:
                right += seen[name][row].right
                break
    return Point(threshold, right / len(rows), usd / len(rows))


def choose(
    seen: Mapping[str, Sequence[Seen]],
    sure: Mapping[str, Sequence[float]],
    *,
    quality: float | None,
    cost: float | None,
) -> Point:
    """The cheapest with `quality` of the dearest model's accuracy, or the best at `cost` of its cost."""
    rows = range(len(next(iter(seen.values()))))
    steps = sorted({round(value, 4) for name in list(seen)[:-1] for value in sure[name]} | {0.0, 1.01})
    points = [climb(seen, sure, step, rows) for step in steps]
    last = list(seen.values())[-1]
    best, dear = sum(s.right for s in last) / len(last), sum(s.usd for s in last) / len(last)
    if cost is not None:
        allowed = [p for p in points if p.usd <= cost * dear] or [min(points, key=lambda p: p.usd)]
        return max(allowed, key=lambda p: (p.accuracy, -p.usd))
    wanted = (quality if quality is not None else 1.0) * best
    allowed = [p for p in points if p.accuracy >= wanted - 1e-9] or [max(points, key=lambda p: p.accuracy)]
    return min(allowed, key=lambda p: (p.usd, -p.accuracy))


def interval(
    seen: Mapping[str, Sequence[Seen]],
    sure: Mapping[str, Sequence[float]],
    threshold: float,
    value: Callable[[Point, Point], float],
) -> tuple[float, float]:
    """95 % bootstrap interval of something about the cascade beside the dearest model alone."""
    random, count = Random(1), len(next(iter(seen.values())))
    last = list(seen.values())[-1]
    found = []
    for _ in range(DRAWS // 4):
        rows = random.choices(range(count), k=count)
        right, usd = sum(last[row].right for row in rows), sum(last[row].usd for row in rows)
        alone = Point(0.0, right / count, usd / count)
        found.append(value(climb(seen, sure, threshold, rows), alone))
    return percentile(found, 0.025), percentile(found, 0.975)


def calibrators(seen: Mapping[str, Sequence[Seen]], method: Method) -> dict[str, JsonObject]:
    """One for each model but the last, whose answer is taken in any case."""
    return {name: fit(found, method) for name, found in list(seen.items())[:-1]}


def applied(seen: Mapping[str, Sequence[Seen]], specs: Mapping[str, JsonObject]) -> dict[str, list[float]]:
    """Calibrated confidences of every answer."""
    learned: dict[str, Calibrator] = {name: calibrator(spec) for name, spec in specs.items()}
    return {
        name: [_sure(learned[name], s) if name in learned else s.confidence for s in found]
        for name, found in seen.items()
    }
