"""`schema`: print a JSON Schema."""

from __future__ import annotations

from typing import Literal

import click

from llm_orc.orchestrator.watching import schema_of


@click.command(epilog="\b\nExample:\n  llm-orc schema ensemble > ensemble.schema.json")
@click.argument("kind", type=click.Choice(["ensemble", "models", "config"]))
def schema(kind: Literal["ensemble", "models", "config"]) -> None:
    """Print the JSON Schema of ensemble files, models.yaml or config.yaml."""
    click.echo(schema_of(kind), nl=False)
