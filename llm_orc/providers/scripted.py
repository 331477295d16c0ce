"""A model that answers what it was told to: for tests, demonstrations and dry runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from inspect import isawaitable
from typing import TypeAlias

import anyio

from llm_orc.domain.completion import Choice, Completion, Installed, Request, ToolCall
from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Model
from llm_orc.domain.usage import Usage
from llm_orc.errors import OrcError, UsageFailed

Reply: TypeAlias = "str | JsonObject | Completion | OrcError"
Script: TypeAlias = "Callable[[Request], Reply | Awaitable[Reply]]"


class Scripted:
    """A provider without a model.

    - `Scripted(["yes", "no"])` gives these answers in turn, then starts again from the first.
    - `Scripted(lambda request: "yes")` asks the function each time; it may be async.
    - `Scripted()` gives the `options: {answers: [...]}` of the request in turn, counted per model, and
      without them repeats the last message of the user. `options: {delay_seconds: 1}` makes it wait first.

    An answer is a text, a call of a tool (`{"tool": "search", "arguments": {...}}`), a whole `Completion`,
    or an error, which is raised. A request for n answers takes the next n, unless one is a `Completion`.
    `requests` keeps every request, in order. Usage counts words.
    """

    def __init__(
        self,
        answers: Sequence[Reply] | Script | None = None,
        *,
        base_url: str | None = None,
        api_key_env: str | None = None,
    ) -> None:
        self.requests: list[Request] = []
        self._answers = answers
        self._asked: Counter[str] = Counter()
        self._resident: dict[str, None] = {}

    async def complete(self, request: Request) -> Completion:
        self.requests.append(request)
        self._resident[request.model.wire_name] = None
        delay = request.sampling.options.get("delay_seconds", 0)
        if isinstance(delay, int | float) and delay > 0:
            await anyio.sleep(delay)
        choices: list[Choice] = []
        for _ in range(request.n):
            reply = await self._reply(request)
            if isinstance(reply, OrcError):
                raise reply
            if isinstance(reply, Completion):
                return reply
            choices.append(Choice(text=reply) if isinstance(reply, str) else _call(reply, len(self.requests)))
        return _completion(request, choices)

    async def stream(self, request: Request) -> AsyncGenerator[str, None]:
        """The answer word by word."""
        for word in re.findall(r"\s*\S+\s*$|\s*\S+", (await self.complete(request)).text):
            yield word

    async def installed(self) -> Sequence[Installed]:
        return tuple(Installed(wire_name=name, resident=True) for name in self._resident)

    async def check(self, model: Model) -> None:
        pass

    async def unload(self, model: Model) -> None:
        """It counts as let go of."""
        self._resident.pop(model.wire_name, None)

    async def aclose(self) -> None:
        pass

    async def _reply(self, request: Request) -> Reply:
        answers = self._answers
        if callable(answers):
            reply = answers(request)
            return await reply if isawaitable(reply) else reply
        if answers is None:
            return self._in_turn(_answers_of(request), request.model.name)
        return self._in_turn(answers, "")

    def _in_turn(self, answers: Sequence[Reply], counted_as: str) -> Reply:
        answer = answers[self._asked[counted_as] % len(answers)]
        self._asked[counted_as] += 1
        return answer


def _call(reply: JsonObject, number: int) -> Choice:
    arguments = reply.get("arguments")
    call = ToolCall(
        f"call_{number}", str(reply.get("tool")), arguments if isinstance(arguments, dict) else {}
    )
    return Choice(text="", finish="tool_calls", tool_calls=(call,))


def _answers_of(request: Request) -> Sequence[Reply]:
    answers = request.sampling.options.get("answers")
    if answers is None:
        said = [message.content for message in request.messages if message.role == "user"]
        return said[-1:] or [""]
    if isinstance(answers, str) or not isinstance(answers, Sequence) or not answers:
        raise UsageFailed(f"{request.model.name}: options.answers is a list of texts")
    return [answer if isinstance(answer, Mapping) and "tool" in answer else str(answer) for answer in answers]


def _completion(request: Request, choices: Sequence[Choice]) -> Completion:
    words = sum(len(message.content.split()) for message in request.messages)
    return Completion(
        choices=tuple(choices),
        usage=Usage(input_tokens=words, output_tokens=sum(len(choice.text.split()) for choice in choices)),
        model=request.model.wire_name,
    )
