"""`runs collect`: past runs as a training set."""

from __future__ import annotations

import json
from pathlib import Path

import click

from llm_orc.cli.numbers import Number
from llm_orc.cli.runs_ab import recorded_name
from llm_orc.cli.times import point_in_time
from llm_orc.cli.write import refuse_unwritable, write_atomically
from llm_orc.errors import NotFound, UsageFailed
from llm_orc.optimize.collecting import Wanted, collect
from llm_orc.orchestrator import Orchestrator


@click.command(
    "collect",
    short_help="Make a training set of runs.",
    epilog="\b\nExample:\n  llm-orc runs collect --ensemble sentiment --min-score 0.8 --output train.jsonl",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), required=True,
              help="The file to write.")  # fmt: skip
@click.option("--ensemble", metavar="NAME", help="Only runs of this ensemble: a name or a file.")
@click.option("--since", callback=point_in_time, metavar="TIME",
              help="Only runs that began since: 7d, 12h, or a date.")  # fmt: skip
@click.option("--min-score", type=Number(0, 1), metavar="X",
              help="Only runs that `feedback` says are worth this much.")  # fmt: skip
@click.option("--rate", type=Number(0, 1, min_open=True), default=1.0, show_default=True,
              help="Draw this share of them.")  # fmt: skip
@click.option("--balance", is_flag=True, help="Take as many of each output.")
@click.option("--limit", type=click.IntRange(1), metavar="N", help="The most rows to write.")
@click.option("--seed", type=int, default=0, show_default=True, help="The same seed draws the same runs.")
@click.option("--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded.")
def collect_runs(
    output: Path, ensemble: str | None, since: float | None, min_score: float | None, rate: float,
    balance: bool, limit: int | None, seed: int, runs: Path | None,
) -> None:  # fmt: skip
    """Write successful runs as rows for `eval` and `optimize`: what was asked, and what was answered.

    Each line is {"id", "inputs", "expected"}, and "score" where there was feedback. Of runs that were given
    the same, the best is taken, else the last. What a model answered is not thereby right: look at the rows,
    or take only those that were found good.
    """
    refuse_unwritable(output)
    orchestrator = Orchestrator(flags={"runs": None if runs is None else str(runs)})
    name = None if ensemble is None else recorded_name(orchestrator, ensemble)
    recorded = orchestrator.runs
    found = recorded.newest(ensemble=name, since=since)
    if not found:
        of = "" if name is None else f" of {name!r}"
        raise NotFound(
            f"no runs{of} are recorded in {recorded.path}", hint="--runs PATH names another journal"
        )
    names = sorted({run.ensemble for run in found})
    if len(names) > 1:
        raise UsageFailed(
            f"these are runs of {len(names)} ensembles: {', '.join(names[:5])}{', …' * (len(names) > 5)}",
            hint="choose one with --ensemble",
        )
    wanted = Wanted(min_score=min_score, rate=rate, balance=balance, limit=limit, seed=seed)
    collected = collect(found, recorded.scores(), wanted)
    write_atomically(output, "".join(f"{json.dumps(row, ensure_ascii=False)}\n" for row in collected.rows))
    left_out = "".join(f", {count} {reason}" for reason, count in collected.left_out.items())
    rows, of = _counted(len(collected.rows), "row"), _counted(len(found), "run")
    click.echo(f"{rows} of {of} written to {output}{left_out}", err=True)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count != 1)}"
