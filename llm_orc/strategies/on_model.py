"""An `ask` that is about one model: for strategies that let several think, each in a strategy of its own."""

from __future__ import annotations

from llm_orc.domain.completion import Completion, Message
from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.strategy import Ask
from llm_orc.domain.task import Task


class OnModel:
    """Asks `model` where nothing else is said."""

    def __init__(self, ask: Ask, model: Model) -> None:
        self.models = (model,)
        self.wordings = ask.wordings
        self._ask = ask

    async def __call__(
        self,
        messages: tuple[Message, ...],
        *,
        model: Model | None = None,
        sampling: Sampling | None = None,
        n: int = 1,
        top_logprobs: int | None = None,
        aside: bool = False,
        steps: int | None = None,
        sample: int | None = None,
    ) -> Completion:
        return await self._ask(
            messages,
            model=model or self.models[0],
            sampling=sampling,
            n=n,
            top_logprobs=top_logprobs,
            aside=aside,
            steps=steps,
            sample=sample,
        )

    async def run(self, ensemble: Ensemble, inputs: JsonObject) -> JsonValue:
        return await self._ask.run(ensemble, inputs)

    def task(self, messages: tuple[Message, ...]) -> Task:
        return self._ask.task(messages)

    def note(self, step: str, message: str, **detail: JsonValue) -> None:
        self._ask.note(step, message, **detail)
