"""How values are shown to people: short, on one line, and without control characters.

What models and scripts write is untrusted: an escape sequence in it must not reach the terminal.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from math import floor, log10

from llm_orc.domain.json import JsonValue

_CONTROL = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def safe(text: str) -> str:
    """The text without escape sequences and control characters; line breaks and tabs stay."""
    return _CONTROL.sub("", text)


def as_text(value: JsonValue) -> str:
    """Text as it is, anything else as readable JSON."""
    return value if isinstance(value, str) else json.dumps(value, indent=2, ensure_ascii=False)


def one_line(value: JsonValue, width: int) -> str:
    """A value on one line, cut to `width` columns."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    line = " ".join(safe(text).split())
    return line if len(line) <= width else f"{line[: max(0, width - 1)]}…"


def moment(seconds: float) -> str:
    """Unix time as UTC, to the millisecond (RFC 3339)."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def seconds(value: float) -> str:
    """A duration in a few characters."""
    if value < 10:
        return f"{value:.2f} s"
    return f"{value:.0f} s" if value < 120 else f"{int(value // 60)} min {int(value % 60)} s"


def dollars(value: float | None) -> str:
    """A cost; an unknown price is said to be unknown."""
    if value is None:
        return "cost unknown"
    if value == 0:
        return "$0"
    # Two digits that count, however small it is.
    places = 2 if value >= 1 else max(4, 1 - floor(log10(value)))
    return f"${value:,.{places}f}"
