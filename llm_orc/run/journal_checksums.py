"""What shows that a row of a journal is as it was written."""

from __future__ import annotations

from zlib import crc32

GIVEN = ("run", "ensemble", "source", "text", "hash", "inputs", "settings", "parts")
"""What is known of a run from its beginning on: the columns that its checksum is of."""


def checksum(agent: str, key: bytes, response: str | None) -> int:
    """Of a call. SQLite has none of its own: a damaged disk must not turn into a wrong answer."""
    return crc32((response or "").encode(), crc32(agent.encode(), crc32(key)))


def checksum_of(*texts: str | None) -> int:
    """Of columns that belong together."""
    found = 0
    for text in texts:
        found = crc32(b"\0" if text is None else text.encode() + b"\1", found)
    return found
