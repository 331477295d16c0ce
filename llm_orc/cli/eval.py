"""`eval`: score ensembles on rows with known answers."""

from __future__ import annotations

import socket
import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from time import time

import anyio
import click

from llm_orc.cli.datasets import SHIPPED, dataset_file, told_apart
from llm_orc.cli.eval_tables import print_report
from llm_orc.cli.numbers import Number
from llm_orc.cli.signals import search_interrupts
from llm_orc.cli.write import print_json, refuse_unwritable, write_atomically
from llm_orc.domain.json import JsonValue
from llm_orc.domain.text import one_line, safe
from llm_orc.errors import UsageFailed
from llm_orc.optimize.dataset import Row, shuffled
from llm_orc.optimize.evaluation import Evaluation, ScoredRow, evaluate, race
from llm_orc.optimize.gate import Baseline, read_baseline, reasons, regression
from llm_orc.optimize.junit import junit
from llm_orc.optimize.metrics import Metric
from llm_orc.optimize.over_rows import AT_ONCE
from llm_orc.optimize.report import Report, exit_code, report_json
from llm_orc.optimize.sequential import Betting
from llm_orc.optimize.stopping import Interrupt
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.evaluating import Candidate, candidates, invoking, metric_for, rows_for

_STEPS = 10
_TOLD = 5


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the flags say."""

    ensembles: tuple[str, ...]
    models: tuple[str, ...]
    dataset: str
    metric: str
    expected: str | None
    limit: int | None
    seed: int | None
    at_once: int
    tolerance: float | None
    ab: bool
    quiet: bool


@click.command(
    "eval",
    epilog="""\b
Examples:
  llm-orc eval quickstart --dataset word-problems --metric numeric --limit 20
  llm-orc eval hello --dataset word-problems --metric numeric --model tiny-medium --model tiny-large
  llm-orc eval review.yaml --dataset cases.jsonl --metric judge:grader --baseline before.json
""",
)
@click.argument("ensembles", metavar="ENSEMBLE...", nargs=-1, required=True)
@click.option("--dataset", required=True, metavar="FILE",
              help=f"JSONL, JSON, CSV, Parquet, a saved Hugging Face dataset, or {SHIPPED}.")  # fmt: skip
@click.option("--metric", required=True, help="exact, contains, numeric[:TOLERANCE], f1, json, "
              "regex[:PATTERN], math, judge:ENSEMBLE, or file.py:function.")  # fmt: skip
@click.option("--expected", metavar="COLUMN", help="The column that holds the answer.")
@click.option("--model", "models", multiple=True, metavar="NAME",
              help="The model of every agent. Repeat it to compare several.")  # fmt: skip
@click.option("--limit", type=click.IntRange(1), help="Only so many rows: the same ones each time.")
@click.option(
    "--seed", type=click.IntRange(0), help="Seed of every agent that sets none, and of what is drawn."
)
@click.option("--concurrency", type=click.IntRange(1), default=AT_ONCE, show_default=True,
              help="The most rows at once.")  # fmt: skip
@click.option("--min-score", type=Number(0, 1), help="Exit code 1 below this mean score.")
@click.option("--baseline", type=click.Path(dir_okay=False, path_type=Path),
              help="What --json printed before; exit code 1 when worse beyond chance.")  # fmt: skip
@click.option("--tolerance", type=Number(0, 1),
              help="Fail also when worse than the baseline by more; with --ab: what is equal.")  # fmt: skip
@click.option("--ab", is_flag=True, help="Compare two, and stop as soon as it is known which is better.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--junit", "junit_file", type=click.Path(dir_okay=False, path_type=Path),
              help="Also write JUnit XML.")  # fmt: skip
@click.option("--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded.")
@click.option("--quiet", is_flag=True, help="No progress on standard error.")
def eval_(
    ensembles: tuple[str, ...], dataset: str, metric: str, expected: str | None, models: tuple[str, ...],
    limit: int | None, seed: int | None, concurrency: int, min_score: float | None, baseline: Path | None,
    tolerance: float | None, ab: bool, as_json: bool, junit_file: Path | None, runs: Path | None, quiet: bool,
) -> int:  # fmt: skip
    """Run each ENSEMBLE on every row of a dataset and score what it answers.

    A row is {"input": ..., "expected": ...}; other names are understood too. Several ensembles or models are
    compared row by row. A row that fails counts 0 and makes the exit code 1.
    """
    options = Options(
        ensembles=ensembles, models=models, dataset=dataset, metric=metric, expected=expected, limit=limit,
        seed=seed, at_once=concurrency, tolerance=tolerance, ab=ab, quiet=quiet,
    )  # fmt: skip
    if ab and baseline is not None:
        raise UsageFailed("--ab and --baseline: one of them")
    if tolerance is not None and not ab and baseline is None:
        raise UsageFailed("--tolerance is for --baseline and --ab", hint="give one of them, or leave it out")
    if junit_file is not None:
        refuse_unwritable(junit_file)
    before = None if baseline is None else read_baseline(baseline, metric)
    began = time()
    flags: dict[str, JsonValue] = {"runs": None if runs is None else str(runs)}
    with redirect_stdout(sys.stderr):  # what a metric prints is no result
        evaluations, betting, interrupted = anyio.run(
            _evaluate, Orchestrator(flags=flags, runs=True), options
        )
    report = _report(options, evaluations, before, min_score)
    report = replace(report, betting=betting, interrupted=interrupted)
    if junit_file is not None:
        write_atomically(junit_file, junit(evaluations, metric, began, socket.gethostname()))
    if as_json:
        print_json(report_json(report))
    else:
        print_report(report)
    for reason in report.failures:
        click.echo(f"error: {safe(reason)}", err=True)
    return exit_code(report)


async def _evaluate(
    orchestrator: Orchestrator, options: Options
) -> tuple[tuple[Evaluation, ...], Betting | None, bool]:
    async with orchestrator:
        compared = candidates(orchestrator, options.ensembles, options.models)
        if options.ab and len(compared) != 2:
            raise UsageFailed(f"--ab compares two, and here are {len(compared)}")
        rows = _chosen(rows_for(compared, dataset_file(options.dataset), expected=options.expected), options)
        metric = await metric_for(options.metric, orchestrator, rows, seed=options.seed)
        with search_interrupts(orchestrator.grace_seconds) as interrupt:
            if options.ab:
                both, betting = await _race(orchestrator, compared, rows, metric, options, interrupt)
                return both, betting, interrupt.asked.is_set()
            found = []
            for candidate in compared:
                invoke = invoking(orchestrator, candidate.ensemble, seed=options.seed)
                told = (lambda row: None) if options.quiet else _Progress(candidate.name, len(rows))
                found.append(
                    await evaluate(
                        candidate.name, rows, invoke, metric,
                        at_once=options.at_once, told=told, interrupt=interrupt,
                    )
                )  # fmt: skip
            return tuple(found), None, interrupt.asked.is_set()


async def _race(
    orchestrator: Orchestrator,
    compared: Sequence[Candidate],
    rows: Sequence[Row],
    metric: Metric,
    options: Options,
    interrupt: Interrupt,
) -> tuple[tuple[Evaluation, ...], Betting]:
    def told(count: int, evidence: float) -> None:
        if not options.quiet and (count % _STEPS == 0 or count == len(rows)):
            click.echo(f"{count}/{len(rows)} rows, evidence {evidence:.3g}", err=True)

    one, two = ((c.name, invoking(orchestrator, c.ensemble, seed=options.seed)) for c in compared)
    *both, betting = await race(
        one, two, shuffled(rows, options.seed or 0), metric,
        tolerance=options.tolerance, at_once=options.at_once, told=told, interrupt=interrupt,
    )  # fmt: skip
    return (both[0], both[1]), betting


def _report(
    options: Options,
    evaluations: tuple[Evaluation, ...],
    before: Baseline | None,
    min_score: float | None,
) -> Report:
    seed = options.seed or 0
    finished = [each for each in evaluations if each.rows]
    found = [] if before is None else [regression(before, each, seed) for each in finished]
    by_name = {each.name: each for each in found}
    failures = [
        reason
        for each in evaluations
        for reason in reasons(
            each, min_score=min_score, found=by_name.get(each.name), tolerance=options.tolerance
        )
    ]
    return Report(
        dataset=options.dataset, metric=options.metric, seed=seed, tolerance=options.tolerance,
        evaluations=evaluations, regressions=tuple(found), failures=tuple(failures),
    )  # fmt: skip


def _chosen(rows: tuple[Row, ...], options: Options) -> tuple[Row, ...]:
    """A sample in the order of the file, so that of a file in order of difficulty not the easy ones are
    taken."""
    rows = told_apart(rows, options.dataset)
    if options.limit is None:
        return rows
    chosen = {row.id for row in shuffled(rows, options.seed or 0)[: options.limit]}
    return tuple(row for row in rows if row.id in chosen)


class _Progress:
    """A line on standard error for each of the first rows that fail, and for each tenth of the rows."""

    def __init__(self, name: str, rows: int) -> None:
        self._name, self._rows = name, rows
        self._done, self._failed, self._score = 0, 0, 0.0

    def __call__(self, row: ScoredRow) -> None:
        self._done += 1
        self._score += row.score
        if row.error is not None:
            self._failed += 1
            if self._failed <= _TOLD:
                said = one_line(row.error.message, 200)
                click.echo(f"{self._name}: row {row.row.id} failed: {said}", err=True)
        if self._done * _STEPS // self._rows > (self._done - 1) * _STEPS // self._rows:
            score = self._score / self._done
            click.echo(f"{self._name}: {self._done}/{self._rows} rows, score {score:.3f} so far", err=True)
