"""What the checks of one ensemble file share."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Protocol

from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Fleet, Model
from llm_orc.spec import fields
from llm_orc.spec.document import ReadText, Where, read_text
from llm_orc.spec.report import Report


class Library(Protocol):
    """Where the ensembles come from that run as agents of another."""

    def find(self, name: str) -> Ensemble:
        """Raises `InvalidFile` with the problems of a file, `OrcError` for one that is not there."""
        ...

    def named(self, name: str) -> Ensemble:
        """The same, for a name that is not to be a path."""
        ...


@dataclass(frozen=True)
class Scope:
    """`data` is the file without its wrong parts, which `broken` lists. `override` is the model of
    every agent; without it, `need_models` says whether an agent may go without one. `read` reads the
    texts that the file refers to."""

    report: Report
    data: JsonObject
    broken: frozenset[Where]
    folder: Path
    project: Path
    fleet: Fleet
    override: Model | None = None
    need_models: bool = True
    library: Library | None = None
    read: ReadText = read_text

    @cached_property
    def defaults(self) -> JsonObject:
        return fields.mapping(self.data, "defaults")

    @cached_property
    def inputs(self) -> tuple[str, ...]:
        return tuple(fields.mapping(self.data, "inputs")) or ("input",)

    @cached_property
    def agents(self) -> dict[str, int]:
        """The agents' names and places; of two with one name, the first."""
        named: dict[str, int] = {}
        for index, agent in enumerate(fields.entries(self.data, "agents")):
            if isinstance(agent, dict) and isinstance(agent.get("name"), str):
                named.setdefault(str(agent["name"]), index)
        return named

    def is_broken(self, *where: str | int) -> bool:
        return where in self.broken


@dataclass(frozen=True)
class Entry:
    """One agent of the file: its own keys, and where they are."""

    scope: Scope
    index: int
    own: JsonObject
    kind: str
    depends_on: tuple[str, ...]

    @property
    def name(self) -> str:
        return fields.text(self.own, "name")

    @cached_property
    def merged(self) -> JsonObject:
        """Its own keys over the file's `defaults`."""
        return {**self.scope.defaults, **self.own}

    def where(self, *steps: str | int) -> Where:
        return ("agents", self.index, *steps)

    def place(self, key: str) -> Where:
        """Where a key of `merged` is written: here, or in `defaults`."""
        return self.where(key) if key in self.own else ("defaults", key)

    def is_broken(self, key: str) -> bool:
        return self.scope.is_broken(*self.where(key)) or self.scope.is_broken("defaults", key)

    def add(self, key: str, message: str, hint: str = "", *, on_key: bool = False) -> None:
        self.scope.report.add(self.place(key), message, hint, key=on_key)
