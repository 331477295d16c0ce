"""Entries written into a models.yaml that somebody else edits too: lines are added, none is changed."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.errors import UsageFailed
from llm_orc.spec import fields
from llm_orc.spec.composer import Composer, Node
from llm_orc.spec.document import read

_HEADER = "# Models of this project: `llm-orc models list` shows them all.\nmodels:\n"
_PLAIN = re.compile(r"[A-Za-z_][\w.-]*(?:[/][\w.-]+)*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def entry_name(wire_name: str) -> str:
    """A name for the catalogue: `llama3.1:8b` is `llama3.1-8b`."""
    return re.sub(r"[^\w.-]+", "-", wire_name.removesuffix(":latest")).strip("-")


def with_entries(
    file: Path, entries: Mapping[str, JsonObject], *, replacing: bool = False
) -> tuple[str, dict[str, list[str]]]:
    """The file's text with these entries, and which keys were set in which entry.

    A key that an entry has already stays as it is, unless `replacing`. Raises `InvalidFile` for a file that
    cannot be read, `UsageFailed` for one that is not written line by line.
    """
    text = file.read_text(encoding="utf-8") if file.exists() else _HEADER
    changed: dict[str, list[str]] = {}
    for name, entry in entries.items():
        text, keys = _with_entry(text, name, entry, file, replacing=replacing)
        if keys:
            changed[name] = keys
    return text, changed


def entries_of(file: Path) -> dict[str, JsonValue]:
    """The entries of the file, none where there is no file. Raises `InvalidFile`."""
    data = read(file).value if file.exists() else {}
    return fields.mapping(data if isinstance(data, dict) else {}, "models")


def known_name(file: Path, entry: JsonObject) -> str | None:
    """The entry of the file for the same model at the same server."""
    for name, known in entries_of(file).items():
        if isinstance(known, dict) and all(
            known.get(key, name if key == "name" else None) == entry.get(key)
            for key in ("provider", "name", "base_url")
        ):
            return name
    return None


def _with_entry(
    text: str, name: str, entry: JsonObject, file: Path, *, replacing: bool
) -> tuple[str, list[str]]:
    root = Composer(text, str(file)).compose()
    lines = text.split("\n")
    models = root.members.get("models")
    if models is None:
        end = [] if lines[-1] else [lines.pop()]
        return "\n".join([*lines, "models:", *_lines(name, entry, "  "), *end]), list(entry)
    line, column, node = models
    if node.value is not None and not _is_block(node, line):
        raise UsageFailed(
            f"{file}:{line}: 'models' is not written line by line", hint="write one model per line"
        )
    known = node.members.get(name)
    if known is None:
        indent = " " * (next(iter(node.members.values()))[1] - 1 if node.members else column + 1)
        return "\n".join([*lines[:line], *_lines(name, entry, indent), *lines[line:]]), list(entry)
    return _completed(lines, known, entry, file, replacing=replacing)


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
        raise UsageFailed(f"{file}:{line}: the entry is written on one line", hint="write one key per line")
    for key in replaced:
        at, _, value = node.members[key]
        written = lines[at - 1]
        found = re.compile(r"(:\s+)([^\s#][^#]*?)(\s*(?:#.*)?)$").search(written)
        if found is None or isinstance(value.value, dict | list):
            raise UsageFailed(f"{file}:{at}: {key!r} is not a plain value", hint="write it on one line")
        lines[at - 1] = f"{written[: found.start()]}{found[1]}{_scalar(entry[key])}{found[3]}"
    indent = " " * (next(iter(node.members.values()))[1] - 1)
    added = [f"{indent}{key}: {_scalar(value)}" for key, value in missing.items()]
    return "\n".join([*lines[:line], *added, *lines[line:]]), [*missing, *replaced]


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
