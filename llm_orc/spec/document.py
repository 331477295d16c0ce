"""A YAML file as plain data that remembers where each value is written.

The file is composed event by event, without recursion, so that a file made to harm is refused while
it is read: before aliases are expanded, and however deep it is nested.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from llm_orc.domain.json import JsonValue
from llm_orc.errors import InvalidFile, Problem
from llm_orc.spec.composer import Composer, Node
from llm_orc.spec.redaction import redacted

Where: TypeAlias = "tuple[str | int, ...]"
ReadText: TypeAlias = Callable[[Path], str]

MAX_BYTES = 1 << 20
_UNPRINTABLE = re.compile("[^\t\n\r\x20-\x7e\x85\xa0-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
OTHER_ENCODINGS = {b"\xff\xfe": "UTF-16", b"\xfe\xff": "UTF-16", b"\x00\x00": "UTF-32"}


class Document:
    """What a file holds. `problems` are the ones that did not keep it from being read."""

    __slots__ = ("_lines", "_root", "name", "problems", "value")

    def __init__(self, name: str, text: str, root: Node, problems: tuple[Problem, ...]) -> None:
        self.name = name
        self.value: JsonValue = root.value
        self.problems = problems
        self._lines = text.split("\n")
        self._root = root

    def position(self, where: Where, *, key: bool = False) -> tuple[int, int]:
        """Line and column, from 1, of the value at `where` or of its key; the nearest there is."""
        node, line, column = self._root, self._root.line, self._root.column
        for step in where:
            child = node.child(step)
            if child is None:
                return node.line, node.column
            line, column, node = child
        return (line, column) if key else (node.line, node.column)

    def within(self, where: Where, line: int, snippet: str = "", offset: int = 0) -> tuple[int, int]:
        """Where line `line` of the text at `where` is written; with a snippet of it, the place in that."""
        node = self._node(where)
        literal = node.style == "|"
        first = min(node.line + line, len(self._lines)) if literal else node.line
        for number in range(first, first + 1 if literal else node.end_line + 1):
            written = self._lines[number - 1] if number <= len(self._lines) else ""
            start = node.column - 1 if number == node.line else 0
            column = written.find(snippet, start) if snippet else -1
            if column >= 0:
                return number, column + offset + 1
        if literal:
            written = self._lines[first - 1]
            return first, len(written) - len(written.lstrip()) + 1
        return node.line, node.column

    def problem(self, where: Where, message: str, hint: str = "", *, key: bool = False) -> Problem:
        """A problem with the value at `where`, or with its key. What looks like a secret is not shown."""
        return self.problem_at(self.position(where, key=key), message, hint)

    def problem_at(self, position: tuple[int, int], message: str, hint: str = "") -> Problem:
        line, column = position
        return Problem(
            file=self.name, line=line, column=column, message=redacted(message), hint=redacted(hint)
        )

    def _node(self, where: Where) -> Node:
        node = self._root
        for step in where:
            child = node.child(step)
            if child is None:
                break
            node = child[2]
        return node


def read(path: Path, source: ReadText | None = None) -> Document:
    """The file as a document. Raises `InvalidFile` when it is no YAML file with one mapping in it.

    `source` takes the place of `read_text`. Duplicate keys, keys that are not text and unknown tags are in
    the document's `problems`.
    """
    name = str(path)
    return parse((source or read_text)(path), name)


def parse(text: str, name: str) -> Document:
    """The same for text that is at hand; `name` is the file that problems name."""
    _refuse_unprintable(text, name)
    composer = Composer(text, name)
    root = composer.compose()
    if not isinstance(root.value, dict):
        what = "the file is empty" if root.value is None else "the file is not a mapping of keys to values"
        raise InvalidFile((*composer.problems, Problem(file=name, line=1, column=1, message=what)))
    return Document(name, text, root, tuple(composer.problems))


def read_text(path: Path, most: int = MAX_BYTES) -> str:
    """The text of a file: UTF-8, of `most` bytes, by default what people write. Raises `InvalidFile`."""
    name = str(path)
    return decoded(bytes_of(path, most), name)


def decoded(content: bytes, name: str) -> str:
    """The text that bytes are, with one kind of line break. Raises `InvalidFile`."""
    encoding = next((e for mark, e in OTHER_ENCODINGS.items() if content.startswith(mark)), None)
    if encoding is not None:
        raise _refused(name, f"the file is {encoding} text", "save it as UTF-8")
    try:
        return content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        start = content.rfind(b"\n", 0, error.start) + 1
        column = len(content[start : error.start].decode("utf-8", errors="replace")) + 1
        message = f"byte {content[error.start]:#04x} is not UTF-8 text"
        problem = Problem(file=name, line=line, column=column, message=message, hint="save the file as UTF-8")
        raise InvalidFile((problem,)) from error


def bytes_of(path: Path, most: int = MAX_BYTES) -> bytes:
    """The bytes of a file that people write. Raises `InvalidFile`."""
    name = str(path)
    try:
        if path.is_dir():
            raise _refused(name, "this is a folder, not a file")
        if path.exists() and not path.is_file():
            raise _refused(name, "this is not a regular file")
        with path.open("rb") as file:
            content = file.read(most + 1)
    except FileNotFoundError as error:
        raise _refused(name, "there is no such file") from error
    except OSError as error:
        raise _refused(name, f"the file cannot be read: {error.strerror}") from error
    except ValueError as error:  # a NUL in the path
        raise _refused(name, "this is not the name of a file") from error
    if len(content) > most:
        raise _refused(name, f"the file is larger than {most >> 20} MiB")
    return content


def _refuse_unprintable(text: str, name: str) -> None:
    found = _UNPRINTABLE.search(text)
    if found is None:
        return
    line = text.count("\n", 0, found.start()) + 1
    column = found.start() - text.rfind("\n", 0, found.start())
    message = f"the control character U+{ord(found[0]):04X} cannot be part of the file"
    hint = 'write it as an escape, such as "\\u0007", in double quotes'
    raise InvalidFile((Problem(file=name, line=line, column=column, message=message, hint=hint),))


def _refused(name: str, message: str, hint: str = "") -> InvalidFile:
    return InvalidFile((Problem(file=name, message=message, hint=hint),))
