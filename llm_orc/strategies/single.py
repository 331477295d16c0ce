"""Ask once and take the answer."""

from __future__ import annotations

from llm_orc.domain.completion import Message
from llm_orc.domain.strategy import Answer, Ask


class Single:
    """The plain way: one request, one answer."""

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        completion = await ask(messages)
        return Answer(text=completion.text)
