"""Where in a catalogue the models that servers have belong: which entry, by which name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Fleet, Model
from llm_orc.orchestrator.discovery import Discovery, Server
from llm_orc.spec.catalogue_file import entries_of, entry_name, models_of, with_entries

_PLACE = ("provider", "name", "base_url", "api_key_env")


@dataclass(frozen=True, slots=True)
class Proposal:
    """A catalogue with what was found: its text, the entries, the keys that are new in each.

    `left` says of entries that could not be touched why.
    """

    text: str
    entries: Mapping[str, JsonObject]
    changed: Mapping[str, Sequence[str]]
    left: Mapping[str, str]


def proposed(file: Path, found: Sequence[Discovery], fleet: Fleet) -> Proposal:
    """The text that `file` would have; raises `InvalidFile` and `UsageFailed` where it cannot be edited.

    An entry is the same model when provider, address and the server's name for it are. A model of another
    file is left alone: an entry of its name here would take its place, with all that was written there. A
    name that means another model is not used again.
    """
    here = models_of(file)
    elsewhere = {_who(m): name for name, m in fleet.models.items() if name not in here}
    taken = {*fleet.models, *fleet.profiles, *here}
    entries: dict[str, JsonObject] = {}
    left: dict[str, str] = {}
    for discovery in found:
        for entry in discovery.entries:
            who = (discovery.server.provider, discovery.server.address, _tagged(str(entry["name"])))
            same = [name for name, model in here.items() if _who(model) == who]
            figures = {key: value for key, value in entry.items() if key not in _PLACE}
            entries |= dict.fromkeys(same, figures)
            if not same and who in elsewhere:
                left[elsewhere[who]] = "it is described in another file, which stays as it is"
            elif not same:
                name = next(name for name in _names(entry, discovery.server) if name not in taken)
                taken.add(name)
                entries[name] = entry
    edited = with_entries(file, entries)
    return Proposal(edited.text, entries, edited.changed, {**left, **edited.left})


def with_figures(file: Path, name: str, figures: JsonObject) -> str | None:
    """The text of `file` with the figures in the entry `name`; None where it has no such entry."""
    if name not in entries_of(file):
        return None
    return with_entries(file, {name: figures}, replacing=True).text


def _who(model: Model) -> tuple[str, str, str]:
    server = Server(model.provider, model.base_url)
    return model.provider, server.address, _tagged(model.wire_name)


def _tagged(wire_name: str) -> str:
    """To Ollama, `x` and `x:latest` are one."""
    return wire_name.removesuffix(":latest")


def _names(entry: JsonObject, server: Server) -> Iterator[str]:
    short = entry_name(str(entry["name"]))
    yield short
    yield f"{short}-{server.provider}"
    longer = f"{short}-{entry_name(server.address.partition('://')[2])}"
    yield longer
    number = 2
    while True:
        yield f"{longer}-{number}"
        number += 1
