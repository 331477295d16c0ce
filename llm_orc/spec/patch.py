"""A change of a text in one place, and what both the places of keys and those of items need to make one."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from llm_orc.errors import RewriteRefused
from llm_orc.spec.redaction import shown
from llm_orc.spec.spans import Span, comments, line_end, line_of


@dataclass(frozen=True, slots=True)
class Patch:
    """`written` instead of what stands from `start` to `end`, in characters."""

    start: int
    end: int
    written: str

    def applied(self, text: str) -> str:
        """The text with the change in it."""
        return text[: self.start] + self.written + text[self.end :]


def check_shared(text: str, nodes: Iterable[Span]) -> None:
    """Raises `RewriteRefused` where an alias outside of these nodes stands for a part of them."""
    nodes = list(nodes)
    for node in nodes:
        for span in node.below():
            outside = [at for at in span.aliases if not any(n.outer <= at < n.last for n in nodes)]
            if outside:
                refuse_shared(text, span, outside)


def refuse_shared(text: str, span: Span, places: Iterable[int]) -> NoReturn:
    """Say which anchor it is, and where it is used."""
    lines = sorted({line_of(text, place) for place in places})
    listed = ", ".join(map(str, lines[:5])) + (" and others" if len(lines) > 5 else "")
    raise RewriteRefused(
        f"the anchor {shown('&' + span.anchor)} at this value is used elsewhere too (line {listed})",
        hint="write the value out where it is shared, and try again",
    )


def comments_between(text: str, nodes: list[Span], start: int, end: int = 0) -> list[str]:
    """The comments from `start` to `end` or to the end of the last of the nodes, which follow each other."""
    last = nodes[-1].end
    return comments(text, Span("sequence", start, start, last, last, "flow", items=nodes), start, end)


def comments_of_lines(text: str, nodes: list[Span], start: int) -> list[str]:
    """The same, and what stands behind the last node in its line."""
    rest = text[nodes[-1].end : line_end(text, nodes[-1].last)].strip(" \t\r\n")
    return comments_between(text, nodes, start) + ([rest] if rest.startswith("#") else [])
