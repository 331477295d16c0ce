"""What an edit did to a file, found without the code that made it: comments, bytes, and what is loaded."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from typing import Any

import yaml

_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_COMMENT = re.compile(r"(?<![^\s])#[^\r\n]*")
_WHERE = ("source", "files")
"""Fields of an ensemble that say where it was loaded from."""
_HEADER = re.compile(r"[|>][^\r\n]*")


def comments_of(text: str) -> Counter[str]:
    """Every comment: what begins with `#` between the tokens, or in the first line of a block of text."""
    found: Counter[str] = Counter()
    at = 0
    for token in yaml.scan(text, Loader=_LOADER):
        start, end = token.start_mark.index, token.end_mark.index
        found.update(comment.rstrip() for comment in _COMMENT.findall(text, at, start))
        at = max(at, end)
        if isinstance(token, yaml.ScalarToken) and token.style in ("|", ">"):
            header = _HEADER.search(text, start)
            assert header is not None
            found.update(comment.rstrip() for comment in _COMMENT.findall(text, header.start(), header.end()))
    found.update(comment.rstrip() for comment in _COMMENT.findall(text, at))
    return found


def bytes_outside(before: str, after: str, agent: str, key: str, *, removed: bool) -> int:
    """How many characters changed that are not of the agent's key: its value, or where it is put in.

    A key that is removed takes the space and the comma around it with it.
    """
    start, end = _place(before, agent, key.split("."))
    if removed:
        start, end = len(before[:start].rstrip().removesuffix(",")), len(before) - len(before[end:].lstrip())
    kept_before = _common(before[:start], after)
    kept_after = _common(before[end:][::-1], after[kept_before:][::-1])
    return (start - kept_before) + (len(before) - end - kept_after)


def alike(one: Any, other: Any) -> bool:
    """Whether two ensembles are loaded the same, wherever from."""
    return _plain(one) == _plain(other)


def _common(one: str, other: str) -> int:
    length = min(len(one), len(other))
    if one[:length] == other[:length]:
        return length
    return next(i for i in range(length) if one[i] != other[i])


def _place(text: str, agent: str, path: list[str]) -> tuple[int, int]:
    """The region in which a change of the key is allowed, in characters."""
    agents = _member(yaml.compose(text, Loader=_LOADER), "agents")[1]
    node = next(item for item in agents.value if _scalar(item, "name") == agent)
    start, end = node.start_mark.index, _last(text, node)
    for step in path:
        found = _member(node, step) if isinstance(node, yaml.MappingNode) else None
        if found is None:
            break
        key, node = found
        start, end = key.start_mark.index, _last(text, node)
        if node.start_mark.index < start:  # an alias: the node is elsewhere
            alias = re.compile(r"\*[^\s,}]+").search(text, key.end_mark.index)
            assert alias is not None
            end = alias.end()
            break
    return _before(text, start), _after(text, end)


def _before(text: str, at: int) -> int:
    """With the space before a key, the sign of an explicit one, and the comma that goes with it."""
    for sign in ("?", ","):
        space = len(text[:at].rstrip(" \t"))
        at = space - 1 if text[:space].endswith(sign) else space
    return at


def _after(text: str, at: int) -> int:
    """To the end of the line, where a comment may have moved, and its break."""
    found = re.compile(r"\r\n|\n|\r|\Z").search(text, at)
    assert found is not None
    return found.end()


def _last(text: str, node: Any) -> int:
    """Where what is written of a node ends: PyYAML's block nodes go on to the next token."""
    if isinstance(node, yaml.ScalarNode) or node.flow_style:
        start, end = node.start_mark.index, node.end_mark.index
        if getattr(node, "style", "") in ("|", ">") and "+" in _HEADER.search(text, start)[0].split("#")[0]:
            return end
        return start + len(text[start:end].rstrip()) if start < end else end
    children = [part for pair in node.value for part in (pair if isinstance(pair, tuple) else (pair,))]
    return max(_last(text, child) for child in children if child.start_mark.index >= node.start_mark.index)


def _member(node: Any, name: str) -> Any:
    return next(((key, value) for key, value in node.value if key.value == name), None)


def _scalar(node: Any, name: str) -> Any:
    found = _member(node, name)
    return found[1].value if found else None


def _plain(value: Any) -> Any:
    if hasattr(value, "render") or hasattr(value, "holds"):
        return value.source
    if hasattr(value, "faults"):
        return value.schema
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value) if f.name not in _WHERE}
    if isinstance(value, Mapping):
        return {key: _plain(member) for key, member in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list | tuple) else value
