"""How sure a comparison is."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

DRAWS = 2_000


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def paired_interval(differences: Sequence[float], seed: int = 1) -> tuple[float, float, float]:
    """The mean difference and its 95 % interval, by the percentile bootstrap (Efron 1979)."""
    random = Random(seed)
    count = len(differences)
    means = sorted(mean(random.choices(differences, k=count)) for _ in range(DRAWS))
    return mean(differences), means[int(0.025 * DRAWS)], means[int(0.975 * DRAWS)]


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]
