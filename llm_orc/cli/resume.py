"""`runs resume`: go on with a run that was recorded."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import anyio
import click

from llm_orc.cli.limits import budget_of, limit_flags, policy_of
from llm_orc.cli.showing import FORMATS, Format, Shown, run_and_show
from llm_orc.cli.write import refuse_unwritable
from llm_orc.domain.json import JsonValue
from llm_orc.domain.outcome import RunResult
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.options import RunOptions
from llm_orc.orchestrator.running import Watch


@click.command(
    "resume",
    short_help="Go on with a run that did not end well.",
    epilog="\b\nExample:\n  llm-orc runs resume last --max-usd 2",
)
@click.argument("run")
@click.option("--force", is_flag=True, help="Also where the ensemble's file has changed: the new one is run.")
@limit_flags
@click.option("--output-format", type=click.Choice(FORMATS), help="As for invoke.")
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="Write the result to a file instead of standard output.")  # fmt: skip
@click.option("--trace", metavar="WHERE", help="As for invoke.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
@click.option("--verbose", is_flag=True, help="More progress: starts, calls, logs of scripts.")
@click.option("--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded.")
def resume_run(
    run: str, force: bool, max_usd: float | None, max_tokens: int | None, max_calls: int | None,
    max_seconds: float | None, strict_budget: bool, retries: int | None, no_cache: bool,
    output_format: Format | None, output: Path | None, quiet: bool, verbose: bool, runs: Path | None,
    trace: str | None,
) -> int:  # fmt: skip
    """Go on with RUN, whatever ended it: every answer that it has is taken from the journal.

    Its input and flags are those of before, unless flags are given here: a higher limit, say. A file that
    has changed is shown as a diff and refused without --force.
    """
    if output is not None:
        refuse_unwritable(output)
    options = RunOptions(
        max_seconds=max_seconds,
        policy=policy_of(retries, no_cache=no_cache),
        budget=budget_of(max_usd, max_tokens, max_calls, strict=strict_budget),
    )
    flags: dict[str, JsonValue] = {
        "output_format": output_format,
        "runs": None if runs is None else str(runs),
        "trace": trace,
    }
    orchestrator = Orchestrator(flags=flags, runs=True)
    again = partial(_again, orchestrator, run, options, force)
    return anyio.run(run_and_show, orchestrator, again, Shown(output=output, quiet=quiet, verbose=verbose))


async def _again(
    orchestrator: Orchestrator, run: str, options: RunOptions, force: bool, watch: Watch
) -> RunResult:
    return await orchestrator.resume(run, options=options, force=force, watch=watch)
