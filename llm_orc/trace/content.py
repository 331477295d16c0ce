"""What was said, for those who want it in their spans: redacted, and in the form of the conventions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Choice, Completion, Message, Request
from llm_orc.domain.json import JsonValue

_OURS = frozenset({
    "budget_spent", "circuit_open", "deadline_passed", "dependency", "interrupted", "journal_failed",
    "not_available", "routing_failed", "skipped", "stopped",
})  # fmt: skip
"""Errors of whose messages every word is ours, or a name of the file's. All others may quote what servers,
models, scripts or users wrote: a server that declines a request often repeats the prompt. A new kind is one
of those until somebody has looked."""

Given = TypeVar("Given", bound="Mapping[str, object]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Content:
    """Whether content is wanted, how it is redacted, and how long a text may be (None: any length)."""

    wanted: bool
    redact: Callable[[str], str]
    longest: int | None = None

    def asked(self, request: Request) -> dict[str, str]:
        if not self.wanted:
            return {}
        return {"gen_ai.input.messages": self._json([_message(each) for each in request.messages])}

    def answered(self, completion: Completion) -> dict[str, str]:
        if not self.wanted:
            return {}
        return {"gen_ai.output.messages": self._json([_choice(each) for each in completion.choices])}

    def output(self, name: str, value: JsonValue) -> dict[str, str]:
        """A value under this name: a text as it is, all else as JSON."""
        if not self.wanted or value is None:
            return {}
        return {name: self.redact(value) if isinstance(value, str) else self._json(value)}

    def said(self, name: str, text: str) -> dict[str, str]:
        return {name: self.redact(text)} if self.wanted else {}

    def description(self, cause: Cause) -> str:
        """What went wrong, without what was said unless it is wanted."""
        if cause.kind in _OURS or self.wanted:
            return self.redact(cause.message)
        return cause.kind

    def bounded(self, given: Given) -> Given:
        """The same, texts no longer than they may be."""
        longest = self.longest
        if longest is None:
            return given
        cut = {name: each[:longest] if isinstance(each, str) else each for name, each in given.items()}
        return cut  # type: ignore[return-value]  # a mapping of the same kind of values

    def _json(self, value: JsonValue) -> str:
        return json.dumps(self._redacted(value), ensure_ascii=False, default=dict)

    def _redacted(self, value: JsonValue) -> JsonValue:
        """Redacted before it is written as JSON, which escapes what patterns look for."""
        if isinstance(value, str):
            return self.redact(value)
        if isinstance(value, Mapping):
            return {name: self._redacted(each) for name, each in value.items()}
        if isinstance(value, Sequence):
            return [self._redacted(each) for each in value]
        return value


def _message(message: Message) -> dict[str, JsonValue]:
    if message.role == "tool":
        part: JsonValue = {
            "type": "tool_call_response", "id": message.tool_call_id, "response": message.content,
        }  # fmt: skip
        return {"role": "tool", "parts": [part]}
    calls = [_call(call.id, call.name, call.arguments) for call in message.tool_calls]
    return {"role": message.role, "parts": [*_text(message.content), *calls]}


def _choice(choice: Choice) -> dict[str, JsonValue]:
    calls = [_call(call.id, call.name, call.arguments) for call in choice.tool_calls]
    return {"role": "assistant", "parts": [*_text(choice.text), *calls], "finish_reason": choice.finish}


def _text(text: str) -> list[JsonValue]:
    return [{"type": "text", "content": text}] if text else []


def _call(id_: str, name: str, arguments: JsonValue) -> JsonValue:
    return {"type": "tool_call", "id": id_, "name": name, "arguments": arguments}
