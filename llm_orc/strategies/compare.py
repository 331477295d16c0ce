"""Several attempts, and a final answer over all of them (Yoran et al. 2023, arXiv 2304.13007)."""

from __future__ import annotations

from llm_orc.answers.extraction import whole
from llm_orc.domain.completion import Message
from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.strategy import Answer, Ask
from llm_orc.errors import ProviderFailed
from llm_orc.strategies.drawing import draw
from llm_orc.strategies.moa import with_answers

SAMPLES, TEMPERATURE = 3, 0.7


class Compare:
    """Attempts that are all alike are the answer: there is nothing to compare. Where the final answer fails,
    the first attempt is taken."""

    def __init__(
        self, *, samples: int = SAMPLES, model: Model | None = None, temperature: float = TEMPERATURE
    ) -> None:
        self._samples = samples
        self._model = model
        self._sampling = Sampling(temperature=temperature)

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        drawn = await draw(
            ask, messages, self._samples, model=ask.models[0], sampling=self._sampling, extract=whole
        )
        attempts = list(dict.fromkeys(sample.text for sample in drawn if sample.answer is not None))
        if len(attempts) < 2:
            ask.note("alike", f"{len(drawn)} attempts are alike")
            return Answer(text=attempts[0] if attempts else "", samples=len(drawn))
        last = self._model or ask.models[0]
        evidence: JsonObject = {"replies": attempts}
        try:
            completion = await ask(with_answers(messages, attempts), model=last)
        except ProviderFailed as error:
            ask.note("failed", f"the final answer failed: {error.message}", kind=error.kind)
            return Answer(text=attempts[0], samples=len(drawn) + 1, evidence=evidence)
        ask.note("compared", f"{last.name} answers over {len(attempts)} attempts")
        return Answer(text=completion.text, samples=len(drawn) + 1, model=last.name, evidence=evidence)
