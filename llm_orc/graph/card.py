"""What the box of an agent says, and how much room that takes."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Literal

from llm_orc.domain.ensemble import Agent, Dispatch, Llm, Loop, Script, SubEnsemble, Unread
from llm_orc.domain.text import one_line

Kind = Literal["model", "script", "ensemble", "loop", "dispatch", "unread"]

HEIGHT = 48.0
TEXT_LEFT = 40.0
"""From the left edge of a box to its text; the kind's mark is before it."""
_TEXT_RIGHT = 16.0
_NARROWEST = 104.0
_LONGEST_NAME, _LONGEST_LINE = 34, 36
"""Characters; what is cut is in the tooltip."""
NAME_PX, LINE_PX = 13.5, 11.5
_NARROW, _WIDE = frozenset("fijlrt.,:;'|!()[]{}I -"), frozenset("mwMW@%&—…")


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """The two lines of a box, and its width in pixels. `whole` is what they say when nothing is cut."""

    name: str
    line: str
    whole: str
    width: float


def kind_of(agent: Agent) -> Kind:
    """What kind of work an agent does."""
    match agent.work:
        case Llm():
            return "model"
        case Script():
            return "script"
        case SubEnsemble():
            return "ensemble"
        case Loop():
            return "loop"
        case Dispatch():
            return "dispatch"
        case Unread():
            return "unread"


def served_by(agent: Agent) -> str:
    """What serves an agent, in a few words: of several candidates the first."""
    match agent.work:
        case Llm(models=models):
            return models[0].name if models else "default model"
        case Script():
            return "script"
        case SubEnsemble(ensemble=ensemble) | Loop(body=ensemble):
            return f"{'loop' if isinstance(agent.work, Loop) else 'ensemble'} {ensemble.name}"
        case Dispatch(allowed=allowed):
            return f"one of {', '.join(allowed)}"
        case Unread(kind=kind):
            return kind


def card(agent: Agent) -> Card:
    """The card of an agent; a model's has all of its candidates."""
    line = served_by(agent)
    if isinstance(agent.work, Llm) and agent.work.models:
        line = " › ".join(model.name for model in agent.work.models)
    if agent.fan_out is not None:
        line += f" · per {agent.fan_out.item}"
    name, short = one_line(agent.name, _LONGEST_NAME), one_line(line, _LONGEST_LINE)
    text = max(_text_width(name, NAME_PX * 1.1), _text_width(short, LINE_PX))
    width = max(_NARROWEST, round(TEXT_LEFT + text + _TEXT_RIGHT))
    return Card(name=name, line=short, whole=f"{agent.name}: {line}", width=float(width))


def _text_width(text: str, size: float) -> float:
    """About how wide a sans-serif font of `size` pixels sets a text; rather too wide than too narrow."""
    return size * sum(map(_em, text))


def _em(character: str) -> float:
    if unicodedata.combining(character):
        return 0.0
    if unicodedata.east_asian_width(character) in "WF" or character in _WIDE:
        return 1.0
    if character in _NARROW:
        return 0.36
    return 0.7 if character.isupper() else 0.57
