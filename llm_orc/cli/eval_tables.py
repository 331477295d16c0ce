"""An evaluation for people: its rows, what they come to, and what can be said of it."""

from __future__ import annotations

from collections.abc import Sequence

import click

from llm_orc.cli.write import print_table
from llm_orc.domain.text import dollars, one_line, safe, seconds
from llm_orc.optimize.confusion import Confusion, confusion_of
from llm_orc.optimize.evaluation import Evaluation, ScoredRow
from llm_orc.optimize.report import Report, agent_scores, claim, compared, interval_of, score_of
from llm_orc.optimize.sequential import Betting
from llm_orc.optimize.statistics import LEAST_ROWS, Difference, detectable, needed

_ANSWER, _OUTPUT, _NOTE = 24, 40, 60


def print_report(report: Report) -> None:
    """Print all of it."""
    evaluations = report.evaluations
    if len(evaluations) == 1:
        _print_rows(evaluations[0])
    else:
        _print_scores(evaluations)
    click.echo()
    _print_summary(evaluations, report.seed)
    for evaluation in evaluations:
        confusion = confusion_of(evaluation.rows)
        if confusion is not None:
            _print_confusion(evaluation.name, confusion)
    click.echo()
    if report.interrupted:
        click.echo("interrupted: what was finished is shown")
    if report.betting is not None:
        _print_race(report, report.betting)
    else:
        _print_comparisons(report)


def _print_comparisons(report: Report) -> None:
    if any(len(each.rows) < LEAST_ROWS for each in report.evaluations):
        click.echo(f"with fewer than {LEAST_ROWS} rows nothing is claimed: these are numbers, not findings")
    for one, two, apart, p in compared(report.evaluations, report.seed):
        click.echo(safe(f"{two.name} against {one.name}: {_said(apart, p)}"))
    for each in report.regressions:
        unpaired = f"; {each.unpaired} rows are in one of the two only" if each.unpaired else ""
        click.echo(safe(f"{each.name} against the baseline: {_said(each.apart, each.apart.p)}{unpaired}"))


def _print_rows(evaluation: Evaluation) -> None:
    titles = ("row", "score", "expected", "output", "tokens", "cost", "took", "")
    print_table(titles, [_row(row) for row in evaluation.rows])


def _row(row: ScoredRow) -> list[str]:
    return [
        row.row.id,
        f"{row.score:.2f}",
        "-" if row.row.expected is None else one_line(row.row.expected, _ANSWER),
        "-" if row.output is None else one_line(row.output, _OUTPUT),
        f"{row.usage.input_tokens}+{row.usage.output_tokens}",
        dollars(row.cost_usd),
        seconds(row.seconds),
        one_line(row.error.message if row.error is not None else row.feedback, _NOTE),
    ]


def _print_scores(evaluations: Sequence[Evaluation]) -> None:
    """A column per candidate."""
    found = [{row.row.id: row for row in each.rows} for each in evaluations]
    rows = list({row.row.id: row.row for each in evaluations for row in each.rows}.values())
    table = [
        [
            row.id,
            "-" if row.expected is None else one_line(row.expected, _ANSWER),
            *(_score(scored.get(row.id)) for scored in found),
        ]
        for row in rows
    ]
    print_table(("row", "expected", *(each.name for each in evaluations)), table)


def _score(row: ScoredRow | None) -> str:
    if row is None:
        return "-"
    return "failed" if row.error is not None else f"{row.score:.2f}"


def _print_summary(evaluations: Sequence[Evaluation], seed: int) -> None:
    titles = ("ensemble", "score", "95 % interval", "rows", "failed", "tokens", "cost", "took in all")
    table = []
    for each in evaluations:
        score, interval = score_of(each), interval_of(each, seed)
        table.append([
            each.name,
            "-" if score is None else f"{score:.4f}",
            "-" if interval is None else f"{interval[0]:.4f} to {interval[1]:.4f}",
            str(len(each.rows)) if len(each.rows) == each.asked else f"{len(each.rows)} of {each.asked}",
            str(len(each.failed)),
            f"{each.usage.input_tokens}+{each.usage.output_tokens}",
            dollars(each.cost_usd),
            seconds(sum(row.seconds for row in each.rows)),
        ])  # fmt: skip
    print_table(titles, table)
    for each in evaluations:
        for agent, value in agent_scores(each).items():
            click.echo(safe(f"agent {agent} of {each.name}: {value:.4f}"))


def _print_confusion(name: str, confusion: Confusion) -> None:
    found = list(dict.fromkeys((*confusion.classes, *(got for _, got in confusion.counts))))
    click.echo(safe(f"\n{name}: rows by expected class, columns by what was answered"))
    table = []
    for wanted in confusion.classes:
        precision = confusion.precision(wanted)
        counts = [str(confusion.counts.get((wanted, got), 0)) for got in found]
        parts = ("-" if precision is None else f"{precision:.2f}", f"{confusion.recall(wanted):.2f}")
        table.append([wanted, *counts, *parts, f"{confusion.f1(wanted):.2f}"])
    print_table(("", *found, "precision", "recall", "F1"), table)
    click.echo(f"macro F1 {confusion.macro_f1:.4f}")


def _said(apart: Difference, p: float | None) -> str:
    counts = f"{apart.better} better, {apart.worse} worse of {apart.rows} rows"
    if p is None or apart.low is None or apart.high is None:
        return f"{apart.mean:+.4f}, {counts}"
    known = {"better": "better", "worse": "worse", "unknown": "no difference beyond chance"}
    text = (
        f"{apart.mean:+.4f} [{apart.low:+.4f}, {apart.high:+.4f}], p = {p:.2g} ({apart.test}), "
        f"{counts}: {known[str(claim(apart.mean, p))]}"
    )
    if p >= 0.05 and apart.spread:
        text += f"; {apart.rows} rows show {detectable(apart.spread, apart.rows):.3f} or more"
        if apart.mean:
            text += f", this much takes {needed(apart.spread, abs(apart.mean))} rows"
    return text


def _print_race(report: Report, betting: Betting) -> None:
    first, second = (each.name for each in report.evaluations)
    low, high = betting.interval
    said = {
        "better": f"{second} is better than {first}",
        "worse": f"{first} is better than {second}",
        "": f"not known whether {first} or {second} is better",
    }[betting.verdict]
    if betting.within(report.tolerance):
        said = f"{first} and {second} differ by at most {report.tolerance:g}"
    click.echo(
        safe(
            f"{said}: difference in [{low:+.2f}, {high:+.2f}], evidence {betting.evidence:.3g}, "
            f"where 20 is enough, after {betting.rows} of {report.evaluations[0].asked} rows"
        )
    )
