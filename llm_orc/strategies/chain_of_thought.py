"""Let the model reason before it answers (Wei et al. 2022, arXiv 2201.11903; zero-shot: Kojima et al. 2022,
arXiv 2205.11916)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from llm_orc.answers.extraction import extractor
from llm_orc.domain.completion import Message
from llm_orc.domain.json import JsonValue
from llm_orc.domain.strategy import Answer, Ask

INSTRUCTION = (
    'Think step by step. Then write a last line that begins with "Answer:" and holds only the answer.'
)


class ChainOfThought:
    """Asks for steps and a final line; its answer is that line, or the whole reply where there is none."""

    def __init__(
        self, *, instruction: str = INSTRUCTION, extract: str | Mapping[str, JsonValue] = "answer_is"
    ) -> None:
        self._instruction = instruction
        self._keep = extract == "none"
        self._extract = extractor(extract)

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        completion = await ask(instructed(messages, self._instruction))
        text = completion.text
        found = None if self._keep else self._extract(text)
        if found is None and not self._keep:
            ask.note("no_answer", "the reply has no final answer: it is taken as a whole")
        return Answer(text=text if found is None else found, evidence={"reply": text} if found else {})


def instructed(messages: tuple[Message, ...], instruction: str) -> tuple[Message, ...]:
    """The same conversation, whose last message ends with the instruction."""
    *before, last = messages
    return (*before, replace(last, content=f"{last.content}\n\n{instruction}"))
