"""`graph`: draw an ensemble."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import click

from llm_orc.cli.write import write_atomically
from llm_orc.domain.text import safe
from llm_orc.orchestrator import Orchestrator


@click.command(epilog="\b\nExample:\n  llm-orc graph quickstart --format svg --output quickstart.svg")
@click.argument("ensemble")
@click.option("--format", "form", type=click.Choice(["text", "mermaid", "dot", "svg", "json"]),
              default="text", show_default=True, help="How to draw.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the drawing to a file instead of standard output.")  # fmt: skip
@click.option("--model", metavar="NAME", help="The model of every agent, as in invoke.")
def graph(
    ensemble: str, form: Literal["text", "mermaid", "dot", "svg", "json"], output: Path | None,
    model: str | None,
) -> None:  # fmt: skip
    """Draw the agents of ENSEMBLE by layer, and what they depend on."""
    orchestrator = Orchestrator()
    drawing = safe(orchestrator.draw(orchestrator.load(ensemble, model=model, need_models=False), form))
    if output is None:
        click.echo(drawing)
    else:
        write_atomically(output, f"{drawing}\n")
