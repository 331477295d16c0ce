"""Different models, or wordings, answer once each, and the answers are counted.

Cf. Li et al. 2024, arXiv 2402.05120; for wordings Arora et al. 2022, arXiv 2210.02441.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Literal

from llm_orc.answers.extraction import extractor
from llm_orc.domain.completion import Message
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.strategy import Answer, Ask, Strategy
from llm_orc.strategies.drawing import Sample, surviving
from llm_orc.strategies.on_model import OnModel
from llm_orc.strategies.self_consistency import concluded
from llm_orc.strategies.single import Single
from llm_orc.strategies.voting import tally

Over = Literal["models", "variants"]


@dataclass(frozen=True, slots=True)
class Voter:
    """Who votes: a model, or the agent's model asked in one wording."""

    name: str
    weight: float
    answer: Callable[[], Awaitable[Answer]]
    model: str | None = None


class MajorityVote:
    """A tie goes to the voter that is listed first. One that fails has no vote."""

    def __init__(
        self,
        *,
        over: Over = "models",
        models: tuple[Model, ...] = (),
        extract: str | Mapping[str, JsonValue] = "none",
        weights: Mapping[str, float] | None = None,
        each: Strategy | None = None,
    ) -> None:
        self._over = over
        self._models = models
        self._whole = extract == "none"
        self._extract = extractor(extract)
        self._weights = weights or {}
        self._each = each or Single()

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        voters = list(self._wordings(ask) if self._over == "variants" else self._asked(messages, ask))
        answers = await surviving(ask, [voter.answer for voter in voters], [voter.name for voter in voters])
        cast = [(v, a) for v, a in zip(voters, answers, strict=True) if a is not None]
        samples = [Sample(answer.text, self._extract(answer.text)) for _, answer in cast]
        weights = [float(self._weights.get(voter.name, voter.weight)) for voter, _ in cast]
        found = tally(samples, "majority", weights)
        if found.leader is not None:
            winner = cast[found.members[found.leader][0]][0]
        else:
            winner = next((voter for voter, answer in cast if answer.text.strip()), cast[0][0])
        answer = concluded(samples, found, whole=self._whole, ask=ask, model=winner.model)
        return replace(answer, evidence={**answer.evidence, "voters": [voter.name for voter, _ in cast]})

    def _asked(self, messages: tuple[Message, ...], ask: Ask) -> Iterator[Voter]:
        for model in self._models or ask.models:
            vote = partial(self._each.answer, messages, OnModel(ask, model))
            yield Voter(model.name, 1.0, vote, model.name)

    def _wordings(self, ask: Ask) -> Iterator[Voter]:
        for wording in ask.wordings:
            vote = partial(self._each.answer, wording.messages, ask)
            yield Voter(wording.name, wording.weight, vote)
