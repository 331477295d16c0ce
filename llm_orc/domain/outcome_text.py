"""How outcomes are told to people, on a line."""

from __future__ import annotations

from llm_orc.domain.outcome import Answered, Effort, Failed, Outcome
from llm_orc.domain.text import one_line


def tokens(effort: Effort) -> str:
    """Tokens read and written."""
    return f"{effort.usage.input_tokens}+{effort.usage.output_tokens} tokens"


def result_line(outcome: Outcome, width: int) -> str:
    """What an agent answered, or why it did not."""
    if isinstance(outcome, Answered):
        if outcome.replaced is not None:
            return one_line(f"default, because {outcome.replaced.message}", width)
        return one_line(outcome.output, width)
    return one_line(outcome.cause.message, width)


def mark(outcome: Outcome) -> str:
    """A sign for how an agent ended."""
    return "✓" if isinstance(outcome, Answered) else "✗" if isinstance(outcome, Failed) else "–"
