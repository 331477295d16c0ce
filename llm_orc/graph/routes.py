"""Where edges leave and meet boxes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Point = tuple[float, float]

_PORT = 12.0
"""Between two edges at a box, where it is wide enough."""


def ports(x: Sequence[float], node: int, ends: Sequence[int], width: float) -> Mapping[int, float]:
    """Where the edges to `ends` leave a box, from left to right as their ends are.

    An edge to an end that is straight above or below leaves in the middle, and is straight.
    """
    ordered = sorted(ends, key=x.__getitem__)
    straight = [place for place, end in enumerate(ordered) if abs(x[end] - x[node]) < 0.5]
    middle = straight[0] if straight else (len(ordered) - 1) / 2
    furthest = max(middle, len(ordered) - 1 - middle)
    pitch = min(_PORT, 0.38 * width / furthest) if furthest else 0.0
    return {end: x[node] + (place - middle) * pitch for place, end in enumerate(ordered)}
