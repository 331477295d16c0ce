"""Where edges leave and meet boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Point = tuple[float, float]

_APART = 14.0
"""Between two edges at a box, where it is wide enough."""
_REACH = 0.4
"""How far from the middle of a box edges meet it, as a part of its width."""
_HAIR = 3.0


def ports(x: Sequence[float], node: int, ends: Sequence[int], width: float, real: int) -> Mapping[int, float]:
    """Where the edges to `ends` leave a box, from left to right as their ends are.

    They are spread around the middle, or around the edge whose end is straight above or below. An edge to
    a dummy, which is a node from `real` on, goes straight on where it can.
    """
    ordered = sorted(ends, key=x.__getitem__)
    straight = [place for place, end in enumerate(ordered) if abs(x[end] - x[node]) < 0.5]
    middle = straight[0] if straight else (len(ordered) - 1) / 2
    furthest = max(middle, len(ordered) - 1 - middle)
    reach = _REACH * width
    apart = min(_APART, reach / furthest) if furthest else 0.0
    wishes = []
    for place, end in enumerate(ordered):
        goes_on = end >= real and abs(x[end] - x[node]) <= reach
        wishes.append((x[end], 20) if goes_on else (x[node] + (place - middle) * apart, 1))
    found = _spread(wishes, apart, x[node] - reach, x[node] + reach)
    return dict(zip(ordered, found, strict=True))


def straightened(out: float, passed: Sequence[float], into: float) -> tuple[float, float]:
    """The ports of an edge, moved by a hair where that makes a line straight."""
    if not passed:
        return out, out if abs(out - into) < _HAIR else into
    first, last = passed[0], passed[-1]
    return first if abs(out - first) < _HAIR else out, last if abs(into - last) < _HAIR else into


def _spread(wishes: Sequence[tuple[float, int]], apart: float, least: float, most: float) -> list[float]:
    """The places nearest to where each wishes to be, by weighted squares, that are `apart` from each other.

    This is isotonic regression between bounds, by pooling adjacent violators.
    """
    pools: list[tuple[float, int, int]] = []
    for place, (wish, weight) in enumerate(wishes):
        mean, total, count = wish - place * apart, weight, 1
        while pools and pools[-1][0] > mean:
            other, its_total, its_count = pools.pop()
            mean = (mean * total + other * its_total) / (total + its_total)
            total, count = total + its_total, count + its_count
        pools.append((mean, total, count))
    most -= (len(wishes) - 1) * apart
    flat = [min(max(mean, least), most) for mean, _, count in pools for _ in range(count)]
    return [mean + place * apart for place, mean in enumerate(flat)]
