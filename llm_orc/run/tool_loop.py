"""One answer of a model that may call tools on the way: natively, or written out as text (ReAct)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial

from llm_orc.domain.completion import Choice, Completion, Message, Request, ToolCall
from llm_orc.errors import ToolFailed
from llm_orc.run import react
from llm_orc.run.together import together
from llm_orc.run.toolbox import Toolbox

_NO_MORE = "error: no calls of tools are left; answer now with what you have"


class ToolLoop:
    """Asks, calls what the model wants called, and asks again, until it answers.

    After `limit` calls the model is told once to answer without; then it is a failure.
    """

    def __init__(
        self,
        tools: Toolbox,
        limit: int,
        once: Callable[[Request], Awaitable[Completion]],
        *,
        by_text: bool,
    ) -> None:
        self._tools = tools
        self._limit = limit
        self._once = once
        self._by_text = by_text

    async def __call__(self, request: Request) -> Completion:
        """The completion that answers. Raises `ToolFailed` and what asking raises."""
        return await (self._text(request) if self._by_text else self._native(request))

    async def _native(self, request: Request) -> Completion:
        """The providers' own form of tool calls."""
        request = replace(request, tools=self._tools.offered)
        used = 0
        while True:
            completion = await self._once(request)
            choice = completion.choices[0]
            if not choice.tool_calls:
                return completion
            if used >= self._limit:
                self._give_up(choice.tool_calls[0].name)
            outputs = await together(
                [
                    partial(self._output, call, allowed=used + place < self._limit)
                    for place, call in enumerate(choice.tool_calls)
                ]
            )
            used += len(choice.tool_calls)
            request = replace(request, messages=(
                *request.messages,
                Message("assistant", choice.text, tool_calls=choice.tool_calls),
                *(
                    Message("tool", output, tool_call_id=call.id)
                    for call, output in zip(choice.tool_calls, outputs, strict=True)
                ),
            ))  # fmt: skip

    async def _text(self, request: Request) -> Completion:
        """ReAct (Yao et al. 2022, arXiv 2210.03629): thought, action, observation, in plain text.

        A schema cannot be enforced meanwhile: the final answer is checked like any other.
        """
        stop = (*request.sampling.stop, react.STOP)
        request = replace(
            request,
            schema=None,
            sampling=replace(request.sampling, stop=stop),
            messages=react.instructed(request.messages, self._tools.offered),
        )
        used = 0
        while True:
            completion = await self._once(request)
            turn = react.parsed(completion.choices[0].text, self._tools.offered)
            if turn.call is None:
                return replace(completion, choices=(Choice(text=turn.text),))
            if used >= self._limit:
                self._give_up(turn.call.name)
            output = turn.fault or await self._output(turn.call, allowed=True)
            used += 1
            left = "" if used < self._limit else f"\n{_NO_MORE}"
            request = replace(request, messages=(
                *request.messages,
                Message("assistant", turn.text),
                Message("user", f"{react.STOP} {output}{left}"),
            ))  # fmt: skip

    async def _output(self, call: ToolCall, *, allowed: bool) -> str:
        return await self._tools.call(call) if allowed else _NO_MORE

    def _give_up(self, name: str) -> None:
        raise ToolFailed(
            f"no answer after {self._limit} tool calls; the last call wanted was {name!r}",
            hint="raise max_tool_calls, or say in the prompt when to stop",
        )
