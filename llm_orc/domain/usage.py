"""Tokens, and what was spent with them."""

from __future__ import annotations

from dataclasses import dataclass

from llm_orc.domain.json import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens that were read and written."""

    input_tokens: int = 0
    output_tokens: int = 0

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What earlier attempts at a run took. `cost_usd` leaves out what has no price."""

    usage: Usage = Usage()
    cost_usd: float = 0.0
    calls: int = 0


def usage_json(usage: Usage) -> dict[str, JsonValue]:
    """Token counts as scripts see them."""
    return {"input_tokens": usage.input_tokens, "output_tokens": usage.output_tokens}
