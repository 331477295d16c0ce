"""Which of two is better, row by row, stopping as soon as it is known.

A bet against "no difference" on each row's difference. While there is none, the capital is a martingale that
starts at 1, so that it ever reaches 1/level with a chance of at most `level` (Ville 1939): one may look
after every row and stop at any time. The bets and the interval are those of the hedged capital of
Waudby-Smith and Ramdas, Estimating means of bounded random variables by betting, JRSS B 2024, arXiv
2010.09686, section 4 and equation 26.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

LEVEL = 0.05
_STEPS = 200
"""The interval is to a hundredth: differences reach from -1 to 1."""
_BOLDEST = 0.5
"""The share of the capital that is at stake at most."""


@dataclass(slots=True)
class _Capital:
    """The capital of a bet that the mean is above `mean`, and of one that it is below; as logarithms."""

    mean: float
    above: float = 0.0
    below: float = 0.0

    def bet(self, value: float, stake: float) -> None:
        step = value - self.mean
        self.above += math.log1p(min(stake, _BOLDEST / self.mean) * step)
        self.below += math.log1p(-min(stake, _BOLDEST / (1 - self.mean)) * step)

    @property
    def total(self) -> float:
        """The logarithm of the mean of the two."""
        larger = max(self.above, self.below)
        return larger + math.log((math.exp(self.above - larger) + math.exp(self.below - larger)) / 2)


class Betting:
    """Takes differences in [-1, 1] one after the other, in an order that does not depend on them."""

    def __init__(self, level: float = LEVEL) -> None:
        self._limit = math.log(1 / level)
        self._boldness = 2 * math.log(2 / level)
        # Differences as values in [0, 1]; the middle one is "no difference".
        self._means = [_Capital(step / _STEPS) for step in range(1, _STEPS)]
        self._sum, self._squares = 0.5, 0.25
        self.rows = 0

    def add(self, difference: float) -> None:
        """Bet what the rows so far suggest, and see this one."""
        value = (difference + 1) / 2
        count = self.rows + 1
        variance = self._squares / count
        stake = math.sqrt(self._boldness / (variance * count * math.log(1 + count)))
        for capital in self._means:
            capital.bet(value, stake)
        self.rows = count
        self._sum += value
        self._squares += (value - self._sum / (count + 1)) ** 2

    @property
    def evidence(self) -> float:
        """The e-value: the capital against "no difference"; 1/level is enough."""
        return math.exp(min(700.0, self._none.total))

    @property
    def verdict(self) -> Literal["better", "worse", ""]:
        """Whether the differences are above 0 or below, "" while that is not known."""
        if self._none.total < self._limit:
            return ""
        return "better" if self._none.above > self._none.below else "worse"

    def within(self, tolerance: float | None) -> bool:
        """Whether the true mean difference is known to be at most `tolerance`; None: nothing is."""
        low, high = self.interval if tolerance is not None else (-1.0, 1.0)
        return tolerance is not None and -tolerance <= low and high <= tolerance

    @property
    def mean(self) -> float | None:
        """The mean difference of the rows so far; None before the first."""
        return 2 * (self._sum - 0.5) / self.rows - 1 if self.rows else None

    @property
    def interval(self) -> tuple[float, float]:
        """Holds the true mean difference with a chance of 1 - level, at every row at once."""
        left = [c.mean for c in self._means if c.total < self._limit]
        if not left:
            left = [min(self._means, key=lambda c: c.total).mean]
        step = 1 / _STEPS
        return 2 * max(0.0, left[0] - step) - 1, 2 * min(1.0, left[-1] + step) - 1

    @property
    def _none(self) -> _Capital:
        return self._means[_STEPS // 2 - 1]
