"""A run on the terminal: who watches it, what is printed, what ends it."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Awaitable, Callable
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
import click

from llm_orc.cli.page import page_of
from llm_orc.cli.signals import interrupted_by_signals
from llm_orc.cli.write import forget_stdout, write_atomically
from llm_orc.domain.events import Event, Observer
from llm_orc.domain.outcome import Failed, RunResult, Skipped
from llm_orc.domain.text import as_text, safe
from llm_orc.domain.wire import event_json, result_json
from llm_orc.errors import UsageFailed
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.running import Watch
from llm_orc.orchestrator.watching import live_view, plain_progress, plain_warnings

Format = Literal["rich", "text", "json", "jsonl"]
FORMATS = ("rich", "text", "json", "jsonl")


@dataclass(frozen=True, kw_only=True)
class Shown:
    """How a run is shown. `output` takes the result in place of standard output."""

    output: Path | None
    quiet: bool
    verbose: bool
    open_page: bool = False


async def run_and_show(
    orchestrator: Orchestrator, run: Callable[[Watch], Awaitable[RunResult]], shown: Shown
) -> int:
    """Run, print, and the exit code."""
    form: Format = orchestrator.settings.output_format or ("rich" if sys.stdout.isatty() else "text")
    lines: list[str] = []
    page = page_of(orchestrator) if shown.open_page else []
    async with orchestrator:
        with interrupted_by_signals() as (interrupt, cancel), ExitStack() as stack:
            observers = page + _observers(form, shown, stack, interrupt, lines)
            result = await run(Watch(observers=observers, interrupt=interrupt, cancel=cancel))
        # Before a collector is waited for.
        written = _print(result, form, shown, lines)
        _explain(result, recorded=orchestrator.is_recording)
    for lost in orchestrator.tracings.lost:
        click.echo(f"warning: {safe(lost)}", err=True)
    return result.exit_code if written else result.exit_code or 1


def _observers(
    form: Format, shown: Shown, stack: ExitStack, interrupt: anyio.Event, lines: list[str]
) -> list[Observer]:
    """Who watches; `lines` takes the events that go to a file when the run has ended."""
    observers: list[Observer] = []
    machine = form in ("json", "jsonl")
    if form == "jsonl":
        to_file = shown.output is not None
        observers.append(lambda e: lines.append(_line(e)) if to_file else _print_event(interrupt, e))
    if shown.quiet:
        return observers
    if machine and not shown.verbose:
        if form == "json":
            # The lines of jsonl have them.
            observers.append(plain_warnings(lambda line: click.echo(line, err=True)))
    elif form == "rich" and sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not shown.verbose:
        observers.append(stack.enter_context(live_view()))
    else:
        observers.append(plain_progress(lambda line: click.echo(line, err=True), verbose=shown.verbose))
    return observers


def _line(event: Event) -> str:
    return json.dumps(event_json(event), ensure_ascii=False)


def _print_event(interrupt: anyio.Event, event: Event) -> None:
    """A reader that has gone away ends the run: nobody would see what it costs."""
    line = _line(event)
    try:
        click.echo(safe(line) if sys.stdout.isatty() else line)
    except BrokenPipeError:
        forget_stdout()
        interrupt.set()


def _print(result: RunResult, form: Format, shown: Shown, lines: list[str]) -> bool:
    """False where the file that was asked for could not be written."""
    if form == "jsonl" and shown.output is None:
        return True
    if form == "jsonl":
        text = "\n".join(lines)
    elif form == "json":
        text = json.dumps(result_json(result), ensure_ascii=False, indent=2)
    else:
        text = _text_of(result)
    if shown.output is not None:
        try:
            write_atomically(shown.output, text + "\n")
            return True
        except UsageFailed as error:
            # What was paid for is not lost because a disk is full.
            click.echo(f"error: {error.message}", err=True)
            click.echo("hint: the result is on standard output instead", err=True)
    if text:
        click.echo(safe(text) if sys.stdout.isatty() else text)
    return shown.output is None


def _explain(result: RunResult, *, recorded: bool) -> None:
    """One line per cause of failure; agents that were only skipped because of another are not causes."""
    if result.ended_by is not None:
        click.echo(f"error: {safe(result.ended_by.message)}", err=True)
        if result.ended_by.hint:
            click.echo(f"hint: {safe(result.ended_by.hint)}", err=True)
        if recorded and result.ended_by.exit_code in (3, 130):
            click.echo(f"hint: `llm-orc runs resume {result.run_id}` goes on where it ended", err=True)
        return
    if result.status != "failed":
        return
    failed = {name: o for name, o in result.agents.items() if isinstance(o, Failed)}
    for name, outcome in failed.items():
        click.echo(f"error: agent {name!r}: {safe(outcome.cause.message)}", err=True)
        if outcome.cause.hint:
            click.echo(f"hint: {safe(outcome.cause.hint)}", err=True)
    if not failed:
        missing = [name for name, o in result.agents.items() if isinstance(o, Skipped)]
        click.echo(f"error: no output, because these agents were skipped: {', '.join(missing)}", err=True)


def _text_of(result: RunResult) -> str:
    """The output as text; several outputs each under its agent's name. Missing ones are left out."""
    if result.output is None:
        return ""
    outputs = [name for name in result.agents if isinstance(result.output, dict) and name in result.output]
    if isinstance(result.output, dict) and outputs and len(outputs) == len(result.output):
        parts = [(name, value) for name, value in result.output.items() if value is not None]
        return "\n\n".join(f"{name}:\n{as_text(value)}" for name, value in parts)
    return as_text(result.output)
