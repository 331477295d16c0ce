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


def unavailable(folder: Path, top: dict[str, Any], agent: dict[str, Any]) -> tuple[str, ...]:
    """What a file with these keys needs that is not there yet."""
    agents = [{"name": "before", "script": "true"}, {"name": "a", "depends_on": ["before"], **agent}]
    file = folder / "t.yaml"
    file.write_text(json.dumps({"name": "t", "agents": agents, **top}), encoding="utf-8")
    return Orchestrator(folder).load(file, need_models=False).unavailable


def of_key(folder: Path, where: str, key: str) -> tuple[str, ...]:
    """The same for one key with its example."""
    example = (TOP if where == "ensemble" else AGENT)[key]["examples"][0]
    return unavailable(folder, {key: example}, {}) if where == "ensemble" else unavailable(
        folder, {}, {key: example}
    )  # fmt: skip


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


@pytest.mark.parametrize(("where", "key"), keys(REFERENCE.NOT_YET))
def test_a_key_that_is_not_there_yet_is_named(where, key, tmp_path):
    assert any(feature.endswith(key) for feature in of_key(tmp_path, where, key))


@pytest.mark.parametrize(("where", "key"), keys(REFERENCE.YES, REFERENCE.NO_EFFECT))
def test_any_other_key_keeps_no_file_from_running(where, key, tmp_path):
    try:
        assert of_key(tmp_path, where, key) == ()
    except InvalidFile as error:
        # The example names a file, profile or agent that is not here: what was checked is the key alone.
        assert "unknown key" not in str(error)  # noqa: PT017


@pytest.mark.parametrize(
    "strategy", SCHEMAS["ensemble"]["definitions"]["strategy"]["oneOf"][0]["enum"]
)  # fmt: skip
def test_the_strategies_of_the_registry_are_those_that_run(strategy, tmp_path):
    expected = () if strategy in STRATEGIES else (f"agent 'a': strategy {strategy}",)
    assert unavailable(tmp_path, {}, {"strategy": strategy, "tools": ["true"]}) == expected
    state = REFERENCE.state("ensemble/agent", "strategy")
    assert (state == REFERENCE.YES or f"`{strategy}`" in state) == (not expected)
