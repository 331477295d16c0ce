"""`invoke`: run an ensemble and print its output."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Literal

import anyio
import click

from llm_orc.cli.inputs import input_text, variable
from llm_orc.cli.limits import budget_of, limit_flags, policy_of
from llm_orc.cli.routing import routing_flags, routing_of
from llm_orc.cli.showing import FORMATS, Format, Shown, run_and_show
from llm_orc.cli.write import refuse_unwritable
from llm_orc.domain.ensemble import RouterName
from llm_orc.domain.json import JsonValue
from llm_orc.domain.outcome import RunResult
from llm_orc.errors import UsageFailed
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.options import RunOptions
from llm_orc.orchestrator.running import Watch


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
@limit_flags
@click.option("--resume", metavar="RUN", help="Go on with a recorded run of ENSEMBLE; see `runs resume`.")
@click.option("--seed", type=click.IntRange(0), help="Seed of every agent that sets none.")
@click.option("--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded.")
@click.option("--open", "open_page", is_flag=True, help="Watch the run in a browser.")
@click.option("--trace", metavar="WHERE",
              help="Trace the run: console, otlp, a file, or none. Else OTEL_ variables say.")  # fmt: skip
@click.option("--quiet", is_flag=True, help="Nothing on standard error but errors.")
@click.option("--verbose", is_flag=True, help="More progress: starts, calls, logs of scripts.")
def invoke(
    ensemble: str, text: str | None, variables: Sequence[str], output_format: Format | None,
    output: Path | None, model: str | None, schedule: Literal["eager", "layered"] | None,
    concurrency: int | None, max_usd: float | None, max_tokens: int | None, max_calls: int | None,
    max_seconds: float | None, strict_budget: bool, retries: int | None, no_cache: bool,
    resume: str | None, seed: int | None, quiet: bool, verbose: bool, router: RouterName | None,
    horizon: int | None, vram: tuple[float, ...], lambda_token: float | None, lambda_switch: float | None,
    runs: Path | None, open_page: bool, trace: str | None,
) -> int:  # fmt: skip
    """Run ENSEMBLE, a file or a name, and print its output.

    INPUT is text, @FILE, or - for standard input, which is also read when INPUT is missing and something
    is piped in. Standard output carries the result only; progress and errors go to standard error.

    The first Ctrl-C lets calls that are under way end, the second cancels them.
    """
    if output is not None:
        refuse_unwritable(output)
    options = RunOptions(
        model=model, seed=seed, schedule=schedule, concurrency=concurrency, max_seconds=max_seconds,
        routing=routing_of(router, horizon, vram, lambda_token, lambda_switch),
        policy=policy_of(retries, no_cache=no_cache),
        budget=budget_of(max_usd, max_tokens, max_calls, strict=strict_budget),
    )  # fmt: skip
    flags: dict[str, JsonValue] = {
        "output_format": output_format,
        "runs": None if runs is None else str(runs),
        "trace": trace,
    }
    orchestrator = Orchestrator(flags=flags, runs=True)
    shown = Shown(output=output, quiet=quiet, verbose=verbose, open_page=open_page)
    if resume is not None:
        if text is not None or variables:
            raise UsageFailed(
                "a run that is resumed has its input already", hint="leave INPUT and --var away"
            )
        return anyio.run(
            run_and_show, orchestrator, partial(_again, orchestrator, ensemble, resume, options), shown
        )
    named: dict[str, JsonValue] = dict(variable(entry) for entry in variables)
    given = input_text(text, named=bool(named), quiet=quiet)
    return anyio.run(
        run_and_show, orchestrator, partial(_anew, orchestrator, ensemble, given, named, options), shown
    )


async def _anew(
    orchestrator: Orchestrator, ensemble: str, text: str | None, named: dict[str, JsonValue],
    options: RunOptions, watch: Watch,
) -> RunResult:  # fmt: skip
    loaded = orchestrator.load(ensemble, model=options.model)
    return await orchestrator.run(loaded, text, named, options, watch)


async def _again(
    orchestrator: Orchestrator, ensemble: str, run: str, options: RunOptions, watch: Watch
) -> RunResult:
    before = orchestrator.runs.find(run)
    file = orchestrator.locate(ensemble).absolute()
    if before.source != str(file):
        raise UsageFailed(f"run {before.run_id} is one of {before.source or before.ensemble}, not of {file}")
    return await orchestrator.resume(before.run_id, options=options, watch=watch)
