"""Why something failed, as a value."""

from __future__ import annotations

from dataclasses import dataclass

from llm_orc.domain.json import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Cause:
    """An error as a value: its kind (`rate_limited`), what happened, and what to do."""

    kind: str
    message: str
    hint: str = ""
    exit_code: int = 1


def cause_json(cause: Cause) -> dict[str, JsonValue]:
    """An error as scripts see it."""
    return {"kind": cause.kind, "message": cause.message, "hint": cause.hint}
