"""What an examination of a set-up found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from llm_orc.domain.json import JsonValue

State = Literal["ok", "warn", "fail"]


EXAMINATIONS = ("python", "packages", "command", "models", "journal", "gpu", "files", "clock")
"""What `doctor` can be asked for alone. "models" is ensembles, keys and servers too."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at: what it is, what was seen, and what to do about it."""

    state: State
    what: str
    detail: str
    hint: str = ""


def ok(what: str, detail: str) -> Finding:
    """All is well with it."""
    return Finding("ok", what, detail)


def warn(what: str, detail: str, hint: str = "") -> Finding:
    """It may hurt, or hurts what nothing of the project needs."""
    return Finding("warn", what, detail, hint)


def fail(what: str, detail: str, hint: str = "") -> Finding:
    """It keeps runs from working."""
    return Finding("fail", what, detail, hint)


def finding_json(found: Finding) -> dict[str, JsonValue]:
    """One entry of `doctor --json`."""
    return {"state": found.state, "what": found.what, "detail": found.detail, "hint": found.hint}
