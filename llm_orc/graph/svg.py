"""Draw an ensemble as SVG: one file without script or outside request, for light and dark pages."""

from __future__ import annotations

import html
import re

from llm_orc.domain.ensemble import Agent, Ensemble
from llm_orc.domain.text import one_line
from llm_orc.graph.card import TEXT_LEFT, Card, kind_of, served_by
from llm_orc.graph.layout import Box, Layout, Route
from llm_orc.graph.routes import Point
from llm_orc.graph.svg_style import ICONS, STYLE

_HEADER = 40.0
_NARROWEST = 220.0
_ARROW = 7.0
_FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def svg(ensemble: Ensemble, cards: dict[str, Card], layout: Layout) -> str:
    """The drawing of an ensemble, the boxes of which `layout` has put in place."""
    width, height = f"{max(layout.width, _NARROWEST):g}", f"{layout.height + _HEADER:g}"
    heading = one_line(ensemble.name, int(float(width) / 10))
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" class="llm-orc" width="{width}" height="{height}"'
        f' viewBox="0 0 {width} {height}" role="img" aria-labelledby="llm-orc-title llm-orc-desc">',
        f'<title id="llm-orc-title">{_xml(ensemble.name)}</title>',
        f'<desc id="llm-orc-desc">{_xml(_described(ensemble))}</desc>',
        f"<style>{STYLE}</style>",
        '<defs><marker id="llm-orc-arrow" markerUnits="userSpaceOnUse" markerWidth="8" markerHeight="8"'
        ' refY="4" orient="auto"><path class="head" d="M0 .5L7 4L0 7.5L1.5 4Z"/></marker></defs>',
        f'<rect class="page" width="{width}" height="{height}" rx="12"/>',
        f'<text class="heading" x="24" y="35">{_xml(heading)}</text>',
        f'<g transform="translate(0 {_HEADER:g})">',
    ]
    for route in layout.routes:
        lines.append(_edge(route, optional=route.source in ensemble.agents[route.target].optional))
    for name, agent in ensemble.agents.items():
        lines.append(_node(agent, cards[name], layout.boxes[name], output=name in ensemble.outputs))
    return "\n".join((*lines, "</g>", "</svg>"))


def _xml(text: str) -> str:
    """Text for an element or an attribute, without the characters that no XML file may have."""
    return html.escape(_FORBIDDEN.sub("", text))


def _described(ensemble: Ensemble) -> str:
    """The drawing in words."""
    sentences = [ensemble.description] if ensemble.description else []
    for name, agent in ensemble.agents.items():
        after = f" after {', '.join(agent.depends_on)}" if agent.depends_on else ""
        when = f", when {agent.when.source}" if agent.when is not None else ""
        output = "; output" if name in ensemble.outputs else ""
        sentences.append(f"{name} ({served_by(agent)}){after}{when}{output}.")
    return " ".join(sentences)


def _edge(route: Route, *, optional: bool) -> str:
    *points, (x, y) = route.points
    title = f"{route.source} → {route.target}{' (may be missing)' if optional else ''}"
    return (
        f'<path class="edge{" optional" if optional else ""}" marker-end="url(#llm-orc-arrow)"'
        f' d="{_curve([*points, (x, round(y - _ARROW, 1))])}"><title>{_xml(title)}</title></path>'
    )


def _curve(points: list[Point]) -> str:
    """Curves that begin and end vertically; straight where the polyline is."""
    x, y = points[0]
    path = [f"M{x:g} {y:g}"]
    for to_x, to_y in points[1:]:
        middle = round((y + to_y) / 2, 1)
        if to_x == x:
            path.append(f"V{to_y:g}")
        else:
            path.append(f"C{x:g} {middle:g} {to_x:g} {middle:g} {to_x:g} {to_y:g}")
        x, y = to_x, to_y
    return "".join(path)


_GUARD = (
    '<path class="guard" d="M0-8.5L8.5 0L0 8.5L-8.5 0Z"/>'
    '<path class="sign" d="M-2-2.2A2 2 0 1 1 .8-.4Q0 0 0 1.2M0 3.7V3.8"/>'
)
_OUT = '<path class="out" d="M0 0V9M-4 5l4 4.5l4-4.5"/>'


def _node(agent: Agent, card: Card, box: Box, *, output: bool) -> str:
    """A box with its mark, two lines of text, and signs for fan-out, `when` and output."""
    middle, kind = box.height / 2, kind_of(agent)
    size = f'width="{box.width:g}" height="{box.height:g}" rx="10"'
    left, top = round(box.x - box.width / 2, 1), round(box.y - middle, 1)
    parts = [
        f'<g class="node {kind}" transform="translate({left:g} {top:g})"><title>{_xml(card.whole)}</title>',
        f'<rect class="card{" output" if output else ""}" {size}/>',
        f'<path class="icon" transform="translate(14 {middle - 8:g})" d="{ICONS[kind]}"/>',
        f'<text class="name" x="{TEXT_LEFT:g}" y="{middle - 3.5:g}">{_xml(card.name)}</text>',
        f'<text class="line" x="{TEXT_LEFT:g}" y="{middle + 13:g}">{_xml(card.line)}</text>',
    ]
    if agent.fan_out is not None:
        parts[1:1] = [f'<rect class="card" x="{by}" y="{by}" {size}/>' for by in (7, 3.5)]
    if agent.when is not None:
        parts.append(_sign(-2, middle, f"when {agent.when.source}", _GUARD))
    if output:
        parts.append(_sign(box.width - 22, box.height, "output", _OUT))
    return "".join((*parts, "</g>"))


def _sign(x: float, y: float, title: str, shape: str) -> str:
    return f'<g transform="translate({x:g} {y:g})"><title>{_xml(title)}</title>{shape}</g>'
