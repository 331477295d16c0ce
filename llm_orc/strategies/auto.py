"""Chooses another strategy by the task, the model and the stakes."""

from __future__ import annotations

from llm_orc.domain.completion import Message
from llm_orc.domain.strategy import Answer, Ask, Strategy
from llm_orc.domain.strategy_choice import Quality, choose
from llm_orc.strategies.chain_of_thought import ChainOfThought
from llm_orc.strategies.refine import Refine
from llm_orc.strategies.self_consistency import SelfConsistency
from llm_orc.strategies.single import Single
from llm_orc.strategies.verify import Verify

_KINDS = {
    "single": Single,
    "chain_of_thought": ChainOfThought,
    "self_consistency": SelfConsistency,
    "refine": Refine,
    "verify": Verify,
}


class Auto:
    """What it chose, and why, is a note and part of the evidence."""

    def __init__(self, *, quality: Quality = "normal") -> None:
        self._quality: Quality = quality

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        spec, reason = choose(ask.task(messages), ask.models[0], self._quality)
        ask.note("chosen", f"{spec.type}: {reason}", strategy=spec.type, reason=reason)
        strategy: Strategy = _KINDS[spec.type](**spec.settings)
        found = await strategy.answer(messages, ask)
        return Answer(
            text=found.text, samples=found.samples, confidence=found.confidence, model=found.model,
            evidence={**found.evidence, "strategy": spec.type, "reason": reason},
        )  # fmt: skip
