"""Quality over cost as a picture: what no other beats is filled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

WIDTH, HEIGHT, EDGE = 720, 440, 60
INK = "#2563eb"


@dataclass(frozen=True, slots=True, kw_only=True)
class Dot:
    """`x` is what it cost, `y` how good it is. `name` may be empty."""

    name: str
    x: float
    y: float
    on_front: bool


def scatter(dots: Sequence[Dot], cost: str, quality: str) -> str:
    """An SVG with a dot each; `cost` and `quality` are the titles of the axes."""
    xs, ys = [dot.x for dot in dots], [dot.y for dot in dots]

    def at(x: float, y: float) -> tuple[float, float]:
        across = (x - min(xs)) / ((max(xs) - min(xs)) or 1)
        up = (y - min(ys)) / ((max(ys) - min(ys)) or 1)
        return EDGE + across * (WIDTH - 3 * EDGE), HEIGHT - EDGE - up * (HEIGHT - 2 * EDGE)

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" '
        'font-family="sans-serif" font-size="11">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
        f'<path d="M{EDGE} {EDGE} V{HEIGHT - EDGE} H{WIDTH - EDGE}" fill="none" stroke="#888"/>',
        f'<text x="{WIDTH - EDGE}" y="{HEIGHT - EDGE + 24}" text-anchor="end">{escape(cost)}</text>',
        f'<text x="{EDGE}" y="{EDGE - 12}">{escape(quality)}</text>',
    ]
    for x, y in dict.fromkeys(((min(xs), min(ys)), (max(xs), max(ys)))):
        across, up = at(x, y)
        parts.append(f'<text x="{across:.0f}" y="{HEIGHT - EDGE + 12}" fill="#666">{x:.3g}</text>')
        parts.append(f'<text x="{EDGE - 6}" y="{up:.0f}" text-anchor="end" fill="#666">{y:.3g}</text>')
    for dot in dots:
        across, up = at(dot.x, dot.y)
        fill = INK if dot.on_front else "white"
        parts.append(f'<circle cx="{across:.1f}" cy="{up:.1f}" r="4.5" fill="{fill}" stroke="{INK}"/>')
        if dot.name:
            parts.append(f'<text x="{across + 8:.1f}" y="{up + 4:.1f}">{escape(dot.name)}</text>')
    return "\n".join([*parts, "</svg>", ""])
