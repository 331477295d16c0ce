"""Several samples, and the answer that most of them agree on (Wang et al. 2022, arXiv 2203.11171)."""

from __future__ import annotations

from collections.abc import Mapping

from llm_orc.answers.extraction import extractor
from llm_orc.domain.completion import Message
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.strategy import Answer, Ask
from llm_orc.strategies.drawing import MODEL_FAILED, Sample, draw
from llm_orc.strategies.early_stopping import (
    draws_until_safe,
    draws_until_window,
    lead_is_safe,
    window_agrees,
)
from llm_orc.strategies.voting import Tally, Vote, evidence, tally

SMALL_B = 7.0
SMALL, LARGE = (20, 0.5), (10, 0.7)
"""Samples and temperature below 7B and from there on: small models need more votes and stay closer to what
they know."""
WINDOW = 5


class SelfConsistency:
    """Draws in waves, so that stopping early saves calls; a wave is as small as the rule allows."""

    def __init__(
        self,
        *,
        samples: int | None = None,
        temperature: float | None = None,
        extract: str | Mapping[str, JsonValue] = "none",
        vote: Vote = "majority",
        early_stop: bool | Mapping[str, JsonValue] = False,
    ) -> None:
        self._samples = samples
        self._temperature = temperature
        self._whole = extract == "none"
        self._extract = extractor(extract)
        self._vote: Vote = vote
        rule = {"window": WINDOW} if early_stop is True else (early_stop or {})
        self._window = rule.get("window")
        self._beta = rule.get("beta")

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        model = ask.models[0]
        most, temperature = self._settings(model)
        samples: list[Sample] = []
        asked = 0
        found = tally(samples, self._vote)
        stopped = ""
        while len(samples) < most and not stopped:
            wave = min(most - len(samples), self._wave(found, most))
            try:
                drawn = await draw(
                    ask, messages, wave,
                    model=model, sampling=Sampling(temperature=temperature), extract=self._extract,
                    logprobs=self._vote == "confidence", first=asked,
                )  # fmt: skip
            except MODEL_FAILED:
                if not samples:
                    raise
                drawn = []
            asked += wave
            samples += drawn
            found = tally(samples, self._vote)
            self._tell(ask, samples, found, most)
            # A wave of which nothing came would be drawn for ever.
            most -= wave - len(drawn)
            stopped = self._stops(found) if len(samples) < most else ""
        if stopped:
            ask.note(
                "stopped_early",
                f"stopped after {len(samples)} of {most} samples: {stopped}",
                saved=most - len(samples),
            )
        if self._vote == "confidence" and all(sample.confidence is None for sample in samples):
            ask.note("no_logprobs", f"{model.name} gave no log-probabilities: every sample counts the same")
        return concluded(samples, found, whole=self._whole, ask=ask, stopped=stopped)

    def _settings(self, model: Model) -> tuple[int, float]:
        size = model.parameters_b
        samples, temperature = SMALL if size is not None and size < SMALL_B else LARGE
        own = model.sampling.temperature
        return (
            self._samples or samples,
            self._temperature if self._temperature is not None else own if own else temperature,
        )

    def _wave(self, found: Tally, most: int) -> int:
        waves = [most]
        if isinstance(self._window, int):
            waves.append(draws_until_window(found.classes, self._window))
        if isinstance(self._beta, int | float):
            waves.append(draws_until_safe(*found.counts(), self._beta))
        return min(waves)

    def _stops(self, found: Tally) -> str:
        if isinstance(self._window, int) and window_agrees(found.classes, self._window):
            return f"the last {self._window} agree"
        if isinstance(self._beta, int | float):
            leader, second = found.counts()
            if leader and lead_is_safe(leader, second, self._beta):
                return f"{leader} to {second} is safe enough"
        return ""

    def _tell(self, ask: Ask, samples: list[Sample], found: Tally, most: int) -> None:
        shown = ""
        if found.leader is not None:
            first = samples[found.members[found.leader][0]].answer or ""
            shown = f"; {first[:60]!r} leads with {len(found.members[found.leader])}"
        ask.note("sampled", f"{len(samples)} of at most {most} samples{shown}", drawn=len(samples), most=most)


def concluded(
    samples: list[Sample], found: Tally, *, whole: bool, ask: Ask, stopped: str = "", model: str | None = None
) -> Answer:
    """The answer of the leading class: what was extracted, or with `whole` its first reply.

    Without any answer it is the first reply that is not empty, with no confidence.
    """
    leader = found.leader
    shown = evidence(samples, found, stopped_early=stopped or None)
    if leader is None:
        ask.note("no_answer", "no sample has an answer: the first reply is taken as it is")
        first = next((sample.text for sample in samples if sample.text.strip()), "")
        return Answer(text=first, samples=len(samples), confidence=0.0, model=model, evidence=shown)
    best = samples[found.members[leader][0]]
    share = len(found.members[leader]) / len(samples)
    ask.note("voted", f"{len(found.members[leader])} of {len(samples)} samples agree", votes=shown["votes"])
    text = best.text if whole else best.answer or ""
    return Answer(text=text, samples=len(samples), confidence=share, model=model, evidence=shown)
