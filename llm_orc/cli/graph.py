"""`graph`: draw an ensemble."""

from __future__ import annotations

from typing import Literal

import click

from llm_orc.domain.text import safe
from llm_orc.orchestrator import Orchestrator


@click.command(epilog="\b\nExample:\n  llm-orc graph quickstart --format mermaid")
@click.argument("ensemble")
@click.option("--format", "form", type=click.Choice(["text", "mermaid", "json"]), default="text",
              show_default=True, help="How to draw.")  # fmt: skip
@click.option("--model", metavar="NAME", help="The model of every agent, as in invoke.")
def graph(ensemble: str, form: Literal["text", "mermaid", "json"], model: str | None) -> None:
    """Draw the agents of ENSEMBLE by layer, and what they depend on."""
    orchestrator = Orchestrator()
    click.echo(safe(orchestrator.draw(orchestrator.load(ensemble, model=model, need_models=False), form)))
