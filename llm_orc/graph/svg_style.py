"""How a drawing looks: colours for light and dark pages, type, and the marks of the kinds of agents."""

from __future__ import annotations

from collections.abc import Mapping

from llm_orc.graph.card import LINE_PX, NAME_PX, Kind

ICONS: Mapping[Kind, str] = {
    "model": "M8 1.5Q8.8 7.2 14.5 8Q8.8 8.8 8 14.5Q7.2 8.8 1.5 8Q7.2 7.2 8 1.5Z",
    "script": "M2.5 3.5l4.5 4.5-4.5 4.5M8.5 12.5h5",
    "ensemble": "M2 2.5h5.5v4H2zM8.5 9.5H14v4H8.5zM4.7 6.5v5h3.8",
    "loop": "M13.2 6A5.6 5.6 0 1 0 13.6 9.4M13.6 2.2V6.2H9.6",
    "dispatch": "M8 14V10L3.6 5.6V2.5M8 10l4.4-4.4V2.5M1.6 4.4l2-2 2 2M10.4 4.4l2-2 2 2",
    "unread": "M8 2.2a5.8 5.8 0 1 0 .01 0M8 4.8V8l2.2 2.2",
}
"""Outlines of 16 by 16 pixels."""

_Colours = Mapping[str, str]
_LIGHT: _Colours = {
    "page": "#ffffff", "ink": "#1d2433", "muted": "#5d6779", "edge": "#9aa5b8", "strong": "#3d4a63",
    "model": "#4c5be0", "script": "#0c8565", "ensemble": "#8540d0", "loop": "#b5640a",
    "dispatch": "#c92f68", "unread": "#68727f",
}  # fmt: skip
_DARK: _Colours = {
    "page": "#0f131b", "ink": "#eef1f7", "muted": "#9ba6ba", "edge": "#566179", "strong": "#c3ccdd",
    "model": "#8d9aff", "script": "#40c79f", "ensemble": "#bf8bff", "loop": "#efac4a",
    "dispatch": "#ff7dac", "unread": "#98a2b5",
}  # fmt: skip
_KINDS: tuple[Kind, ...] = ("model", "script", "ensemble", "loop", "dispatch", "unread")


def _tinted(colour: str, page: str, part: float) -> str:
    """A colour laid over the page so thinly that text on it reads well."""
    pairs = zip(bytes.fromhex(colour[1:]), bytes.fromhex(page[1:]), strict=True)
    return "#" + bytes(round(part * one + (1 - part) * other) for one, other in pairs).hex()


def _rules(colours: _Colours, part: float) -> str:
    page, edge, strong = colours["page"], colours["edge"], colours["strong"]
    rules = {
        ".page": f"fill:{page}",
        ".heading,.name": f"fill:{colours['ink']}",
        ".line": f"fill:{colours['muted']}",
        ".edge": f"stroke:{edge}",
        ".head": f"fill:{edge}",
        ".edge:hover,.out": f"stroke:{strong}",
        ".sign": f"stroke:{page}",
    }
    for kind in _KINDS:
        colour = colours[kind]
        rules[f".{kind} .card"] = f"fill:{_tinted(colour, page, part)};stroke:{_tinted(colour, page, 0.55)}"
        rules[f".{kind} .output"] = f"stroke:{colour}"
        rules[f".{kind} .icon"] = f"stroke:{colour}"
        rules[f".{kind} .guard"] = f"fill:{colour};stroke:{page}"
    return "".join(
        f"{','.join(f'.llm-orc {one}' for one in names.split(','))}{{{rule}}}"
        for names, rule in rules.items()
    )


_SHAPE = (
    ".llm-orc text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Helvetica Neue',Arial,sans-serif}"
    ".llm-orc .heading{font-size:17px;font-weight:650}"
    f".llm-orc .name{{font-size:{NAME_PX}px;font-weight:600}}.llm-orc .line{{font-size:{LINE_PX}px}}"
    ".llm-orc .card{stroke-width:1.2}.llm-orc .output{stroke-width:2.2}"
    ".llm-orc .edge,.llm-orc .out,.llm-orc .icon,.llm-orc .sign"
    "{fill:none;stroke-width:1.5;stroke-linecap:round;stroke-linejoin:round}"
    ".llm-orc .edge:hover{stroke-width:3}.llm-orc .optional{stroke-dasharray:5 4}"
    ".llm-orc .guard{stroke-width:2}.llm-orc .out{stroke-width:1.8}"
)
STYLE = _SHAPE + _rules(_LIGHT, 0.07) + "@media (prefers-color-scheme:dark){" + _rules(_DARK, 0.13) + "}"
"""Plain rules with the light colours first: a program that knows no media queries draws those."""
