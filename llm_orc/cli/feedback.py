"""`feedback`: what a result was worth, for the router to learn from."""

from __future__ import annotations

from pathlib import Path

import click

from llm_orc.cli.numbers import Number
from llm_orc.domain.text import safe
from llm_orc.orchestrator import Orchestrator


@click.command(
    epilog="""\b
Examples:
  llm-orc feedback last --score 1
  llm-orc feedback 01a1fc73 draft --score 0.2
"""
)
@click.argument("run")
@click.argument("agent", required=False)
@click.option("--score", type=Number(0, 1), required=True, help="From 0, useless, to 1, perfect.")
@click.option("--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded.")
def feedback(run: str, agent: str | None, score: float, runs: Path | None) -> int:
    """Tell what RUN, or what AGENT did in it, was worth.

    RUN is an id, the beginning of one, or `last`; the last word on a run counts. The router learns from it
    where it chose the models, `runs ab` compares wordings by it, and `runs collect` takes the best runs.
    """
    orchestrator = Orchestrator(flags={"runs": None if runs is None else str(runs)})
    agents = orchestrator.records.score(run, agent, score)
    click.echo(f"noted {score:g} for {safe(', '.join(agents) or agent or f'run {run}')}")
    return 0
