"""Several small models, each sampled a few times; the most consistent one answers (SLM-MUX, Wang et al. 2025,
arXiv 2510.05077)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from llm_orc.answers.extraction import extractor
from llm_orc.domain.completion import Message
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.strategy import Answer, Ask
from llm_orc.strategies.drawing import Sample, draw, surviving
from llm_orc.strategies.self_consistency import concluded
from llm_orc.strategies.voting import Tally, tally

SAMPLES = 3
TEMPERATURE = 0.7


class Mux:
    """Of equally consistent models the one that the catalogue says is better, then the one listed first."""

    def __init__(
        self,
        *,
        models: tuple[Model, ...] = (),
        samples: int = SAMPLES,
        temperature: float = TEMPERATURE,
        extract: str | Mapping[str, JsonValue] = "none",
    ) -> None:
        self._models = models
        self._samples = samples
        self._sampling = Sampling(temperature=temperature)
        self._whole = extract == "none"
        self._extract = extractor(extract)

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        models = self._models or ask.models
        calls = [partial(self._drawn, messages, ask, model) for model in models]
        drawn = await surviving(ask, calls, [model.name for model in models])
        ranked: list[tuple[tuple[float, bool, float, int], Model, list[Sample], Tally]] = []
        for place, (model, samples) in enumerate(zip(models, drawn, strict=True)):
            if samples is None:
                continue
            found = tally(samples, "majority")
            share = found.counts()[0] / len(samples)
            known = model.capabilities.values()
            quality = sum(known) / len(known) if known else 0.0
            says = any(sample.text.strip() for sample in samples)
            ranked.append(((share, says, quality, -place), model, samples, found))
            ask.note(
                "consistency",
                f"{model.name} agrees with itself in {share:.0%}",
                model=model.name,
                share=share,
            )
        _, best, samples, found = max(ranked, key=lambda entry: entry[0])
        answer = concluded(samples, found, whole=self._whole, ask=ask, model=best.name)
        shares: dict[str, JsonValue] = {model.name: round(rank[0], 4) for rank, model, _, _ in ranked}
        total = sum(len(drawn_of_it) for _, _, drawn_of_it, _ in ranked)
        return Answer(
            text=answer.text, samples=total, confidence=answer.confidence, model=best.name,
            evidence={**answer.evidence, "consistency": shares},
        )  # fmt: skip

    async def _drawn(self, messages: tuple[Message, ...], ask: Ask, model: Model) -> list[Sample]:
        return await draw(
            ask, messages, self._samples, model=model, sampling=self._sampling, extract=self._extract
        )
