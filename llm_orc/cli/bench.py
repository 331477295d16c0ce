"""`bench`: compare routers and strategies."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from llm_orc.cli.numbers import Number
from llm_orc.cli.write import print_table
from llm_orc.domain.json import JsonValue
from llm_orc.orchestrator import Orchestrator

if TYPE_CHECKING:
    from llm_orc.domain.plan import RoutingSettings

SEARCHES = ("bootstrap", "random-search", "miprov2", "simba")
WORKLOADS = ("workflow", "code_math_mix", "agentic", "random")
_COLUMNS = (
    "router", "of_clairvoyant", "of_clairvoyant_95_of_jobs", "quality", "cost_per_task", "loads_per_job",
    "jobs_over_the_room",
)  # fmt: skip


@click.group(epilog="\b\nExample:\n  llm-orc bench routing --seeds 2")
def bench() -> None:
    """Measure how good routers and strategies are."""


@bench.command(
    epilog="""\b
Examples:
  llm-orc bench routing --seeds 2
  llm-orc bench routing --on-models --problems 20
"""
)
@click.option("--workload", "workloads", type=click.Choice(WORKLOADS), multiple=True,
              help="Which jobs; all when none is named. Repeatable.")  # fmt: skip
@click.option("--seeds", type=click.IntRange(1, 1000), default=16, show_default=True,
              help="Worlds per workload and room.")  # fmt: skip
@click.option("--lambda-token", type=Number(0), help="What tokens cost against quality.")
@click.option("--lambda-switch", type=Number(0), help="What loading costs against quality.")
@click.option("--planner", metavar="MODEL", help="Also have this model plan; asks it once or twice per step.")
@click.option("--on-models", is_flag=True, help="Also carry out the workflow on the embedded models.")
@click.option("--problems", type=click.IntRange(10, 120), default=120, show_default=True,
              help="How many problems with --on-models.")  # fmt: skip
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("bench-routing"),
              show_default=True, help="Where the report goes.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report.")
def routing(
    workloads: Sequence[str], seeds: int, lambda_token: float | None, lambda_switch: float | None,
    planner: str | None, on_models: bool, problems: int, out: Path, as_json: bool,
) -> None:  # fmt: skip
    """Compare routers on simulated jobs, whose best possible plan is known, and on real models.

    Writes report.json, report.csv and pareto.svg. The simulation asks no model and costs nothing.
    """
    from llm_orc.bench.routing import report
    from llm_orc.bench.written import write
    from llm_orc.domain.plan import RoutingSettings

    usual = RoutingSettings()
    settings = RoutingSettings(
        lambda_token=usual.lambda_token if lambda_token is None else lambda_token,
        lambda_switch=usual.lambda_switch if lambda_switch is None else lambda_switch,
    )
    found = report(seeds, workloads or WORKLOADS, settings)
    rows = _rows(found["true_estimates"])
    if planner is not None:
        rows.append(anyio.run(_planned, planner, seeds, workloads or WORKLOADS, settings))
        found["true_estimates"] = rows
    if on_models:
        found["on_models"] = anyio.run(_on_models, problems)
    files = write(out, found, rows)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    click.echo(f"{found['jobs']} jobs, true estimates; utility as a share of the best possible")
    _print(rows, _COLUMNS)
    for row in rows:
        if isinstance(row.get("fallbacks"), float):
            click.echo(
                f"{row['router']}: {row['fallbacks']:.0%} of its plans could not be used; lp planned those"
            )
    click.echo("\nlp at horizon 2, utility per task less that of others, job by job")
    _print(_rows(found["paired"]), ("against", "difference_per_task", "interval", "better", "worse", "jobs"))
    if on_models:
        click.echo("\nthe workflow on embedded models, against always asking the largest")
        _print(
            _rows(found["on_models"]),
            ("router", "quality", "reported", "difference", "interval", "saved", "models"),
        )
    click.echo(f"\nwritten: {', '.join(str(file) for file in files)}")


@bench.command(
    epilog="""\b
Examples:
  llm-orc bench strategies --problems 10
  llm-orc bench strategies --models tiny-small,tiny-medium,tiny-large --problems 120
"""
)
@click.option("--models", default="tiny-small,tiny-medium,tiny-large", show_default=True,
              help="A small, a middle and a large model.")  # fmt: skip
@click.option("--dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help='Problems of yours: {"question": ..., "answer": ...} per line.')  # fmt: skip
@click.option("--problems", type=click.IntRange(10), default=120, show_default=True, help="How many.")
@click.option("--out", type=click.Path(file_okay=False, path_type=Path), default=Path("bench-strategies"),
              show_default=True, help="Where the report goes.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print the report.")
def strategies(models: str, dataset: Path | None, problems: int, out: Path, as_json: bool) -> None:
    """Measure strategies on problems with known answers: accuracy, samples, tokens, cost, time.

    With hosted models this costs money: about 250 answers per problem. Writes report.json.
    """
    from llm_orc.bench.strategies import measure, problems_of

    chosen = problems_of(dataset, problems)
    names = [name.strip() for name in models.split(",")]

    async def run() -> list[dict[str, JsonValue]]:
        async with Orchestrator() as orchestrator:
            return await measure(orchestrator, names, chosen, lambda line: click.echo(line, err=True))

    rows = anyio.run(run)
    out.mkdir(parents=True, exist_ok=True)
    report = {"problems": len(chosen), "models": names, "ways": rows}
    (out / "report.json").write_text(json.dumps(report, indent=2) + "\n", encoding="utf-8")
    if as_json:
        click.echo(json.dumps(report, indent=2))
        return
    columns = (
        "way",
        "accuracy",
        "difference",
        "interval",
        "samples",
        "samples_saved",
        "cost_saved",
        "tokens",
    )
    _print([{column: row.get(column, "") for column in columns} for row in rows], columns)
    click.echo(f"\nwritten: {out / 'report.json'}")


@bench.command(
    epilog="""\b
Example:
  llm-orc bench mux --models tiny-small,tiny-medium --problems 10
"""
)
@click.option("--models", required=True, help="Two or more small models, with commas between.")
@click.option("--samples", type=click.IntRange(2), default=5, show_default=True, help="Samples per question.")
@click.option("--dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path),
              help='Problems of yours: {"question": ..., "answer": ...} per line.')  # fmt: skip
@click.option("--problems", type=click.IntRange(10), default=60, show_default=True, help="How many.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def mux(models: str, samples: int, dataset: Path | None, problems: int, as_json: bool) -> None:
    """Find the pair or triple of models that complement each other best for strategy `mux`.

    Each question is drawn once per model; every combination is judged on the same answers.
    """
    from llm_orc.bench.mux_search import search
    from llm_orc.bench.strategies import problems_of

    rows = problems_of(dataset, problems)

    async def run() -> list[dict[str, JsonValue]]:
        async with Orchestrator() as orchestrator:
            chosen = [orchestrator.model(name.strip()) for name in models.split(",")]
            return await search(orchestrator, chosen, rows, samples)

    found = anyio.run(run)
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    _print(found, ("models", "accuracy", "right_one_among_them", "over_best_alone", "interval"))


@bench.command(
    "optimize",
    epilog="""\b
Examples:
  llm-orc bench optimize --task "made-up labels" --optimizer bootstrap
  llm-orc bench optimize --json > gains.json
""",
)
@click.option("--task", "tasks", multiple=True, help="Which task; all when none is named. Repeatable.")
@click.option("--optimizer", "optimizers", type=click.Choice(SEARCHES), multiple=True,
              help="Which optimizer; all when none is named. Repeatable.")  # fmt: skip
@click.option("--rows", type=click.IntRange(20), help="Only so many rows per task.")
@click.option("--seed", type=click.IntRange(0), default=0, show_default=True, help="Of split and search.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def optimizers_(
    tasks: Sequence[str], optimizers: Sequence[str], rows: int | None, seed: int, as_json: bool
) -> None:
    """Measure what optimizing gains on the embedded models, on rows that were held out.

    Each task starts from a poor prompt or poor examples. Where there is a next larger model, the optimized
    small one is compared with it as it is.
    """
    from llm_orc.bench.optimizing import measure

    found = anyio.run(
        measure, tasks, optimizers or SEARCHES, rows, seed, lambda line: click.echo(line, err=True)
    )
    if as_json:
        click.echo(json.dumps(found, indent=2))
        return
    columns = ("task", "optimizer", "before", "after", "difference", "interval", "p", "calls", "verdict",
               "larger_unoptimized", "small_over_larger")  # fmt: skip
    _print(found, columns)


async def _planned(
    name: str, seeds: int, workloads: Sequence[str], settings: RoutingSettings
) -> dict[str, JsonValue]:
    from llm_orc.bench.routing import planned

    async with Orchestrator() as orchestrator:
        router = orchestrator.planner(name)
        return await planned(router, f"planner {name}", seeds, workloads, settings)


async def _on_models(problems: int) -> list[dict[str, JsonValue]]:
    from llm_orc.bench.on_models import LAMBDA_TOKEN, compare

    async with Orchestrator() as orchestrator:
        return await compare(orchestrator, problems, LAMBDA_TOKEN)


def _rows(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [dict(row) for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _print(rows: Sequence[dict[str, JsonValue]], columns: Sequence[str]) -> None:
    table = [[_shown(row[column]) for column in columns] for row in rows]
    print_table([column.replace("_", " ") for column in columns], table)


def _shown(value: JsonValue) -> str:
    if isinstance(value, float):
        return f"{value:.4f}"
    if isinstance(value, list):
        return " to ".join(_shown(item) for item in value)
    return str(value)
