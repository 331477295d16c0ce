"""How a model is shown a question and the answers of others, and how its verdict is read.

Answers are data: each stands between marks of its own, and nothing in it is followed as an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from llm_orc.domain.completion import Message

_WORDS = re.compile(r"\b(?:score|rating)\s*[:=]?\s*(\d+(?:\.\d+)?)", re.IGNORECASE)
_NUMBER = re.compile(r"(?<![\d.])(\d+(?:\.\d+)?)(?:\s*/\s*(100|10)\b)?")


def question(messages: Sequence[Message]) -> str:
    """What was asked, as one text: the system's words and the last message of the user."""
    system = next((m.content for m in messages if m.role == "system"), "")
    last = messages[-1].content
    return f"{system}\n\n{last}" if system else last


def listed(answers: Sequence[str], word: str = "answer") -> str:
    """Numbered answers between marks; a mark within an answer is taken apart."""
    parts = [
        f"<{word} {number}>\n{answer.replace(f'</{word}', f'< /{word}')}\n</{word} {number}>"
        for number, answer in enumerate(answers, start=1)
    ]
    return "\n\n".join(parts)


def aside(task: str, prompt: str) -> tuple[Message, ...]:
    """A question of the strategy's own."""
    return (Message("system", task), Message("user", prompt))


def score_of(text: str) -> float | None:
    """A score from 0 to 10 as a share; None for a verdict that holds none."""
    found = _WORDS.search(text)
    if found is not None:
        value, scale = float(found[1]), 10.0
    else:
        numbers = _NUMBER.findall(text)
        if not numbers:
            return None
        value, scale = float(numbers[-1][0]), float(numbers[-1][1] or 10)
    return value / scale if 0 <= value <= scale else None


def begins_with(text: str, word: str) -> bool:
    """Whether a verdict says the word, at its beginning or on a line of its own."""
    marks = "*_`\"'.!: "
    lines = [line.strip().strip(marks).casefold() for line in text.splitlines()]
    return any(line == word.casefold() for line in lines) or text.strip().strip(marks).casefold().startswith(
        word.casefold()
    )
