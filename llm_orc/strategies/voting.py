"""Counting answers that mean the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from llm_orc.answers.equivalence import classes
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.strategies.drawing import Sample

Vote = Literal["majority", "confidence", "equivalence"]
SHOWN, SHOWN_OF_ALL, SHOWN_ANSWER = 2_000, 40_000, 200
"""Characters that are kept as evidence: of a reply, of all replies together, of an answer."""


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

    known = [sample.confidence for sample in samples if sample.confidence is not None]
    usual = sum(known) / len(known) if known else 1.0

    def weight(place: int) -> float:
        own = 1.0 if weights is None else weights[place]
        sure = samples[place].confidence
        # A sample whose confidence is not known counts like the others do on average.
        return own * (1.0 if vote != "confidence" else usual if sure is None else sure)

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
    votes: dict[str, JsonValue] = {}
    for number, weight in found.weights.items():
        answer = str(samples[found.members[number][0]].answer)
        shown = answer[:SHOWN_ANSWER]
        # Long answers that begin alike are told apart by their class.
        votes[shown if shown not in votes else f"{shown} ({number})"] = round(weight, 4)
    most = min(SHOWN, SHOWN_OF_ALL // max(1, len(samples)))
    return {
        "votes": votes,
        "drawn": len(samples),
        "without_answer": found.classes.count(None),
        "replies": [sample.text[:most] for sample in samples],
        **more,  # type: ignore[dict-item]  # what the strategies add is JSON
    }
