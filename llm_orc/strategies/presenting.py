"""How a model is shown a question and the answers of others, and how its verdict is read.

Answers are data: each stands between marks of its own, and nothing in it is followed as an instruction.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from llm_orc.domain.completion import Message

_SCALE = r"(?:\s*(?:/|out of)\s*(100|10)\b)"
_SCORED = re.compile(rf"\b(?:score|rating)[\s*_]*[:=]?[\s*_]*(-?\d+(?:\.\d+)?){_SCALE}?", re.IGNORECASE)
_OF = re.compile(rf"(?<![\d.-])(\d+(?:\.\d+)?){_SCALE}", re.IGNORECASE)
_ALONE = re.compile(r"[\s*_]*(\d+(?:\.\d+)?)[\s*_.]*()")
_NUMBERED = re.compile(
    r"\W*(?:the\s+(?:right|correct|best)\s+answer(?:\s+is)?|answer|number)?\W*(\d{1,3})"
    r"(?:\s+is\s+(?:right|correct|best))?\**\s*(?:[,:;)]|\.(?!\d)|$)",
    re.IGNORECASE,
)


def question(messages: Sequence[Message]) -> str:
    """What was asked, as one text: the system's words and the last message of the user."""
    system = next((m.content for m in messages if m.role == "system"), "")
    last = messages[-1].content
    return f"{system}\n\n{last}" if system else last


def listed(answers: Sequence[str], word: str = "answer") -> str:
    """Numbered answers between marks; a mark within an answer is taken apart."""
    mark = re.compile(rf"<(?=\s*/?\s*{re.escape(word)}\b)", re.IGNORECASE)
    parts = [
        f"<{word} {number}>\n{mark.sub('< ', answer)}\n</{word} {number}>"
        for number, answer in enumerate(answers, start=1)
    ]
    return "\n\n".join(parts)


def aside(task: str, prompt: str) -> tuple[Message, ...]:
    """A question of the strategy's own."""
    return (Message("system", task), Message("user", prompt))


def score_of(text: str) -> float | None:
    """A score from 0 to 10 as a share, the last one that is named; None for a verdict that holds none.

    A number counts as a score where it is called one, has a scale or stands alone.
    """
    alone = _ALONE.fullmatch(text)
    found = _SCORED.findall(text) or _OF.findall(text) or ([alone.groups()] if alone else [])
    if not found:
        return None
    value, scale = float(found[-1][0]), float(found[-1][1] or 10)
    return value / scale if 0 <= value <= scale else None


def number_of(text: str, most: int) -> int | None:
    """The answer that a judge names at the beginning of its last line; None where it names none of `most`."""
    lines = [line for line in text.splitlines() if line.strip()]
    found = _NUMBERED.match(lines[-1]) if lines else None
    return int(found[1]) if found is not None and 1 <= int(found[1]) <= most else None


def begins_with(text: str, word: str) -> bool:
    """Whether a verdict says the word, at its beginning or on a line of its own.

    The word is said as a verdict: "acceptable" and "accept only if" are not "accept".
    """
    marks, said = r"[\s*_`\"'.!:]*", re.escape(word.strip())
    first = rf"\A{marks}{said}[*_`\"']*[ \t]*(?:[.,:;!(]|[–—-]\s|\n|\Z)"
    alone = rf"^{marks}{said}{marks}$"
    return re.search(rf"{first}|{alone}", text, re.IGNORECASE | re.MULTILINE) is not None
