"""How an agent thinks: from messages to an answer, through `ask`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from llm_orc.domain.completion import Ask, Message


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a strategy concluded. `confidence` is in [0, 1], None when nothing measured it;
    `samples` is how many answers were drawn."""

    text: str
    samples: int = 1
    confidence: float | None = None


class Strategy(Protocol):
    """One way of thinking. It is given `ask`, never a provider: plan, budget and trace always apply."""

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer: ...
