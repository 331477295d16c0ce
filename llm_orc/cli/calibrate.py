"""`calibrate`: learn what the confidence of a cascade means, and where its threshold should be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import click

from llm_orc.cli.numbers import Number
from llm_orc.cli.write import print_table, write_atomically
from llm_orc.domain.json import JsonValue
from llm_orc.orchestrator import Orchestrator

if TYPE_CHECKING:
    from llm_orc.bench.calibration import Method


@click.command(
    epilog="""\b
Example:
  llm-orc calibrate cascade.yaml --dataset problems.jsonl --quality 0.95
"""
)
@click.argument("ensemble")
@click.argument("agent", required=False)
@click.option("--dataset", type=click.Path(exists=True, dir_okay=False, path_type=Path), required=True,
              help='Lines of {"question": ..., "answer": ...}.')  # fmt: skip
@click.option("--quality", type=Number(0, 1), help="Share of the dearest model's accuracy to keep.")
@click.option("--cost", type=Number(0, 1), help="Share of the dearest model's cost to stay below.")
@click.option("--method", type=click.Choice(["isotonic", "platt", "temperature", "combination"]),
              default="temperature", show_default=True,
              help="How confidence is calibrated.")  # fmt: skip
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path),
              help="The calibration; by default NAME.calibration.json beside the file.")  # fmt: skip
def calibrate(
    ensemble: str, agent: str | None, dataset: Path, quality: float | None, cost: float | None,
    method: Method, output: Path | None,
) -> None:  # fmt: skip
    """Learn how often the models of a cascade are right when they are sure, and set its threshold.

    Asks each model every question of the dataset. The file that is written is used by
    `confidence: calibrated` with `calibration: FILE`; a picture of it is beside it.
    """
    from llm_orc.bench.calibrating import calibrate as learn
    from llm_orc.bench.strategies import problems_of
    from llm_orc.bench.written import reliability_plot

    if quality is not None and cost is not None:
        raise click.UsageError("--quality and --cost: one of them")
    rows = problems_of(dataset, None)
    orchestrator = Orchestrator()
    loaded = orchestrator.load(ensemble)

    async def run() -> dict[str, JsonValue]:
        async with orchestrator:
            return await learn(orchestrator, loaded, agent, rows, method=method, quality=quality, cost=cost)

    report = anyio.run(run)
    source = Path(loaded.source)
    target = output or source.with_name(f"{source.stem}.calibration.json")
    write_atomically(target, json.dumps(report, indent=2) + "\n")
    picture = target.with_suffix(".svg")
    write_atomically(picture, reliability_plot(_rows(report["calibration"])))
    tables = _rows(report["calibration"])
    print_table(
        ("model", "ECE before", "ECE after (cross-fitted)"),
        [[str(row[key]) for key in ("model", "ece_before", "ece_after")] for row in tables],
    )
    click.echo(f"threshold {report['threshold']}: {report['accuracy']} right")
    click.echo(f"  {_with_interval(report['quality'])} of the accuracy of {report['dearest']}")
    click.echo(f"  {_with_interval(report['cost_saved'])} of its cost saved")
    click.echo(f"written: {target}, {picture}")


def _rows(value: JsonValue) -> list[dict[str, JsonValue]]:
    return [dict(row) for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _with_interval(value: JsonValue) -> str:
    middle, low, high = (float(str(v)) for v in value) if isinstance(value, list) else (0.0, 0.0, 0.0)
    return f"{middle:.1%} [{low:.1%}, {high:.1%}]"
