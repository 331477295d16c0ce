"""Models from cheap to dear: the first answer that is confident enough is taken (FrugalGPT, Chen et al. 2023,
arXiv 2305.05176; confidence from the tokens as in Gupta et al. 2024, arXiv 2404.10136)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Literal, cast

from llm_orc.answers.extraction import last_number
from llm_orc.domain.completion import Message
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.strategy import Answer, Ask, Strategy
from llm_orc.errors import OrcError
from llm_orc.strategies.calibration import load_calibration
from llm_orc.strategies.confidence import TOP, all_measures
from llm_orc.strategies.drawing import MODEL_FAILED
from llm_orc.strategies.on_model import OnModel
from llm_orc.strategies.self_consistency import SelfConsistency

Measure = Literal[
    "mean_logprob", "min_logprob", "sequence_probability", "perplexity", "entropy", "agreement", "verifier"
]
THRESHOLD = 0.9
SAMPLES = 5


class Cascade:
    """Three bands: from `threshold` on an answer is accepted, from `verify_threshold` on it is verified by
    samples of the same model, below that the next model is asked. The last model's answer is taken, verified
    or not. A model that fails or replies nothing is passed over; a verifier that fails says nothing.
    """

    def __init__(
        self,
        *,
        models: tuple[Model, ...] = (),
        confidence: Measure | Literal["calibrated"] = "perplexity",
        calibration: str = "",
        threshold: float | None = None,
        verify_threshold: float | None = None,
        verify: Strategy | None = None,
        verifier: Model | None = None,
        samples: int = SAMPLES,
    ) -> None:
        self._models = models
        self._calibration = load_calibration(calibration) if confidence == "calibrated" else None
        learned = self._calibration
        self._measure = cast("Measure", learned.measure) if learned else cast("Measure", confidence)
        self._threshold = (learned.threshold if learned else THRESHOLD) if threshold is None else threshold
        self._verify_from = verify_threshold
        self._agreement = SelfConsistency(samples=samples, extract="none")
        self._verify = verify or self._agreement
        self._verifier = verifier

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        rungs: list[JsonValue] = []
        best: Answer | None = None
        samples = 0
        models = self._models or ask.models
        failure: OrcError | None = None
        for place, model in enumerate(models):
            unasked = models[place + 1 :]
            last = not unasked
            try:
                found = await self._on(model, messages, ask, last=last)
            except MODEL_FAILED as error:
                failure = error
                ask.note("failed", f"{model.name} failed: {error.message}", model=model.name, kind=error.kind)
                rungs.append({"model": model.name, "error": error.kind})
                continue
            samples += found.samples
            rung = {"model": model.name, "confidence": found.confidence, "samples": found.samples}
            rungs.append({**rung, **found.evidence})
            if not found.text.strip():
                ask.note("empty", f"{model.name} replied nothing", model=model.name)
                best = best or replace(found, confidence=0.0)
                continue
            if best is None or (found.confidence or 0) >= (best.confidence or 0) or last:
                best = found
            if self._accepts(found, unasked, ask):
                break
        if best is None:
            assert failure is not None
            raise failure
        return Answer(
            text=best.text, samples=samples, confidence=best.confidence, model=best.model,
            evidence={"rungs": rungs, "threshold": self._threshold},
        )  # fmt: skip

    def _accepts(self, found: Answer, unasked: tuple[Model, ...], ask: Ask) -> bool:
        sure = found.confidence if found.confidence is not None else 0.0
        note: dict[str, JsonValue] = {
            "model": found.model, "confidence": sure, "unasked": [model.name for model in unasked],
        }  # fmt: skip
        if sure >= self._threshold:
            ask.note("accepted", f"{found.model} is {sure:.2f} sure", **note)
            return True
        if unasked:
            ask.note("escalated", f"{found.model} is only {sure:.2f} sure", **note)
        return not unasked

    async def _on(self, model: Model, messages: tuple[Message, ...], ask: Ask, *, last: bool) -> Answer:
        """One model's answer with its confidence, verified where that is neither high nor low."""
        own = OnModel(ask, model)
        answer = self._calibrated(await self._measured(model, messages, own, last=last))
        sure = answer.confidence or 0.0
        if self._verify_from is None or not self._verify_from <= sure < self._threshold:
            return answer
        ask.note("verified", f"{model.name} is {sure:.2f} sure: verified by samples", model=model.name)
        try:
            verified = await self._verify.answer(messages, own)
        except MODEL_FAILED as error:
            ask.note("failed", f"verifying failed: {error.message}", model=model.name, kind=error.kind)
            return answer
        return Answer(
            text=verified.text, samples=answer.samples + verified.samples, confidence=verified.confidence,
            model=model.name,
        )  # fmt: skip

    def _calibrated(self, answer: Answer) -> Answer:
        if self._calibration is None or answer.confidence is None or answer.model is None:
            return answer
        given = answer.evidence.get("measures")
        measures = {k: float(str(v)) for k, v in given.items()} if isinstance(given, Mapping) else {}
        return replace(answer, confidence=self._calibration.of(answer.model, answer.confidence, measures))

    async def _measured(
        self, model: Model, messages: tuple[Message, ...], ask: OnModel, *, last: bool
    ) -> Answer:
        measure = self._measure
        if measure == "agreement":
            return await self._agreed(model, messages, ask)
        if measure == "verifier":
            text = (await ask(messages)).text
            sure = await self._judged(messages, text, ask)
            return Answer(text=text, confidence=sure, model=model.name)
        if "logprobs" not in model.supports:
            return await self._unmeasured(model, messages, ask)
        completion = await ask(messages, top_logprobs=TOP if measure == "entropy" else 0)
        measures = all_measures(completion.choices[0])
        if measure not in measures and completion.text.strip() and not last:
            # Some servers take the wish for log-probabilities and send none. The last answer needs none.
            found = await self._unmeasured(model, messages, ask)
            return replace(found, samples=found.samples + 1)
        shown: dict[str, JsonValue] = {name: round(value, 6) for name, value in measures.items()}
        return Answer(
            text=completion.text,
            confidence=measures.get(measure),
            model=model.name,
            evidence={"measures": shown},
        )

    async def _unmeasured(self, model: Model, messages: tuple[Message, ...], ask: OnModel) -> Answer:
        ask.note("no_logprobs", f"{model.name} gives no log-probabilities: agreement of samples instead")
        return await self._agreed(model, messages, ask)

    async def _agreed(self, model: Model, messages: tuple[Message, ...], ask: OnModel) -> Answer:
        found = await self._agreement.answer(messages, ask)
        return Answer(text=found.text, samples=found.samples, confidence=found.confidence, model=model.name)

    async def _judged(self, messages: tuple[Message, ...], text: str, ask: OnModel) -> float | None:
        """What the verifier says, from 0 to 100; one that fails or answers off-format says nothing."""
        question = messages[-1].content
        prompt = (
            f"Question:\n{question}\n\nProposed answer:\n{text}\n\n"
            "How likely is the proposed answer correct, from 0 to 100? Reply with the number only."
        )
        try:
            reply = await ask((Message("user", prompt),), model=self._verifier, aside=True)
        except MODEL_FAILED as error:
            ask.note("failed", f"the verifier failed: {error.message}", kind=error.kind)
            return None
        said = last_number(reply.text)
        try:
            value = float(said.rstrip("%")) if said else None
        except ValueError:
            value = None
        return None if value is None or not 0 <= value <= 100 else value / 100
