"""From YAML's events to nodes: values with their places.

Every node counts, aliased ones as often as they are used, and the count has a limit: a file whose
aliases multiply is refused at the first alias that is too many, before anything is expanded.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NoReturn

import yaml
from yaml import events

from llm_orc.domain.json import JsonValue
from llm_orc.errors import InvalidFile, Problem
from llm_orc.spec.line_breaks import StandIns
from llm_orc.spec.redaction import redacted, shown
from llm_orc.spec.scalars import plain_scalar, tagged_scalar
from llm_orc.spec.syntax_words import syntax_problem

MAX_DEPTH = 100
MAX_NODES = 100_000
_COLLECTION_TAGS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq", "!")


@dataclass(slots=True)
class Node:
    """A value and where it is written; lines and columns count from 1. `size` counts it and all below."""

    value: JsonValue
    line: int
    column: int
    end_line: int
    style: str | None = None
    size: int = 1
    members: dict[str, tuple[int, int, Node]] = field(default_factory=dict)
    items: list[Node] = field(default_factory=list)

    def child(self, step: str | int) -> tuple[int, int, Node] | None:
        """The place of the key (or item) and the node at `step`; None when there is none."""
        if isinstance(step, str):
            return self.members.get(step)
        if 0 <= step < len(self.items):
            item = self.items[step]
            return item.line, item.column, item
        return None


@dataclass(slots=True)
class _Open:
    """A collection that is not complete yet. `key` is the key that waits for its value."""

    node: Node
    anchor: str | None
    is_mapping: bool
    flow: bool
    key: Node | None = None
    merges: list[Node] = field(default_factory=list)


class Composer:
    """Composes one document; what is wrong but can be read past is collected in `problems`."""

    def __init__(self, text: str, name: str) -> None:
        self.problems: list[Problem] = []
        self._text = text
        self._stand_ins = StandIns(text)
        self._name = name
        self._open: list[_Open] = []
        self._anchors: dict[str, Node | None] = {}
        self._root: Node | None = None
        self._count = 0

    def compose(self) -> Node:
        """The document's root. Raises `InvalidFile` for what cannot be read at all."""
        loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)(self._stand_ins.text)
        try:
            while True:
                event = loader.get_event()
                if isinstance(event, events.StreamEndEvent):
                    break
                self._take(event)
        except yaml.YAMLError as error:
            problem = syntax_problem(error, self._text, self._name)
            raise InvalidFile((*self.problems, problem)) from error
        finally:
            loader.dispose()
        return self._root or Node(None, 1, 1, 1)

    def _take(self, event: events.Event) -> None:
        match event:
            case events.ScalarEvent():
                self._scalar(event)
            case events.MappingStartEvent() | events.SequenceStartEvent():
                self._start(event)
            case events.CollectionEndEvent():
                self._end(event)
            case events.AliasEvent():
                self._alias(event)
            case events.DocumentStartEvent() if self._root is not None:
                self._refuse(event, "a second document starts here", "one file holds one document")

    def _scalar(self, event: events.ScalarEvent) -> None:
        node = self._node(event, None)
        node.style = event.style
        value = self._stand_ins.back(event.value)
        try:
            if event.tag is not None:
                node.value = tagged_scalar(event.tag, value)
            else:
                node.value = plain_scalar(value) if event.implicit[0] else value
        except ValueError as error:
            self._report(node, str(error))
        if event.anchor is not None:
            self._anchors[event.anchor] = node
        self._place(node)

    def _start(self, event: events.CollectionStartEvent) -> None:
        is_mapping = isinstance(event, events.MappingStartEvent)
        node = self._node(event, {} if is_mapping else [])
        if event.tag is not None and event.tag not in _COLLECTION_TAGS:
            self._report(node, f"the tag {shown(event.tag)} is not supported", "remove it")
        if len(self._open) >= MAX_DEPTH:
            self._refuse(event, f"nested more than {MAX_DEPTH} levels deep")
        if event.anchor is not None:
            self._anchors[event.anchor] = None
        self._open.append(_Open(node, event.anchor, is_mapping, bool(event.flow_style)))

    def _end(self, event: events.CollectionEndEvent) -> None:
        done = self._open.pop()
        for merged in done.merges:
            self._merge(done.node, merged)
        done.node.end_line = _at(event.end_mark)[0]
        if done.anchor is not None:
            self._anchors[done.anchor] = done.node
        self._place(done.node)

    def _alias(self, event: events.AliasEvent) -> None:
        name = str(event.anchor)
        if name not in self._anchors:
            self._refuse(event, f"no anchor {shown('&' + name)} comes before this alias")
        node = self._anchors[name]
        if node is None:
            self._refuse(event, f"the alias {shown('*' + name)} is inside of its own anchor")
        self._add(node.size, event)
        self._place(node)

    def _place(self, node: Node) -> None:
        if not self._open:
            self._root = node
            return
        parent = self._open[-1]
        parent.node.size += node.size
        if not parent.is_mapping:
            parent.node.items.append(node)
            parent.node.value.append(node.value)  # type: ignore[union-attr]
        elif parent.key is None:
            parent.key = node
        else:
            key, parent.key = parent.key, None
            self._member(parent, key, node)

    def _member(self, parent: _Open, key: Node, node: Node) -> None:
        if key.value == "<<" and not key.style:
            self._keep_merge(parent, node)
            return
        if not isinstance(key.value, str):
            self._report_key(parent, key)
            return
        first = parent.node.members.get(key.value)
        if first is not None:
            message = f"the key {shown(key.value)} is given twice"
            self._report(key, message, f"first at line {first[0]}, column {first[1]}")
            return
        parent.node.members[key.value] = (key.line, key.column, node)
        parent.node.value[key.value] = node.value  # type: ignore[index]

    def _report_key(self, parent: _Open, key: Node) -> None:
        if isinstance(key.value, (dict, list)):
            hint = 'put text that starts with "{" in quotes' if parent.flow else ""
            self._report(key, "a key must be text, not a collection", hint)
        else:
            self._report(key, "a key must be text", "put it in quotes")

    def _keep_merge(self, parent: _Open, node: Node) -> None:
        sources = node.items if isinstance(node.value, list) else [node]
        if all(isinstance(source.value, dict) for source in sources):
            parent.merges.extend(sources)
        else:
            self._report(node, "'<<' takes a mapping or a list of mappings", "write '<<: *name'")

    def _merge(self, node: Node, source: Node) -> None:
        """What is written in the mapping itself, or merged before, wins."""
        self._add(source.size, None, node)
        node.size += source.size
        for key, member in source.members.items():
            if key not in node.members:
                node.members[key] = member
                node.value[key] = member[2].value  # type: ignore[index]

    def _node(self, event: events.NodeEvent, value: JsonValue) -> Node:
        self._add(1, event)
        line, column = _at(event.start_mark)
        return Node(value, line, column, _at(event.end_mark)[0])

    def _add(self, nodes: int, event: events.Event | None, node: Node | None = None) -> None:
        self._count += nodes
        if self._count > MAX_NODES:
            message = f"the file holds more than {MAX_NODES:,} values, aliases counted as often as used"
            if event is not None:
                self._refuse(event, message)
            elif node is not None:
                self._report(node, message)
                raise InvalidFile(tuple(self.problems))

    def _refuse(self, event: events.Event, message: str, hint: str = "") -> NoReturn:
        """What follows cannot be read."""
        raise InvalidFile((*self.problems, self._problem(*_at(event.start_mark), message, hint)))

    def _report(self, node: Node, message: str, hint: str = "") -> None:
        self.problems.append(self._problem(node.line, node.column, message, hint))

    def _problem(self, line: int, column: int, message: str, hint: str) -> Problem:
        return Problem(
            file=self._name, line=line, column=column, message=redacted(message), hint=redacted(hint)
        )


def _at(mark: Any) -> tuple[int, int]:  # noqa: ANN401 - one of two classes of PyYAML
    """Line and column, from 1."""
    return mark.line + 1, mark.column + 1
