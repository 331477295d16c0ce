"""Where edges leave and meet boxes, and the lines that they take between them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

Point = tuple[float, float]

_PORT = 12.0
"""Between two edges at a box, where it is wide enough."""
_NARROWEST, _WIDEST = 46.0, 220.0
"""How far apart rows are."""
_STEEP = 0.14
"""Rows are apart by this part of what edges between them go sideways."""


def gap(sideways: Sequence[float]) -> float:
    """The distance of two rows, the edges between which go this far to the side."""
    furthest = max(map(abs, sideways), default=0.0)
    return min(max(_NARROWEST, _STEEP * furthest), _WIDEST)


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


def chain_points(
    start: Point, passed: Sequence[tuple[float, float, float]], end: Point, rows: tuple[float, float]
) -> tuple[Point, ...]:
    """A polyline from `start` to `end`, vertical where it passes a row: at x, from top to bottom.

    `rows` are the bottom of the row in which it starts and the top of that in which it ends.
    """
    points = [start, (start[0], rows[0])]
    for x, top, bottom in passed:
        points += [(x, top), (x, bottom)]
    points += [(end[0], rows[1]), end]
    rounded = [(round(x, 1), round(y, 1)) for x, y in points]
    return tuple(dict.fromkeys(rounded))
