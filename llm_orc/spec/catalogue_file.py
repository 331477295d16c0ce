"""Entries written into a models.yaml that somebody else edits too: lines are added, none is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.errors import InvalidFile, UsageFailed
from llm_orc.spec import fields
from llm_orc.spec.composer import Composer, Node
from llm_orc.spec.document import read
from llm_orc.spec.model_entry import read_model

_HEADER = "# Models of this project: `llm-orc models list` shows them all.\nmodels:\n"
_MARK = "\ufeff"
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*(?:[/][\w.-]+)*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def entry_name(wire_name: str) -> str:
    """A name for the catalogue: `llama3.1:8b` is `llama3.1-8b`."""
    return re.sub(r"[^\w.-]+", "-", wire_name.removesuffix(":latest")).strip("-")


@dataclass(frozen=True, slots=True)
class Edited:
    """A file's new text, which keys were set in which entry, and why entries stay as they are."""

    text: str
    changed: Mapping[str, Sequence[str]]
    left: Mapping[str, str]


def with_entries(file: Path, entries: Mapping[str, JsonObject], *, replacing: bool = False) -> Edited:
    """The file's text with these entries.

    A key that an entry has already stays as it is, unless `replacing`. Raises `InvalidFile` for a file that
    cannot be read, `UsageFailed` for one that cannot be edited without changing what it says.
    """
    before = text = file.read_bytes().decode("utf-8") if file.exists() else _HEADER
    expected = entries_of(file)
    changed: dict[str, list[str]] = {}
    left: dict[str, str] = {}
    for name, entry in entries.items():
        try:
            text, keys = _with_entry(text, name, entry, file, replacing=replacing)
        except _OnOneLine as error:
            if replacing:
                raise
            left[name] = error.message
            continue
        if keys:
            changed[name] = keys
            known = expected.get(name)
            expected[name] = {**(known if isinstance(known, dict) else {}), **{k: entry[k] for k in keys}}
    if text != before:
        _must_say(text, expected, before, file)
    return Edited(text, changed, left)


def models_of(file: Path) -> dict[str, Model]:
    """The models that the file describes, none where there is no file. Raises `InvalidFile`."""
    return {
        name: read_model(name, entry, file.parent)
        for name, entry in entries_of(file).items()
        if isinstance(entry, dict)
    }


def entries_of(file: Path) -> dict[str, JsonValue]:
    """The entries of the file, none where there is no file. Raises `InvalidFile`."""
    data = read(file).value if file.exists() else {}
    return dict(fields.mapping(data if isinstance(data, dict) else {}, "models"))


class _OnOneLine(UsageFailed):
    """An entry in braces: there is no line to add a key to."""


def _must_say(text: str, expected: Mapping[str, JsonValue], before: str, file: Path) -> None:
    """Raises `UsageFailed` where the edit changed more than it should: anchors, keys marked by `?`."""
    kept = {**_top(before, file), "models": dict(expected)}
    try:
        said = _top(text, file)
    except InvalidFile:
        said = {}
    if said != kept:
        raise UsageFailed(
            f"{file}: the way in which it is written cannot be kept",
            hint="add the models by hand (--dry-run)",
        )


def _top(text: str, file: Path) -> dict[str, JsonValue]:
    value = Composer(text.removeprefix(_MARK), str(file)).compose().value
    return dict(value) if isinstance(value, dict) else {}


def _with_entry(
    text: str, name: str, entry: JsonObject, file: Path, *, replacing: bool
) -> tuple[str, list[str]]:
    root = Composer(text.removeprefix(_MARK), str(file)).compose()
    lines = text.split("\n")
    models = root.members.get("models")
    if models is None:
        end = [] if lines[-1] else [lines.pop()]
        return _joined(lines, len(lines), ["models:", *_lines(name, entry, "  ")], end), list(entry)
    line, column, node = models
    if node.value is not None and not _is_block(node, line):
        raise UsageFailed(
            f"{file}:{line}: 'models' is not written line by line", hint="write one model per line"
        )
    known = node.members.get(name)
    if known is None:
        indent = " " * (next(iter(node.members.values()))[1] - 1 if node.members else column + 1)
        return _joined(lines, line, _lines(name, entry, indent)), list(entry)
    return _completed(lines, known, entry, file, replacing=replacing)


def _joined(lines: list[str], at: int, added: list[str], end: Sequence[str] = ()) -> str:
    """The added lines end as those of the file do."""
    ending = "\r" if lines[0].endswith("\r") else ""
    return "\n".join([*lines[:at], *(f"{line}{ending}" for line in added), *lines[at:], *end])


def _completed(
    lines: list[str], known: tuple[int, int, Node], entry: JsonObject, file: Path, *, replacing: bool
) -> tuple[str, list[str]]:
    line, _, node = known
    missing = {key: value for key, value in entry.items() if key not in node.members}
    replaced = [
        key for key, value in entry.items()
        if replacing and key in node.members and node.members[key][2].value != value
    ]  # fmt: skip
    if not missing and not replaced:
        return "\n".join(lines), []
    if not _is_block(node, line):
        raise _OnOneLine(f"{file}:{line}: the entry is written on one line", hint="write one key per line")
    for key in replaced:
        at, _, value = node.members[key]
        written = lines[at - 1]
        found = re.compile(r"(:\s+)([^\s#][^#]*?)(\s*(?:#.*)?)$").search(written)
        if found is None or isinstance(value.value, dict | list):
            raise UsageFailed(f"{file}:{at}: {key!r} is not a plain value", hint="write it on one line")
        lines[at - 1] = f"{written[: found.start()]}{found[1]}{_scalar(entry[key])}{found[3]}"
    indent = " " * (next(iter(node.members.values()))[1] - 1)
    added = [f"{indent}{key}: {_scalar(value)}" for key, value in missing.items()]
    return _joined(lines, line, added), [*missing, *replaced]


def _is_block(node: Node, line: int) -> bool:
    """Whether a mapping's keys begin on the lines after its own."""
    return bool(node.members) and all(at > line for at, _, _ in node.members.values())


def _lines(name: str, entry: JsonObject, indent: str) -> list[str]:
    return [f"{indent}{_scalar(name)}:", *(f"{indent}  {key}: {_scalar(v)}" for key, v in entry.items())]


def _scalar(value: JsonValue) -> str:
    if isinstance(value, str) and _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    if isinstance(value, list | tuple):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_scalar(item)}" for key, item in value.items()) + "}"
    return json.dumps(value, ensure_ascii=False)
