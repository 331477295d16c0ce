"""Counting answers that mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llm_orc.answers.equivalence import classes
from llm_orc.domain.json import JsonObject
from llm_orc.strategies.drawing import Sample

Vote = Literal["majority", "confidence", "equivalence"]
SHOWN = 2_000
"""Characters of a reply that are kept as evidence."""


@dataclass(frozen=True, slots=True)
class Tally:
    """`members` are the samples of each class, by index; `weights` their votes, the heaviest class first."""

    classes: tuple[int | None, ...]
    members: dict[int, list[int]]
    weights: dict[int, float]

    @property
    def leader(self) -> int | None:
        return next(iter(self.weights), None)

    def counts(self) -> tuple[int, int]:
        """Samples of the leading class and of the second."""
        sizes = [len(self.members[found]) for found in self.weights]
        return (sizes[0] if sizes else 0), (sizes[1] if len(sizes) > 1 else 0)


def tally(samples: Sequence[Sample], vote: Vote, weights: Sequence[float] | None = None) -> Tally:
    """Ties go to the class whose tokens were surer, then to the one that was drawn first."""
    answered = [place for place, sample in enumerate(samples) if sample.answer is not None]
    numbers = classes([samples[p].answer or "" for p in answered], mathematics=vote == "equivalence")
    found: list[int | None] = [None] * len(samples)
    members: dict[int, list[int]] = {}
    for place, number in zip(answered, numbers, strict=True):
        found[place] = number
        members.setdefault(number, []).append(place)

    def weight(place: int) -> float:
        own = 1.0 if weights is None else weights[place]
        sure = samples[place].confidence
        return own * (sure if vote == "confidence" and sure is not None else 1.0)

    def rank(number: int) -> tuple[float, float, int]:
        places = members[number]
        return (
            sum(weight(p) for p in places),
            sum(samples[p].confidence or 0.0 for p in places),
            -places[0],
        )

    ordered = sorted(members, key=rank, reverse=True)
    totals = {number: sum(weight(p) for p in members[number]) for number in ordered}
    return Tally(tuple(found), members, totals)


def evidence(samples: Sequence[Sample], found: Tally, **more: object) -> JsonObject:
    """The votes by answer, and the beginnings of the replies."""
    votes = {str(samples[found.members[n][0]].answer): round(w, 4) for n, w in found.weights.items()}
    return {
        "votes": votes,
        "drawn": len(samples),
        "without_answer": found.classes.count(None),
        "replies": [sample.text[:SHOWN] for sample in samples],
        **more,  # type: ignore[dict-item]  # what the strategies add is JSON
    }
