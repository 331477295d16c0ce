"""`runs cost`: what was spent, and what was saved."""

from __future__ import annotations

import csv
import sys
from pathlib import Path
from typing import cast, get_args

import click

from llm_orc.cli.times import point_in_time
from llm_orc.cli.write import print_json, print_table
from llm_orc.domain.spending import Costs, Key, Saving, Spending, costs_json
from llm_orc.domain.text import dollars
from llm_orc.errors import UsageFailed
from llm_orc.orchestrator.recorded import recorded_runs

_WAYS = {
    "caching": ("caching", "answers"),
    "early_stopping": ("early stopping", "samples"),
    "cascading": ("cascading", "stops before the last model"),
}
_NUMBERS = ("runs", "calls", "failed", "input_tokens", "output_tokens", "cost_usd", "unpriced")


@click.command(
    "cost",
    short_help="Show what was spent and saved.",
    epilog="""\b
Examples:
  llm-orc runs cost --by model --since 7d
  llm-orc runs cost --by day --by ensemble --csv
""",
)
@click.option("--by", multiple=True, type=click.Choice(get_args(Key)), default=("model",), show_default=True,
              help="What to sum over. Repeatable.")  # fmt: skip
@click.option("--ensemble", metavar="NAME", help="Only runs of this ensemble.")
@click.option("--since", callback=point_in_time, metavar="TIME",
              help="Only calls that began since: 7d, 12h, or a date.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--csv", "as_csv", is_flag=True, help="Print comma-separated values, without the total.")
@click.option("--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded.")
def cost(
    by: tuple[str, ...], ensemble: str | None, since: float | None, as_json: bool, as_csv: bool,
    runs: Path | None,
) -> None:  # fmt: skip
    """Show what calls of models cost, and what caching, early stopping and cascading saved.

    A model without a price has no known cost: such calls are counted apart and never taken for free. With "at
    least", some calls of a line have no known cost.
    """
    if as_json and as_csv:
        raise UsageFailed("JSON or CSV?", hint="give --json or --csv, not both")
    keys = cast("tuple[Key, ...]", tuple(dict.fromkeys(by)))
    costs = recorded_runs(runs).costs(keys, since=since, ensemble=ensemble)
    if as_json:
        print_json(costs_json(costs))
    elif as_csv:
        _print_csv(costs)
    else:
        _print(costs)


def _print(costs: Costs) -> None:
    titles = (*costs.by, "runs", "calls", "failed", "tokens in", "tokens out", "cost", "without price")
    total = ["total", *[""] * (len(costs.by) - 1), *_cells(costs.total)]
    print_table(titles, [*([*row.keys, *_cells(row)] for row in costs.rows), total])
    click.echo()
    for each in costs.saved:
        click.echo(_saved(each))
    if costs.silent:
        click.echo(f"{costs.silent} runs keep no content: what strategies saved in them is not known")


def _cells(row: Spending) -> list[str]:
    usage = row.usage
    return [
        str(row.runs), str(row.calls), str(row.failed), str(usage.input_tokens), str(usage.output_tokens),
        _cost(row), str(row.unpriced) if row.unpriced else "-",
    ]  # fmt: skip


def _cost(row: Spending) -> str:
    if row.cost_usd is None:
        return "unknown" if row.unpriced else "$0"
    return f"at least {dollars(row.cost_usd)}" if row.unpriced else dollars(row.cost_usd)


def _saved(saving: Saving) -> str:
    name, unit = _WAYS[saving.way]
    sign = "-" if saving.cost_usd < 0 else ""
    line = f"saved by {name}: {sign}{dollars(abs(saving.cost_usd))} ({saving.count} {unit}"
    return f"{line}, {saving.unknown} of them at an unknown price)" if saving.unknown else f"{line})"


def _print_csv(costs: Costs) -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow((*costs.by, *_NUMBERS))
    for row in costs.rows:
        usage = row.usage
        cost_usd = "" if row.cost_usd is None else row.cost_usd
        writer.writerow((*row.keys, row.runs, row.calls, row.failed, usage.input_tokens, usage.output_tokens,
                         cost_usd, row.unpriced))  # fmt: skip
