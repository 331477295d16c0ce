"""Different models answer once each, and the answers are counted (cf. Li et al. 2024, arXiv 2402.05120)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

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


class ModelVote:
    """A tie goes to the model that is listed first. A model that fails has no vote."""

    def __init__(
        self,
        *,
        models: tuple[Model, ...] = (),
        extract: str | Mapping[str, JsonValue] = "none",
        weights: Mapping[str, float] | None = None,
        each: Strategy | None = None,
    ) -> None:
        self._models = models
        self._whole = extract == "none"
        self._extract = extractor(extract)
        self._weights = weights or {}
        self._each = each or Single()

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        models = self._models or ask.models
        calls = [partial(self._each.answer, messages, OnModel(ask, model)) for model in models]
        answers = await surviving(ask, calls, [model.name for model in models])
        cast = [(m, a) for m, a in zip(models, answers, strict=True) if a is not None]
        samples = [Sample(answer.text, self._extract(answer.text)) for _, answer in cast]
        weights = [float(self._weights.get(model.name, 1.0)) for model, _ in cast]
        found = tally(samples, "majority", weights)
        if found.leader is not None:
            winner = cast[found.members[found.leader][0]][0]
        else:
            winner = next((model for model, answer in cast if answer.text.strip()), cast[0][0])
        return concluded(samples, found, whole=self._whole, ask=ask, model=winner.name)
