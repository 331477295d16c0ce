"""How sure a comparison of two is that were measured on different runs.

Sources: unequal variances, Welch 1947; shares, Pearson 1900 without a correction for continuity, and where
fewer than five of a kind are expected, Fisher 1935; the interval of a difference of shares, Newcombe 1998,
method 10; how many are needed, Cohen 1988.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist
from typing import Literal

from llm_orc.optimize.statistics import LEVEL, mean, share_interval, spread

Test = Literal["welch", "chi-square", "fisher", ""]
LEAST_EXPECTED = 5
"""With fewer expected of a kind, the chi-square is not to be trusted."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Apart:
    """How much the second of two is better.

    `low` and `high` are the 95 % interval of `mean`, `p` is the two-sided chance of as large a difference
    where there is none; None where too little is known. `spreads` are the standard deviations of the two.
    """

    mean: float
    low: float | None
    high: float | None
    test: Test
    statistic: float | None
    p: float | None
    spreads: tuple[float, float]


def of_scores(first: Sequence[float], second: Sequence[float]) -> Apart:
    """By Welch's t-test; where all are 0 or 1, as shares. Both have at least one score."""
    if set(first) | set(second) <= {0.0, 1.0}:
        return of_shares((round(sum(first)), len(first)), (round(sum(second)), len(second)))
    apart, spreads = mean(second) - mean(first), (spread(first), spread(second))
    squares = [deviation**2 / len(rows) for deviation, rows in zip(spreads, (first, second), strict=True)]
    if min(len(first), len(second)) < 2 or not any(squares):
        return Apart(mean=apart, low=None, high=None, test="", statistic=None, p=None, spreads=spreads)
    from scipy.stats import t

    error = math.sqrt(sum(squares))
    freedom = error**4 / (squares[0] ** 2 / (len(first) - 1) + squares[1] ** 2 / (len(second) - 1))
    reach = error * float(t.isf(LEVEL / 2, freedom))
    return Apart(
        mean=apart, low=apart - reach, high=apart + reach, test="welch", statistic=apart / error,
        p=2 * float(t.sf(abs(apart / error), freedom)), spreads=spreads,
    )  # fmt: skip


def of_shares(first: tuple[int, int], second: tuple[int, int]) -> Apart:
    """Each is how many went well, and of how many: at least one."""
    (well_1, rows_1), (well_2, rows_2) = first, second
    table = [[well_1, rows_1 - well_1], [well_2, rows_2 - well_2]]
    well, rows = well_1 + well_2, rows_1 + rows_2
    expected = min(rows_1, rows_2) * min(well, rows - well) / rows
    test: Test = "chi-square" if expected >= LEAST_EXPECTED else "fisher"
    if test == "chi-square":
        from scipy.stats import chi2_contingency

        found = chi2_contingency(table, correction=False)
        statistic, p = float(found.statistic), float(found.pvalue)
    else:
        from scipy.stats import fisher_exact

        statistic, p = None, float(fisher_exact(table).pvalue)
    share_1, share_2 = well_1 / rows_1, well_2 / rows_2
    low_1, high_1 = share_interval(well_1, rows_1)
    low_2, high_2 = share_interval(well_2, rows_2)
    apart = share_2 - share_1
    return Apart(
        mean=apart,
        low=apart - math.hypot(share_2 - low_2, high_1 - share_1),
        high=apart + math.hypot(high_2 - share_2, share_1 - low_1),
        test=test, statistic=statistic, p=p,
        spreads=(math.sqrt(share_1 * (1 - share_1)), math.sqrt(share_2 * (1 - share_2))),
    )  # fmt: skip


def needed_of_each(spreads: tuple[float, float], effect: float, power: float = 0.8) -> int | None:
    """How many of each of two show a true difference of `effect` with this `power`.

    By the normal approximation; None where there is no difference to show, or nothing varies.
    """
    if not effect or not any(spreads):
        return None
    normal = NormalDist()
    quantiles = normal.inv_cdf(1 - LEVEL / 2) + normal.inv_cdf(power)
    return max(2, math.ceil((quantiles / effect) ** 2 * (spreads[0] ** 2 + spreads[1] ** 2)))
