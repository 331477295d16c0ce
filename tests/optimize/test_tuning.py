"""The settings that no others beat."""

from __future__ import annotations

from llm_orc.optimize.tuning import Point, front


def point(name: str, quality: float, tokens: float) -> Point:
    return Point(settings={"a.model": name}, quality=quality, usd=None, tokens=tokens, seconds=1.0)


def test_only_what_nothing_beats_is_shown_and_each_result_once():
    same, cheap, best, worse = (
        point("same", 0.5, 9),
        point("cheap", 0.4, 3),
        point("best", 0.9, 9),
        point("worse", 0.4, 4),
    )
    again = point("again", 0.9, 9)
    assert front([same, cheap, best, worse, again]) == (best, cheap)
