"""How many tokens a call will take: by what is asked, and by how long the model's answers were so far."""

from __future__ import annotations

from llm_orc.domain.completion import Request
from llm_orc.domain.model import Model

USUAL_OUTPUT = 256
"""Tokens that an answer is expected to have where nothing says, until one of the model's is known."""
BYTES_PER_TOKEN = 4


class Lengths:
    """How long the answers of models were, on the average."""

    def __init__(self) -> None:
        self._written: dict[str, tuple[int, int]] = {}

    def knows(self, model: Model) -> bool:
        """Whether it has answered yet."""
        return model.name in self._written

    def of(self, request: Request, usual: int = USUAL_OUTPUT) -> tuple[int, int]:
        """Tokens that are read, and written in each answer. `usual` is for a model that is not known."""
        answers, tokens = self._written.get(request.model.name, (0, 0))
        written = tokens / answers if answers else usual
        if request.sampling.max_tokens is not None:
            written = min(written, request.sampling.max_tokens)
        return input_bytes(request) // BYTES_PER_TOKEN, int(written)

    def learn(self, request: Request, written: int) -> None:
        """All answers to the request had so many tokens together."""
        answers, tokens = self._written.get(request.model.name, (0, 0))
        self._written[request.model.name] = (answers + request.n, tokens + written)


def input_bytes(request: Request) -> int:
    """Of all that is sent, in UTF-8."""
    texts = [message.content for message in request.messages]
    texts += [str(message.tool_calls) for message in request.messages if message.tool_calls]
    texts += [str(request.schema)] if request.schema is not None else []
    texts += [f"{tool.name}{tool.description}{tool.parameters}" for tool in request.tools]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in texts)
