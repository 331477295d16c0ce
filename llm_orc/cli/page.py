"""`--open`: a page of the run that begins."""

from __future__ import annotations

import click

from llm_orc.domain.events import Observer
from llm_orc.orchestrator import Orchestrator


def page_of(orchestrator: Orchestrator) -> list[Observer]:
    """Who opens the page. Raises `NotAvailable` where what it needs is not installed."""
    from llm_orc.serve.opening import opened_page

    return [opened_page(orchestrator, lambda address: click.echo(f"page: {address}", err=True))]
