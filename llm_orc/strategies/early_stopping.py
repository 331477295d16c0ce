"""When drawing more samples would not change the vote."""

from __future__ import annotations

from collections.abc import Sequence
from math import comb


def window_agrees(classes: Sequence[int | None], window: int) -> bool:
    """Whether the last `window` samples agree: Early-Stopping Self-Consistency (Li et al. 2024,
    arXiv 2401.10480, section 3)."""
    last = classes[-window:]
    return len(last) == window and last[0] is not None and len(set(last)) == 1


def lead_is_safe(leader: int, second: int, certainty: float) -> bool:
    """Whether the leading answer stays ahead of the second with this probability: Adaptive-Consistency
    with the Beta criterion (Aggarwal et al. 2023, arXiv 2305.11860, section 3)."""
    return lead_probability(leader, second) >= certainty


def lead_probability(leader: int, second: int) -> float:
    """P(p > 1/2) for p ~ Beta(leader + 1, second + 1)."""
    total = leader + second + 1
    return float(sum(comb(total, k) for k in range(leader + 1)) / 2**total)


def draws_until_safe(leader: int, second: int, certainty: float) -> int:
    """The fewest further samples after which the rule could stop: if all of them agree with the leader."""
    more = 0
    while not lead_is_safe(leader + more, second, certainty):
        more += 1
    return max(1, more)


def draws_until_window(classes: Sequence[int | None], window: int) -> int:
    """The fewest further samples after which the last `window` could agree."""
    run = 0
    for found in reversed(classes):
        if found is None or found != classes[-1]:
            break
        run += 1
    return max(1, window - run)
