"""`config`: what the settings are."""

from __future__ import annotations

from pathlib import Path

import click

from llm_orc.cli.write import print_json, print_table
from llm_orc.domain.json import JsonValue
from llm_orc.orchestrator import Orchestrator


@click.group(epilog="\b\nExample:\n  llm-orc config show")
def config() -> None:
    """The settings: package defaults, your config.yaml, the project's, LLM_ORC_* variables, flags."""


@config.command(epilog="\b\nExample:\n  llm-orc config show --json")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def show(as_json: bool) -> None:
    """Print each setting, and where its value came from."""
    settings = Orchestrator().settings
    values = {name: _plain(getattr(settings, name)) for name in settings.sources}
    if as_json:
        print_json({name: {"value": values[name], "source": settings.sources[name]} for name in values})
        return
    rows = [[name, "-" if v is None else str(v), settings.sources[name]] for name, v in values.items()]
    print_table(("setting", "value", "from"), rows)


def _plain(value: object) -> JsonValue:
    if isinstance(value, tuple):
        return [str(entry) for entry in value]
    if isinstance(value, Path):
        return str(value)
    return value if isinstance(value, str | int | float) else None
