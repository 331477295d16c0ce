"""From how sure the tokens look to how often such answers are right: what `llm-orc calibrate` learned."""

from __future__ import annotations

import json
import math
from bisect import bisect_right
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.errors import UsageFailed

Measures = Mapping[str, float]
Calibrator = Callable[[float, Measures], float]
COMBINED = "combination"
EDGE = 1e-6


@dataclass(frozen=True, slots=True)
class Calibration:
    """A measure of confidence, what it means per model, and the threshold that was chosen."""

    measure: str
    models: Mapping[str, Calibrator]
    threshold: float

    def of(self, model: str, confidence: float, measures: Measures) -> float:
        """The probability that the answer is right; a model that was not calibrated keeps its own word."""
        calibrate = self.models.get(model)
        return confidence if calibrate is None else calibrate(confidence, measures)


def load_calibration(file: str) -> Calibration:
    """Raises `UsageFailed` for a file that is not there or not one of `llm-orc calibrate`."""
    try:
        data = json.loads(Path(file).read_text(encoding="utf-8"))
        return Calibration(
            measure=str(data["measure"]),
            models={name: calibrator(found) for name, found in data["models"].items()},
            threshold=float(data["threshold"]),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageFailed(
            f"the calibration {file} cannot be read: {error}", hint="write it with `llm-orc calibrate`"
        ) from error


def calibrator(spec: JsonObject) -> Calibrator:
    """Isotonic: linear between points. Platt: a logistic of the confidence. Temperature: of its logit.
    Combination: of the logits of several measures."""
    if spec["kind"] == "isotonic":
        xs, ys = _numbers(spec["x"]), _numbers(spec["y"])
        return lambda p, _: _between(xs, ys, p)
    if spec["kind"] == COMBINED:
        return _combination(spec["weights"], float(str(spec["shift"])))
    slope, shift = float(str(spec["slope"])), float(str(spec["shift"]))
    if spec["kind"] == "platt":
        return lambda p, _: _sigmoid(slope * p + shift)
    return lambda p, _: _sigmoid(slope * logit(p) + shift)


def _combination(weights: JsonValue, shift: float) -> Calibrator:
    if not isinstance(weights, dict):
        raise ValueError("the weights are missing")
    known = {name: float(str(weight)) for name, weight in weights.items()}
    # A measure that an answer lacks says neither yes nor no.
    return lambda _, measures: _sigmoid(
        shift + sum(weight * logit(measures.get(name, 0.5)) for name, weight in known.items())
    )


def logit(probability: float) -> float:
    """Its log-odds, kept finite."""
    p = min(1 - EDGE, max(EDGE, probability))
    return math.log(p / (1 - p))


def _sigmoid(x: float) -> float:
    return 1 / (1 + math.exp(-max(-700.0, min(700.0, x))))


def _between(xs: list[float], ys: list[float], x: float) -> float:
    place = bisect_right(xs, x)
    if place == 0:
        return ys[0]
    if place == len(xs):
        return ys[-1]
    left, right = xs[place - 1], xs[place]
    share = (x - left) / (right - left) if right > left else 0.0
    return ys[place - 1] + share * (ys[place] - ys[place - 1])


def _numbers(value: JsonValue) -> list[float]:
    if not isinstance(value, list) or not value:
        raise ValueError("a list of numbers is missing")
    return [float(str(item)) for item in value]
