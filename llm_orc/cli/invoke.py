"""`invoke`: run an ensemble and print its output."""

from __future__ import annotations

import json
import math
import os
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import anyio
import click

from llm_orc.cli.inputs import input_text, variable
from llm_orc.cli.routing import routing_flags, routing_of
from llm_orc.cli.signals import interrupted_by_signals
from llm_orc.cli.write import forget_stdout, refuse_unwritable, result_text, write_atomically
from llm_orc.domain.ensemble import RouterName, RoutingSpec
from llm_orc.domain.events import Event, Observer
from llm_orc.domain.json import JsonValue
from llm_orc.domain.outcome import Failed, RunResult, Skipped
from llm_orc.domain.text import safe
from llm_orc.domain.wire import event_json, result_json
from llm_orc.errors import UsageFailed
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.watching import live_view, plain_progress

Format = Literal["rich", "text", "json", "jsonl"]
FORMATS = ("rich", "text", "json", "jsonl")


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the flags say."""

    ensemble: str
    text: str | None
    variables: dict[str, JsonValue]
    model: str | None
    seed: int | None
    max_seconds: float | None
    output: Path | None
    quiet: bool
    verbose: bool
    routing: RoutingSpec


def _a_time(ctx: click.Context, param: click.Parameter, value: float | None) -> float | None:
    if value is not None and math.isnan(value):
        raise click.BadParameter("nan is not a time", ctx, param)
    return value


@click.command(
    epilog="""\b
Examples:
  llm-orc invoke quickstart
  llm-orc invoke quickstart "Ann has 3 bags of 4 apples each. How many apples does Ann have now?"
  git diff | llm-orc invoke code-review --model ollama/llama3.1:8b
"""
)
@click.argument("ensemble")
@click.argument("text", metavar="[INPUT]", required=False)
@click.option("--var", "variables", multiple=True, metavar="NAME=VALUE",
              help="An input by name; NAME=@FILE reads it from a file. Repeatable.")  # fmt: skip
@click.option("--output-format", type=click.Choice(FORMATS),
              help="rich on a terminal, else text; json: the whole result; jsonl: events.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the result to a file instead of standard output.")  # fmt: skip
@click.option(
    "--model", metavar="NAME", help="The model of every agent: from the catalogue, or provider/name."
)
@routing_flags
@click.option("--schedule", type=click.Choice(["eager", "layered"]),
              help="Start agents when their own dependencies are done, or layer by layer.")  # fmt: skip
@click.option("--concurrency", type=click.IntRange(1), help="The most agents at once.")
@click.option("--max-seconds", type=click.FloatRange(0, min_open=True), callback=_a_time,
              help="End the run after this time; exit code 3.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), help="Seed of every agent that sets none.")
@click.option("--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded.")
@click.option("--trace", metavar="WHERE",
              help="Trace the run: console, otlp, a file, or none. Else OTEL_ variables say.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@click.option("--verbose", is_flag=True, help="More progress: starts, calls, logs of scripts.")
def invoke(
    ensemble: str, text: str | None, variables: Sequence[str], output_format: Format | None,
    output: Path | None, model: str | None, schedule: str | None, concurrency: int | None,
    max_seconds: float | None, seed: int | None, quiet: bool, verbose: bool,
    router: RouterName | None, horizon: int | None, vram: tuple[float, ...], lambda_token: float | None,
    lambda_switch: float | None, runs: Path | None, trace: str | None,
) -> int:  # fmt: skip
    """Run ENSEMBLE, a file or a name, and print its output.

    INPUT is text, @FILE, or - for standard input, which is also read when INPUT is missing and something
    is piped in. Standard output carries the result only; progress and errors go to standard error.
    """
    if output is not None:
        refuse_unwritable(output)
    named: dict[str, JsonValue] = dict(variable(entry) for entry in variables)
    given = input_text(text, named=bool(named), quiet=quiet)
    options = Options(
        ensemble=ensemble, text=given, variables=named, model=model, seed=seed,
        max_seconds=max_seconds, output=output, quiet=quiet, verbose=verbose,
        routing=routing_of(router, horizon, vram, lambda_token, lambda_switch),
    )  # fmt: skip
    flags: dict[str, JsonValue] = {
        "output_format": output_format, "schedule": schedule, "concurrency": concurrency,
        "runs": None if runs is None else str(runs), "trace": trace,
    }  # fmt: skip
    return anyio.run(_invoke, Orchestrator(flags=flags, runs=True), options)


async def _invoke(orchestrator: Orchestrator, options: Options) -> int:
    form: Format = orchestrator.settings.output_format or ("rich" if sys.stdout.isatty() else "text")
    ensemble = orchestrator.load(options.ensemble, model=options.model)
    lines: list[str] = []
    async with orchestrator:
        with interrupted_by_signals() as interrupt, ExitStack() as stack:
            result = await orchestrator.invoke(
                ensemble,
                options.text,
                variables=options.variables,
                seed=options.seed,
                max_seconds=options.max_seconds,
                routing=options.routing,
                observers=_observers(form, options, stack, interrupt, lines),
                interrupt=interrupt,
            )
        # Before a collector is waited for.
        _print(result, form, options, lines)
        _explain(result)
    for lost in orchestrator.tracings.lost:
        click.echo(f"warning: {safe(lost)}", err=True)
    return result.exit_code


def _observers(
    form: Format, options: Options, stack: ExitStack, interrupt: anyio.Event, lines: list[str]
) -> list[Observer]:
    """Who watches; `lines` takes the events that go to a file when the run has ended."""
    observers: list[Observer] = []
    machine = form in ("json", "jsonl")
    if form == "jsonl":
        to_file = options.output is not None
        observers.append(lambda e: lines.append(_line(e)) if to_file else _print_event(interrupt, e))
    if options.quiet or (machine and not options.verbose):
        return observers
    if form == "rich" and sys.stderr.isatty() and os.environ.get("TERM") != "dumb" and not options.verbose:
        observers.append(stack.enter_context(live_view()))
    else:
        observers.append(plain_progress(lambda line: click.echo(line, err=True), verbose=options.verbose))
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


def _print(result: RunResult, form: Format, options: Options, lines: list[str]) -> None:
    if form == "jsonl" and options.output is None:
        return
    if form == "jsonl":
        text = "\n".join(lines)
    elif form == "json":
        text = json.dumps(result_json(result), ensure_ascii=False, indent=2)
    else:
        text = result_text(result)
    if options.output is not None:
        try:
            write_atomically(options.output, text + "\n")
            return
        except UsageFailed as error:
            # What was paid for is not lost because a disk is full.
            click.echo(f"error: {error.message}", err=True)
            click.echo("hint: the result is on standard output instead", err=True)
    if text:
        click.echo(safe(text) if sys.stdout.isatty() else text)


def _explain(result: RunResult) -> None:
    """One line per cause of failure; agents that were only skipped because of another are not causes."""
    if result.ended_by is not None:
        click.echo(f"error: {safe(result.ended_by.message)}", err=True)
        if result.ended_by.hint:
            click.echo(f"hint: {safe(result.ended_by.hint)}", err=True)
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
