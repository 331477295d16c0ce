"""Sort quotes into those that are in the document and those that are not.

Spaces, line breaks, quotation marks and capitals may differ; every whole word must be there, in order.
Reads llm-orc's JSON from standard input, prints `{"found": [...], "missing": [...]}`.
"""

from __future__ import annotations

import json
import re
import sys

MARKS = str.maketrans({"“": '"', "”": '"', "„": '"', "‘": "'", "’": "'", "–": "-", "—": "-"})


def plain(text: str) -> str:
    """The text without what a copy may change."""
    return re.sub(r"\s+", " ", text.translate(MARKS)).strip(" \"'").casefold()


def sort_quotes(document: str, quotes: list[str]) -> dict[str, list[str]]:
    """Which quotes are in the document; an empty one is not."""
    text = plain(document)
    found = [quote for quote in quotes if occurs(plain(quote), text)]
    return {"found": found, "missing": [quote for quote in quotes if quote not in found]}


def occurs(quote: str, text: str) -> bool:
    """Whether the quote is in the text and does not begin or end within a word."""
    start = r"(?<!\w)" if quote[:1].isalnum() else ""
    end = r"(?!\w)" if quote[-1:].isalnum() else ""
    return bool(quote) and re.search(start + re.escape(quote) + end, text) is not None


if __name__ == "__main__":
    given = json.load(sys.stdin.buffer)
    print(json.dumps(sort_quotes(given["input"]["document"], given["dependencies"]["find"]["quotes"])))
