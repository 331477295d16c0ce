"""The code blocks of a Markdown page."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"(?:<!-- needs: (\S+) -->\n)?^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """One block: its page, language and text. `needs` names a server that it cannot do without."""

    page: Path
    place: int
    language: str
    text: str
    needs: str

    def __str__(self) -> str:
        return f"{self.page.name}:{self.place}"


def blocks(language: str) -> list[Block]:
    """The blocks of all pages in a language."""
    found = []
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for match in _BLOCK.finditer(text):
            if match[2] == language:
                place = text.count("\n", 0, match.start(2)) + 1
                found.append(Block(page, place, language, match[3], match[1] or ""))
    return found
