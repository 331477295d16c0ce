"""The n-th fuzzed file: the same bytes for the same seed and the same repository."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import yaml

from .fuzz_bombs import BOMBS

ROOT = Path(__file__).parents[2]
FOLDERS = ("ensembles", "examples", "tests/upstream/project")
PIECES = (
    "a", "0", "-", ":", ": ", "{", "}", "[", "]", ",", "'", '"', "|", ">", "&b", "*b", "<<: *b", "!", "!!", "%", "{{", "}}",
    "{%", "%}", "\n", "\n\n", "  ", "\t", "#", " #", "null", "~", "true", "name", "agents", "depends_on", "1e999", "\0", "é",
    "\u2028", "\ufeff", "\r", "---\n", "...\n", "? ", "- ", "\\", "\\x", "0x", "\ud7ff", "\x85", "😀", "\x1b",
)  # fmt: skip
VALUES: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 10**6, 10**30, 0.5, -0.0, 1e308, float("inf"), float("nan"), "", " ", "a", "no such", "../x",
    "/etc/passwd", "~", "{{ x }}", "{{ input }}", "{% if", "a" * 300, "\0", "é", "😀", "\u2028", "x\ny", "1e999", [], {}, [[]],
    [None], [{}], {"": None}, {"a": {"b": [1]}}, {"type": "single"}, {"$ref": "#"}, "all", "on", "12:30", "scripted/x",
)  # fmt: skip


@dataclass(frozen=True)
class Fuzzed:
    """`place` is where the file is to lie, from the root of the repository: its neighbours are those of the
    file that it was made of."""

    kind: str
    place: str
    content: bytes


def fuzzed(seed: int) -> Fuzzed:
    """The file of a seed."""
    chance = Random(seed)
    kind = chance.choices(("bytes", "structure", "generated", "bomb"), (35, 35, 15, 15))[0]
    base = chance.choice(bases())
    place = str(base.parent.relative_to(ROOT) / "fuzzed.yaml")
    if kind == "bytes":
        return Fuzzed(kind, place, _bytes(base.read_bytes(), chance))
    if kind == "structure":
        return Fuzzed(kind, place, _structure(_tree(base), chance))
    if kind == "generated":
        return Fuzzed(kind, "ensembles/fuzzed.yaml", _written(_generated(chance), chance))
    bomb = chance.choice(BOMBS)
    return Fuzzed(f"bomb: {bomb.__name__}", place, bomb(chance).encode("utf-8", "surrogatepass"))


@cache
def bases() -> tuple[Path, ...]:
    """All ensemble files of the repository, in an order that is always the same."""
    found = (file for folder in FOLDERS for file in (ROOT / folder).rglob("*.yaml"))
    return tuple(sorted(file for file in found if file.stem not in ("models", "config")))


def _bytes(content: bytes, chance: Random) -> bytes:
    for _ in range(chance.choice((1, 1, 2, 4, 12))):
        start = chance.randrange(len(content) + 1)
        end = min(len(content), start + chance.choice((0, 1, 3, 30, 300)))
        part = content[start:end]
        change = chance.randrange(7)
        if change == 0:
            piece = bytes(chance.randrange(256) for _ in range(chance.randint(1, 4)))
        elif change == 1:
            piece = part * chance.choice((2, 3, 50))
        elif change == 2:
            piece = b""
        elif change == 3:
            piece = part[::-1]
        elif change == 4:
            other = chance.choice(bases()).read_bytes()
            piece = other[chance.randrange(len(other)) :][: chance.choice((5, 60, 600))]
        else:
            piece = chance.choice(PIECES).encode("utf-8", "surrogatepass") * chance.choice((1, 1, 1, 20))
        content = content[:start] + piece + content[end:]
    return content[: chance.randrange(len(content) + 1)] if chance.random() < 0.05 else content


def _structure(tree: Any, chance: Random) -> bytes:
    tree = copy.deepcopy(tree)
    for _ in range(chance.choice((1, 1, 2, 5))):
        holders = list(_holders(tree))
        holder = chance.choice(holders)
        keys = list(holder) if isinstance(holder, dict) else list(range(len(holder)))
        if not keys:
            continue
        key = chance.choice(keys)
        change = chance.randrange(6)
        if change == 0:
            del holder[key]
        elif change == 1:
            holder[key] = copy.deepcopy(chance.choice(VALUES))
        elif change == 2 and isinstance(holder, dict):
            holder[chance.choice(_names())] = holder.pop(key)
        elif change == 3 and isinstance(holder, dict):
            holder[chance.choice(_names())] = _any(chance, 2)
        elif change == 4:
            other = chance.choice(list(_holders(_tree(chance.choice(bases())))))
            holder[key] = copy.deepcopy(other)
        else:
            holder[key] = [holder[key]] if chance.random() < 0.5 else {chance.choice(_names()): holder[key]}
    return _written(tree, chance)


def _generated(chance: Random) -> dict[str, Any]:
    """An ensemble by the schema: mostly right, so that it is read to the end."""
    names = [f"a{number}" for number in range(chance.randint(1, 9))]
    agents = []
    for place, name in enumerate(names):
        agent: dict[str, Any] = {"name": name}
        if place and chance.random() < 0.7:
            agent["depends_on"] = chance.sample(names[:place], chance.randint(1, min(place, 3)))
        agent["model"] = chance.choice(("scripted/x", "one", "two", "tiny-small"))
        kind = chance.random()
        if kind < 0.1:
            agent = {"name": name, "script": chance.choice(("cat", "no-such-program", "echo '{}'"))}
        elif kind < 0.15:
            agent = {"name": name, "ensemble": chance.choice(("quickstart", "fuzzed", "patterns/critique"))}
        for key in chance.sample(_agent_keys(), chance.randint(0, 4)):
            agent.setdefault(key, _example("agent", key, chance))
        agents.append(agent)
    ensemble: dict[str, Any] = {"name": "generated", "agents": agents}
    for key in chance.sample(list(_schema()["properties"]), chance.randint(0, 3)):
        ensemble.setdefault(key, _example("", key, chance))
    return ensemble


def _example(definition: str, key: str, chance: Random) -> Any:
    """What the schema gives as an example of a key, at times something else."""
    if chance.random() < 0.25:
        return _any(chance, 3)
    whole = _schema()
    where = whole["definitions"][definition] if definition else whole
    return copy.deepcopy(chance.choice(where["properties"][key].get("examples") or [None]))


def _any(chance: Random, depth: int) -> Any:
    if depth and chance.random() < 0.4:
        if chance.random() < 0.5:
            return [_any(chance, depth - 1) for _ in range(chance.randint(0, 3))]
        return {chance.choice(_names()): _any(chance, depth - 1) for _ in range(chance.randint(0, 3))}
    return copy.deepcopy(chance.choice(VALUES))


def _written(tree: Any, chance: Random) -> bytes:
    style: Callable[[Any], str] = chance.choice((
        lambda value: json.dumps(value),
        lambda value: yaml.dump(value, allow_unicode=True, sort_keys=False),
        lambda value: yaml.dump(value, default_flow_style=True, width=chance.choice((20, 200))),
    ))  # fmt: skip
    return style(tree).encode("utf-8", "surrogatepass")


def _holders(tree: Any) -> Iterator[Any]:
    if isinstance(tree, dict | list):
        yield tree
        for value in tree.values() if isinstance(tree, dict) else tree:
            yield from _holders(value)


def _tree(file: Path) -> Any:
    return yaml.safe_load(file.read_text(encoding="utf-8"))


@cache
def _schema() -> Any:
    return json.loads((ROOT / "schemas" / "ensemble.schema.json").read_text(encoding="utf-8"))


@cache
def _agent_keys() -> tuple[str, ...]:
    return tuple(_schema()["definitions"]["agent"]["properties"])


@cache
def _names() -> tuple[str, ...]:
    """Every key that the schema knows, and some that it does not."""
    found: dict[str, None] = {}

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            found.update(dict.fromkeys(value.get("properties", {})))
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(_schema())
    return (*found, "x-mine", "", "no_such_key", "<<", "a b", "é")
