"""What the reference says of a key is what this version does with it."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from llm_orc import InvalidFile, Orchestrator
from llm_orc.registry import STRATEGIES

from .blocks import ROOT


def generator() -> ModuleType:
    """docs/reference.py, which is no part of a package."""
    spec = importlib.util.spec_from_file_location("reference", ROOT / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    reference = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(reference)
    reference.page()  # the states of strategies come from the schema
    return reference


REFERENCE = generator()
SCHEMAS = {
    name: json.loads((ROOT / "schemas" / f"{name}.schema.json").read_text(encoding="utf-8"))
    for name in REFERENCE.FILES
}
TOP = SCHEMAS["ensemble"]["properties"]
AGENT = SCHEMAS["ensemble"]["definitions"]["agent"]["properties"]
NEVER_ALONE = {"name", "agents"}


def load(folder: Path, top: dict[str, Any], agent: dict[str, Any]) -> None:
    """A file with these keys. Raises `InvalidFile`."""
    agents = [{"name": "before", "script": "true"}, {"name": "a", "depends_on": ["before"], **agent}]
    file = folder / "t.yaml"
    file.write_text(json.dumps({"name": "t", "agents": agents, **top}), encoding="utf-8")
    Orchestrator(folder).load(file, need_models=False)


def keys(*states: str) -> list[tuple[str, str]]:
    """The keys of a file and of an agent that have one of these states."""
    tables = (("ensemble", TOP), ("ensemble/agent", AGENT))
    return [
        (where, key)
        for where, properties in tables
        for key in properties
        if key not in NEVER_ALONE and REFERENCE.state(where, key) in states
    ]


def test_the_page_is_what_the_schemas_say():
    assert (ROOT / "docs" / "reference.md").read_text(encoding="utf-8") == REFERENCE.page()


def test_every_key_with_a_state_is_a_key_of_the_schema():
    for where, states in REFERENCE.STATES.items():
        name, _, definition = where.partition("/")
        schema = SCHEMAS[name]
        part = schema["definitions"][definition] if definition else schema
        known = {
            key for option in (part, *part.get("oneOf", [])) for key in option.get("properties", {})
        }  # fmt: skip
        assert {key.partition(".")[0] for key in states} - {"*"} <= known, where


@pytest.mark.parametrize(("where", "key"), keys(REFERENCE.YES, REFERENCE.NO_EFFECT))
def test_a_key_keeps_no_file_from_loading(where, key, tmp_path):
    example = (TOP if where == "ensemble" else AGENT)[key]["examples"][0]
    try:
        load(tmp_path, *(({key: example}, {}) if where == "ensemble" else ({}, {key: example})))
    except InvalidFile as error:
        # The example names a file, profile or agent that is not here: what was checked is the key alone.
        assert "unknown key" not in str(error)  # noqa: PT017


def test_the_strategies_of_the_schema_are_those_of_the_registry():
    (names, _) = SCHEMAS["ensemble"]["definitions"]["strategy"]["oneOf"]
    assert set(names["enum"]) == set(STRATEGIES)
