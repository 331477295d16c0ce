"""How sure a measurement is, and a comparison of two on the same rows.

Sources: percentile bootstrap, Efron 1979; score interval of a share, Wilson 1927; exact one, Clopper and
Pearson 1934; exact test of fixed against broken rows, McNemar 1947; permutations, Fisher 1935, with the
p-value of Phipson and Smyth 2010 where they are drawn; several tests at once, Holm 1979; rows and effects,
Cohen 1988.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from random import Random
from statistics import NormalDist
from typing import Literal

DRAWS = 2_000
FLIPS = 9_999
"""Sign flips that are drawn where there are too many to try all."""
LEAST_ROWS = 20
"""With fewer rows nothing is claimed."""
LEVEL = 0.05


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """How much the second of two is better, on `rows` rows that both answered.

    `low` and `high` are its 95 % interval and `p` is the chance of as large a difference where there is
    none; all three are None under `LEAST_ROWS` rows. `better` and `worse` count rows, `spread` is the
    standard deviation of the rows' differences.
    """

    mean: float
    low: float | None
    high: float | None
    p: float | None
    test: Literal["mcnemar", "sign-flip", ""]
    better: int
    worse: int
    rows: int
    spread: float

    @property
    def known(self) -> bool:
        """Whether it is more than chance."""
        return self.p is not None and self.p < LEVEL


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def spread(values: Sequence[float]) -> float:
    """The standard deviation, 0 of a single value."""
    middle = mean(values)
    return math.sqrt(sum((value - middle) ** 2 for value in values) / max(1, len(values) - 1))


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` of all are not above."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def paired_interval(differences: Sequence[float], seed: int = 1) -> tuple[float, float, float]:
    """The mean difference and its 95 % interval, by the percentile bootstrap."""
    random = Random(seed)
    count = len(differences)
    means = sorted(mean(random.choices(differences, k=count)) for _ in range(DRAWS))
    return mean(differences), means[int(0.025 * DRAWS)], means[int(0.975 * DRAWS)]


def bounded_interval(
    values: Sequence[float], lowest: float = 0.0, highest: float = 1.0, seed: int = 1
) -> tuple[float, float]:
    """The 95 % interval of the mean of values between `lowest` and `highest`.

    Wilson's for zeros and ones, else the bootstrap's over the values and one more at each end. Of rare
    differences the plain bootstrap is too sure: where one row in 50 differs, its interval from 50 rows holds
    the truth twice in three times, this one 19 times in 20. Made-up rows to that end: Agresti and Min 2005.
    """
    if lowest == 0.0 and highest == 1.0 and set(values) <= {0.0, 1.0}:
        return share_interval(round(sum(values)), len(values))
    middle = mean(values)
    _, low, high = paired_interval([*values, lowest, highest], seed)
    return min(low, middle), max(high, middle)


def share_interval(
    successes: int, rows: int, method: Literal["wilson", "exact"] = "wilson"
) -> tuple[float, float]:
    """The 95 % interval of a share: Wilson's, or the wider one of Clopper and Pearson, which is never too
    narrow."""
    from scipy.stats import binomtest

    low, high = binomtest(successes, rows).proportion_ci(method=method)
    return float(low), float(high)


def mcnemar(better: int, worse: int) -> float:
    """The exact two-sided p-value of `better` rows that turned right against `worse` ones that turned
    wrong."""
    from scipy.stats import binomtest

    return float(binomtest(better, better + worse).pvalue) if better + worse else 1.0


def sign_flip(differences: Sequence[float], seed: int = 1) -> float:
    """The two-sided p-value of a mean difference, over all ways to swap the two of each pair, or `FLIPS` of
    them."""
    from scipy.stats import permutation_test

    changed = [difference for difference in differences if difference]
    if not changed:
        return 1.0
    changed.append(0.0)  # scipy wants two; a pair without a difference changes nothing
    found = permutation_test(
        (changed, [0.0] * len(changed)),
        lambda one, other, axis: (one - other).mean(axis=axis),
        permutation_type="samples",
        n_resamples=FLIPS,
        vectorized=True,
        batch=200,
        rng=seed,
    )
    return min(1.0, float(found.pvalue))


def difference(first: Sequence[float], second: Sequence[float], seed: int = 1) -> Difference:
    """How much better the second is; both hold one score in [0, 1] per row, in the same order."""
    pairs = list(zip(first, second, strict=True))
    found = [two - one for one, two in pairs]
    better, worse = sum(d > 0 for d in found), sum(d < 0 for d in found)
    low = high = p = None
    test: Literal["mcnemar", "sign-flip", ""] = ""
    if len(pairs) >= LEAST_ROWS:
        low, high = bounded_interval(found, -1.0, 1.0, seed)
        test = "mcnemar" if set(first) | set(second) <= {0.0, 1.0} else "sign-flip"
        p = mcnemar(better, worse) if test == "mcnemar" else sign_flip(found, seed)
    return Difference(
        mean=mean(found), low=low, high=high, p=p, test=test, better=better, worse=worse, rows=len(pairs),
        spread=spread(found),
    )  # fmt: skip


def holm(ps: Sequence[float]) -> list[float]:
    """The p-values of several tests, each adjusted so that a single false claim among all stays as rare."""
    adjusted, largest = [0.0] * len(ps), 0.0
    for rank, place in enumerate(sorted(range(len(ps)), key=lambda place: ps[place])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[place]))
        adjusted[place] = largest
    return adjusted


def detectable(spread: float, rows: int, power: float = 0.8) -> float:
    """The smallest true mean difference that `rows` rows show with this `power`, by the normal
    approximation."""
    return _quantiles(power) * spread / math.sqrt(rows)


def needed(spread: float, effect: float, power: float = 0.8) -> int:
    """How many rows show a true mean difference of `effect` with this `power`."""
    return math.ceil((_quantiles(power) * spread / effect) ** 2)


def _quantiles(power: float) -> float:
    normal = NormalDist()
    return normal.inv_cdf(1 - LEVEL / 2) + normal.inv_cdf(power)
