"""`optimize`: find better prompts and examples for an ensemble, prove them, and write them into its file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from llm_orc.cli.datasets import SHIPPED, dataset_file, told_apart, warn_of_leaks
from llm_orc.cli.numbers import Number
from llm_orc.cli.optimize_estimate import show_estimate
from llm_orc.cli.optimize_progress import Progressing
from llm_orc.cli.optimize_tune import Options, Turning, names, refuse_ignored, tune
from llm_orc.cli.signals import search_interrupts
from llm_orc.cli.write import print_json, refuse_unwritable
from llm_orc.domain.text import safe
from llm_orc.errors import OrcError, UsageFailed
from llm_orc.orchestrator import Orchestrator

if TYPE_CHECKING:
    from llm_orc.domain.json import JsonValue
    from llm_orc.optimize.dataset import Split
    from llm_orc.optimize.meter import Limits
    from llm_orc.optimize.search_plan import Effort, GraphStrategy, Plan
    from llm_orc.orchestrator.optimizing import Optimized, Optimizing
    from llm_orc.orchestrator.searching import Wish

_FILE = click.Path(dir_okay=False, path_type=Path)


@click.command(
    epilog="""\b
Examples:
  llm-orc optimize triage.yaml --trainset cases.jsonl --dry-run
  llm-orc optimize triage.yaml --trainset cases.jsonl --teacher openai/gpt-5-mini --max-usd 2
  llm-orc optimize solve.yaml --trainset problems.jsonl --metric numeric --instructions wordings.txt
"""
)
@click.argument("ensemble")
@click.option("--trainset", required=True, metavar="FILE",
              help=f"Rows with known answers, or {SHIPPED}; 30 % of them are held out.")  # fmt: skip
@click.option("--valset", metavar="FILE", help="Rows to choose by.")
@click.option("--testset", metavar="FILE", help="Rows to judge with, looked at once.")
@click.option("--expected", metavar="COLUMN", help="The column that holds the answer.")
@click.option("--metric", default="exact", show_default=True,
              help="As of eval: exact, contains, numeric, json, judge:ENSEMBLE, file.py:f ...")  # fmt: skip
@click.option("--optimizer", default="auto", show_default=True,
              help="labeled, bootstrap, random-search, bootstrap-optuna, copro, miprov2, simba, gepa, "
              'infer-rules, or several: "bootstrap -> gepa".')  # fmt: skip
@click.option("--agents", help="Change these agents only, with commas between.")
@click.option("--graph-strategy", type=click.Choice(["joint", "sequential", "alternating"]),
              default="joint", show_default=True,
              help="Agents together, or one after the other, once or in rounds.")  # fmt: skip
@click.option("--effort", type=click.Choice(["light", "medium", "heavy"]), default="light", show_default=True,
              help="How many candidates are tried.")  # fmt: skip
@click.option("--teacher", metavar="MODEL", help="Makes examples, and proposes prompts.")
@click.option("--proposer", metavar="MODEL", help="Proposes prompts instead of the teacher.")
@click.option("--instructions", type=_FILE, help="Prompts of your own to try: one per line, or JSON.")
@click.option("--demos", type=click.IntRange(0), default=4, show_default=True,
              help="The most examples of an agent that models make.")  # fmt: skip
@click.option("--labeled-demos", type=click.IntRange(0), default=8, show_default=True,
              help="The most examples of an agent in all, filled up from the dataset.")  # fmt: skip
@click.option("--accept", type=Number(0, 1), default=1.0, show_default=True,
              help="The score from which an answer may become an example.")  # fmt: skip
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of split and search.")
@click.option(
    "--concurrency", type=click.IntRange(1), default=8, show_default=True, help="The most rows at once."
)
@click.option("--estimate", is_flag=True, help="Say what it would take; ask no model.")
@click.option("--max-calls", type=click.IntRange(1), help="The most calls of this command.")
@click.option("--max-usd", type=Number(0, min_open=True), help="The most US dollars of it.")
@click.option("--max-seconds", type=Number(0, min_open=True), help="The longest it may take.")
@click.option("--dry-run", is_flag=True, help="Print the change as a diff; write nothing but the report.")
@click.option("--output", type=_FILE, help="Write the changed ensemble here instead of in place.")
@click.option("--export-finetune", "lessons", type=_FILE,
              help="Also write the conversations that went well, for training elsewhere.")  # fmt: skip
@click.option("--tune", metavar="WHAT",
              help="Settings instead of prompts: models,temperature,samples,threshold,demos.")  # fmt: skip
@click.option("--models", metavar="NAMES", help="With --tune models: further models to try.")
@click.option("--trials", type=click.IntRange(2), default=30, show_default=True,
              help="With --tune: how many settings are tried.")  # fmt: skip
@click.option("--pick", type=click.IntRange(1), help="With --tune: write this line of the table.")
@click.option("--json", "as_json", is_flag=True, help="Print the report as JSON.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def optimize(
    ensemble: str, trainset: str, valset: str | None, testset: str | None, expected: str | None,
    metric: str, optimizer: str, agents: str | None, graph_strategy: GraphStrategy, effort: Effort,
    teacher: str | None, proposer: str | None, instructions: Path | None, demos: int, labeled_demos: int,
    accept: float, seed: int, concurrency: int, estimate: bool, max_calls: int | None,
    max_usd: float | None, max_seconds: float | None, dry_run: bool, output: Path | None,
    lessons: Path | None, as_json: bool, quiet: bool, tune: str | None, models: str | None, trials: int,
    pick: int | None,
) -> int:  # fmt: skip
    """Find better prompts and examples for ENSEMBLE with DSPy, and write them into its file.

    The file changes only where the gain is proven on rows that the search never saw. Calls are kept: the same
    command goes on where it was stopped, and pays for nothing twice.
    """
    from llm_orc.optimize.meter import Limits
    from llm_orc.orchestrator.searching import Wish

    for file in (output, lessons):
        if file is not None:
            refuse_unwritable(file)
    if agents is not None and not names(agents):
        raise UsageFailed("--agents names none", hint="leave it out to change all of them")
    refuse_ignored(click.get_current_context())
    options = Options(
        trainset=trainset, valset=valset, testset=testset, expected=expected, metric=metric,
        estimate=estimate, dry_run=dry_run, output=output, lessons=lessons, as_json=as_json, quiet=quiet,
        tuning=None if tune is None else Turning(names(tune), names(models), trials, pick),
    )  # fmt: skip
    wish = Wish(
        optimizer=optimizer, graph_strategy=graph_strategy, effort=effort, seed=seed, at_once=concurrency,
        accept=accept, demos=demos, labeled=labeled_demos, teacher=teacher, proposer=proposer,
        instructions=instructions,
    )  # fmt: skip
    limits = Limits(calls=max_calls, usd=max_usd, seconds=max_seconds)
    return anyio.run(_optimize, ensemble, names(agents), wish, limits, options)


async def _optimize(ensemble: str, named: Sequence[str], wish: Wish, limits: Limits, options: Options) -> int:
    from llm_orc.orchestrator.open_agents import unused_labels
    from llm_orc.orchestrator.optimized import record
    from llm_orc.orchestrator.optimizing import Optimizing, parted
    from llm_orc.orchestrator.searching import plan_of

    async with Orchestrator() as orchestrator:
        optimizing = Optimizing(orchestrator, ensemble, named)
        if options.writes_in_place:
            optimizing.refuse_shipped()
        _tell(optimizing.notes)
        if options.tuning is None:
            await optimizing.freeze_models()
        rows, validation, held_out = (
            () if file is None else told_apart(optimizing.rows(dataset_file(file), options.expected), file)
            for file in (options.trainset, options.valset, options.testset)
        )
        _tell(unused_labels(optimizing.ensemble, optimizing.agents, rows))
        parts = parted(rows, wish.seed, validation, held_out)
        warn_of_leaks(parts)
        if options.tuning is not None:
            return await tune(optimizing, parts, wish, limits, options)
        plan = plan_of(wish, orchestrator, optimizing.agents, len(rows) + len(validation) + len(held_out))
        if options.estimate:
            return await _estimate(optimizing, plan, parts, limits, options)
        optimizing.original.refuse_unwritable(
            optimizing.ensemble, plan, in_place=options.writes_in_place, output=options.output
        )
        folder = optimizing.folder(plan, parts, options.metric)
        # What a metric prints is no result.
        with (
            search_interrupts(orchestrator.grace_seconds) as interrupt,
            Progressing(options.quiet) as told,
            redirect_stdout(sys.stderr),
        ):
            found = await optimizing.run(plan, parts, options.metric, folder, limits, told, interrupt)
        report = record(found, plan, orchestrator.project)
        return _deliver(found, report, optimizing.path, orchestrator.project, options)


def _tell(notes: Sequence[str]) -> None:
    for note in notes:
        click.echo(f"note: {safe(note)}", err=True)


async def _estimate(
    optimizing: Optimizing, plan: Plan, parts: Split, limits: Limits, options: Options
) -> int:
    found = await optimizing.estimate(plan, parts, limits)
    chain = " -> ".join(plan.chain)
    show_estimate(chain, parts, found, {"optimizer": chain}, options.as_json)
    return 0


def _deliver(
    found: Optimized, report: dict[str, JsonValue], path: Path, project: Path, options: Options
) -> int:
    from llm_orc.orchestrator.optimized import write_lessons

    refused = found.refused if found.findings.verdict == "better" else None
    if found.findings.verdict == "better" and not options.dry_run and refused is None:
        refused = _refused(found, path, options)
    _show(found, report, path, project, options, refused)
    if options.lessons is not None:
        count = write_lessons(found, options.lessons)
        click.echo(f"{count} conversations are in {options.lessons}; training weights on them is done "
                   "elsewhere", err=True)  # fmt: skip
    stop = found.findings.stop
    if refused is not None:
        _complain(refused.message, refused.hint)
        return 1
    if stop is None:
        return 0
    _complain(stop.message, stop.hint)
    return stop.exit_code


def _complain(message: str, hint: str) -> None:
    click.echo(f"error: {safe(message)}", err=True)
    if hint:
        click.echo(f"hint: {safe(hint)}", err=True)


def _refused(found: Optimized, path: Path, options: Options) -> OrcError | None:
    """Write the files; why that cannot be done, where it cannot."""
    from llm_orc.orchestrator.optimized import write_beside, write_in_place

    try:
        if options.output is None:
            write_in_place(found.changes)
        else:
            write_beside(found.changes, path, options.output)
    except OrcError as error:
        return error
    return None


def _show(
    found: Optimized,
    report: dict[str, JsonValue],
    path: Path,
    project: Path,
    options: Options,
    refused: OrcError | None,
) -> None:
    from llm_orc.optimize.findings import summary
    from llm_orc.orchestrator.optimized import diff_of

    if options.as_json:
        print_json(report)
        return
    # With --dry-run standard output is a patch, or nothing where no gain is proven.
    for line in summary(report, found.findings):
        click.echo(safe(line), err=options.dry_run)
    click.echo(_written(found, path, options, refused), err=options.dry_run)
    if options.dry_run and found.findings.verdict == "better" and refused is None:
        click.echo(diff_of(found.changes, project), nl=False)


def _written(found: Optimized, path: Path, options: Options, refused: OrcError | None) -> str:
    """What became of the file."""
    proven = found.findings.verdict == "better" and refused is None
    kept = ""
    if found.changes:
        kept = f"the best candidate is {found.folder / f'best.{found.changes[-1].path.name}'}"
    changed = ", ".join(_near(change.path) for change in found.changes)
    if proven and options.dry_run:
        return f"{changed} would change; nothing was written"
    if proven:
        return f"written: {options.output or changed}; the report is {found.folder / 'report.md'}"
    return f"{path} is unchanged; " + (kept or f"the report is {found.folder / 'report.md'}")


def _near(path: Path) -> str:
    """As seen from here."""
    whole = path.absolute()
    return str(whole.relative_to(Path.cwd()) if whole.is_relative_to(Path.cwd()) else path)
