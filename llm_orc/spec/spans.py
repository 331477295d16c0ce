"""A YAML text as a tree of the places where its values are written, in characters from its start.

The offsets come from PyYAML's events, which keep aliases apart from what they stand for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

import yaml
from yaml import events

from llm_orc.spec.line_breaks import StandIns

_PROPERTY = re.compile(r"!<[^>]*>|[&!][^\s,\[\]{}]*")
_SPACE = re.compile(r"(?:\s+|(?<=\s)#[^\r\n]*)*")
_BREAK = re.compile(r"\r\n|\n|\r")
_HEADER = re.compile(r"[|>][0-9+-]*(?P<comment>[ \t]+#[^\r\n]*)?")
_COMMENT = re.compile(r"(?<!\S)#[^\r\n]*")


@dataclass(slots=True, eq=False)
class Span:
    """A node: its text is `text[start:end]`, without what stands before it (an anchor, a tag): `outer`.

    `end` of a block scalar and of what ends with one is the end of its last line, without the blank lines
    that have no meaning; with them it is `last`. `aliases` are the places that refer to its anchor.
    """

    kind: Literal["scalar", "mapping", "sequence", "alias"]
    outer: int
    start: int
    end: int
    last: int
    style: str = ""
    anchor: str = ""
    value: str = ""
    members: list[tuple[Span, Span]] = field(default_factory=list)
    items: list[Span] = field(default_factory=list)
    aliases: list[int] = field(default_factory=list)

    @property
    def is_block(self) -> bool:
        """Whether it is written on lines of its own, by indentation."""
        return self.style in ("block", "|", ">")

    def member(self, key: str) -> tuple[Span, Span] | None:
        """The key and the value that are written in this mapping itself."""
        return next((pair for pair in self.members if pair[0].value == key), None)

    def below(self) -> Iterator[Span]:
        """This node and all that is written in it."""
        yield self
        for key, value in self.members:
            yield from key.below()
            yield from value.below()
        for item in self.items:
            yield from item.below()


def spans(text: str) -> Span:
    """The tree of a text that is known to hold one document. The line ends are those of the file."""
    stand_ins = StandIns(text)
    loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(stand_ins.text)
    anchors: dict[str, Span] = {}
    open_: list[tuple[Span, list[Span]]] = [(Span("sequence", 0, 0, 0, 0), [])]
    try:
        while not isinstance(event := loader.get_event(), events.StreamEndEvent):
            if isinstance(event, events.CollectionEndEvent):
                node, children = open_.pop()
                _close(node, children, _extent(event)[1])
                open_[-1][1].append(node)
            elif isinstance(event, events.NodeEvent):
                node = _node(text, event, stand_ins)
                _anchor(node, anchors)
                if node.kind in ("mapping", "sequence"):
                    open_.append((node, []))
                else:
                    open_[-1][1].append(node)
    finally:
        loader.dispose()
    return open_[0][1][0]


def comments(text: str, node: Span, start: int, end: int = 0) -> list[str]:
    """The comments that are written in `node`, between `start` and it, or between it and `end`."""
    leaves = [leaf for leaf in node.below() if leaf.kind in ("scalar", "alias")]
    found, at = [], start
    for leaf in sorted(leaves, key=lambda leaf: leaf.start):
        found += _COMMENT.findall(text, at, leaf.start)
        if leaf.is_block:
            found += [header_comment(text, leaf).strip()] if header_comment(text, leaf) else []
        at = leaf.end
    found += _COMMENT.findall(text, at, max(at, node.end, end))
    return [comment.rstrip() for comment in found]


def header_comment(text: str, node: Span) -> str:
    """The comment on the first line of a block scalar, with the space before it."""
    header = _HEADER.match(text, node.start)
    return (header["comment"] or "") if header else ""


def line_start(text: str, at: int) -> int:
    """Where the line of `at` starts."""
    return max(text.rfind("\n", 0, at), text.rfind("\r", 0, at)) + 1


def line_end(text: str, at: int) -> int:
    """Where the line of `at` ends, before its line break."""
    found = _BREAK.search(text, at)
    return found.start() if found else len(text)


def line_of(text: str, at: int) -> int:
    """The number of the line of `at`, from 1."""
    return len(_BREAK.findall(text, 0, at)) + 1


def newline(text: str, at: int) -> str:
    """How lines end here: as this one does, or the one before, or the first."""
    found = _BREAK.search(text, at) or next(iter(list(_BREAK.finditer(text, 0, at))[-1:]), None)
    return found[0] if found else "\n"


def block_indent(text: str, node: Span) -> int | None:
    """The indentation of a block scalar's lines; None when they are all blank."""
    lines = _BREAK.split(text[node.start : node.last])
    first = next((line for line in lines[1:] if line.strip(" ")), None)
    if first is None:
        return None
    return len(first) - len(first.lstrip(" "))


def _node(text: str, event: events.NodeEvent, stand_ins: StandIns) -> Span:
    outer, end = _extent(event)
    if isinstance(event, events.AliasEvent):
        return Span("alias", outer, outer, end, end, value=str(event.anchor))
    start = outer
    while found := _PROPERTY.match(text, start, end):
        space = _SPACE.match(text, found.end(), end)
        start = space.end() if space else found.end()
    anchor = event.anchor or ""
    if isinstance(event, events.ScalarEvent):
        value = stand_ins.back(event.value)
        node = Span("scalar", outer, start, end, end, event.style or "", anchor, value)
        if node.is_block:
            _trim(text, node)
        return node
    style = "flow" if isinstance(event, events.CollectionStartEvent) and event.flow_style else "block"
    is_mapping = isinstance(event, events.MappingStartEvent)
    return Span("mapping" if is_mapping else "sequence", outer, start, end, end, style, anchor)


def _extent(event: Any) -> tuple[int, int]:  # noqa: ANN401 - the marks are of one of two classes of PyYAML
    return event.start_mark.index, event.end_mark.index


def _trim(text: str, node: Span) -> None:
    """Leave out the line break at the end, and the blank lines before it that have no meaning."""
    written = text[node.start : node.end]
    lines = _BREAK.split(written)
    breaks = _BREAK.findall(written)
    node.last = node.end - (len(breaks[-1]) if breaks and lines[-1] == "" else 0)
    header = _HEADER.match(written)
    indent = block_indent(text, node)
    at = len(written)
    for line, line_break in zip(reversed(lines[1:]), reversed(breaks), strict=True):
        if line.strip(" ") or (indent is not None and len(line) > indent):
            break
        at -= len(line) + len(line_break)
    node.end = node.start + at
    if header and "+" in header[0].split("#")[0]:
        return
    node.last = node.end


def _anchor(node: Span, anchors: dict[str, Span]) -> None:
    if node.kind == "alias" and node.value in anchors:
        anchors[node.value].aliases.append(node.start)
    elif node.anchor:
        anchors[node.anchor] = node


def _close(node: Span, children: list[Span], end: int) -> None:
    if node.kind == "mapping":
        node.members = list(zip(children[::2], children[1::2], strict=True))
    else:
        node.items = children
    if not node.is_block:
        node.end = node.last = end
    elif children:
        node.start = min(children[0].outer, node.start) if not node.anchor else children[0].outer
        node.end, node.last = children[-1].end, children[-1].last
