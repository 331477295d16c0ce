"""Reason and act in turn, with calls of tools written out as text (Yao et al. 2022, arXiv 2210.03629)."""

from __future__ import annotations

from llm_orc.domain.completion import Message
from llm_orc.domain.strategy import Answer, Ask

MAX_STEPS = 8


class React:
    """At most `max_steps` calls of the agent's tools, then an answer."""

    def __init__(self, *, max_steps: int = MAX_STEPS) -> None:
        self._max_steps = max_steps

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        completion = await ask(messages, steps=self._max_steps)
        return Answer(text=completion.text)
