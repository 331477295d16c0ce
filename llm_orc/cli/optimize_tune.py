"""`optimize --tune`: a table of the settings that no others beat, and one of them written."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import click
from click.core import ParameterSource

from llm_orc.cli.optimize_estimate import show_estimate
from llm_orc.cli.optimize_progress import Progressing
from llm_orc.cli.signals import search_interrupts
from llm_orc.cli.write import print_json, print_table
from llm_orc.domain.json import JsonValue
from llm_orc.domain.text import one_line, safe
from llm_orc.errors import UsageFailed

if TYPE_CHECKING:
    from llm_orc.optimize.dataset import Split
    from llm_orc.optimize.meter import Limits
    from llm_orc.optimize.tuning import Settings
    from llm_orc.orchestrator.optimizing import Optimizing
    from llm_orc.orchestrator.searching import Wish
    from llm_orc.orchestrator.tuning import Tuned, Tuning

_FOR_PROMPTS = (
    "optimizer", "graph_strategy", "effort", "teacher", "proposer", "instructions", "demos", "labeled_demos",
    "accept", "lessons",
)  # fmt: skip
_FOR_SETTINGS = ("models", "trials", "pick")
_TITLES = ("", "validation", "held out", "difference", "US dollars", "tokens", "seconds", "settings")


@dataclass(frozen=True)
class Turning:
    """What is tuned. `pick` is a line of the table, counted from 1."""

    keys: tuple[str, ...]
    models: tuple[str, ...]
    trials: int
    pick: int | None


@dataclass(frozen=True, kw_only=True)
class Options:
    """What the flags say about files and printing."""

    trainset: str
    valset: str | None
    testset: str | None
    expected: str | None
    metric: str
    estimate: bool
    dry_run: bool
    output: Path | None
    lessons: Path | None
    as_json: bool
    quiet: bool
    tuning: Turning | None

    @property
    def writes_in_place(self) -> bool:
        """Whether the ensemble's own file may change."""
        if self.tuning is not None:
            return self.tuning.pick is not None and not (self.estimate or self.dry_run or self.output)
        return not (self.estimate or self.dry_run or self.output)


def refuse_ignored(context: click.Context) -> None:
    """Raise `UsageFailed` for a flag that would do nothing beside the others."""
    if context.params["dry_run"] and context.params["output"] is not None:
        raise UsageFailed("--dry-run and --output: one of them")
    tuning = context.params["tune"] is not None
    for option in context.command.params:
        name = option.name or ""
        if context.get_parameter_source(name) is ParameterSource.DEFAULT:
            continue
        if tuning and name in _FOR_PROMPTS:
            raise UsageFailed(
                f"--tune: {option.opts[0]} is for prompts, and would do nothing", hint="leave one of them out"
            )
        if not tuning and name in _FOR_SETTINGS:
            raise UsageFailed(f"{option.opts[0]} needs --tune", hint="see `optimize --help`")
    if tuning and context.params["output"] is not None and context.params["pick"] is None:
        raise UsageFailed("--tune: --output needs --pick, the line to write", hint="--pick 1")


def names(text: str | None) -> tuple[str, ...]:
    """What stands between commas."""
    return tuple(name.strip() for name in (text or "").split(",") if name.strip())


async def tune(optimizing: Optimizing, parts: Split, wish: Wish, limits: Limits, options: Options) -> int:
    """Search, print the front, and write what is picked. Raises `UsageFailed`."""
    from llm_orc.orchestrator.optimized import record_tuned
    from llm_orc.orchestrator.searching import plan_of
    from llm_orc.orchestrator.tuning import Tuning

    turning = options.tuning
    assert turning is not None
    if turning.pick is not None and turning.pick > turning.trials:
        raise UsageFailed(f"--pick {turning.pick}: --trials {turning.trials} makes no table of so many lines")
    tuning = Tuning(optimizing, turning.keys, turning.models, parts.train)
    if options.estimate:
        found = await tuning.estimate(
            parts, limits, trials=turning.trials, seed=wish.seed, at_once=wish.at_once
        )
        keys = ", ".join(turning.keys)
        show_estimate(keys, parts, found, {"tune": list(turning.keys)}, options.as_json)
        return 0
    plan = plan_of(wish, optimizing.orchestrator, optimizing.agents, 0)
    optimizing.original.refuse_unwritable(
        optimizing.ensemble, plan, in_place=options.writes_in_place, output=options.output
    )
    folder = optimizing.folder(plan, parts, options.metric)
    with (
        search_interrupts(optimizing.orchestrator.grace_seconds) as interrupt,
        Progressing(options.quiet) as told,
        redirect_stdout(sys.stderr),
    ):
        tuned = await tuning.run(
            parts, options.metric, folder, limits,
            trials=turning.trials, seed=wish.seed, at_once=wish.at_once, told=told, interrupt=interrupt,
        )  # fmt: skip
    if not tuned.points:
        return _stopped(tuned, turning.pick)
    lines = [_line(tuned, place) for place in range(len(tuned.front))]
    report = {**_report(tuned, lines), "folder": str(folder)}
    picture = record_tuned(tuned, report, folder)
    if options.as_json:
        print_json(report)
    else:
        _print(tuned, tuning, lines)
        click.echo(f"plot: {picture}", err=True)
    if tuned.failing is not None:
        click.echo(f"warning: {safe(tuned.failing.says)}", err=True)
    if turning.pick is not None and tuned.stop is None:
        _pick(tuned, tuning, turning.pick, optimizing, options)
    return _stopped(tuned, turning.pick)


def _pick(tuned: Tuned, tuning: Tuning, pick: int, optimizing: Optimizing, options: Options) -> None:
    from llm_orc.orchestrator.optimized import diff_of, write_beside, write_in_place

    if pick > len(tuned.front):
        raise UsageFailed(f"--pick {pick}: the table has {len(tuned.front)} lines")
    changes = tuning.changes(tuned.front[pick - 1].settings)
    if not changes and options.output is None:
        click.echo(f"{optimizing.path} is unchanged: line {pick} is as the file says", err=True)
        return
    click.echo(diff_of(changes, optimizing.orchestrator.project), nl=False)
    if options.dry_run:
        return
    if options.output is None:
        write_in_place(changes)
    else:
        write_beside(changes, optimizing.path, options.output)
    click.echo(f"written: {options.output or optimizing.path}", err=True)


def _stopped(tuned: Tuned, pick: int | None) -> int:
    """The exit code; what ended it early is said."""
    if tuned.stop is None:
        return 0
    if pick is not None:
        click.echo(f"nothing was written: line {pick} of an unfinished search may not be what it would be in "
                   "the end", err=True)  # fmt: skip
    click.echo(f"error: {safe(tuned.stop.message)}", err=True)
    if tuned.stop.hint:
        click.echo(f"hint: {safe(tuned.stop.hint)}", err=True)
    return tuned.stop.exit_code


def _report(tuned: Tuned, lines: Sequence[dict[str, JsonValue]]) -> dict[str, JsonValue]:
    from llm_orc.optimize.failing import failing_json

    points: list[JsonValue] = [
        {
            "settings": dict(point.settings), "validation": point.quality, "usd": point.usd,
            "tokens": point.tokens, "seconds": point.seconds,
        }
        for point in tuned.points
    ]  # fmt: skip
    return {
        "tried": len(points),
        "calls": tuned.sent,
        "cost_usd": tuned.usd,
        "failed": [] if tuned.failing is None else failing_json([tuned.failing]),
        "front": list(lines),
        "points": points,
    }


def _print(tuned: Tuned, tuning: Tuning, lines: Sequence[dict[str, JsonValue]]) -> None:
    before = tuned.points[0]
    click.echo(
        f"the file: {before.quality:.3f} on validation rows, {before.tokens:.1f} tokens, "
        f"{before.seconds:.3f} s a run; {len(tuned.points)} settings tried, {tuned.sent} calls"
    )
    first = {knob.name: knob.choices[0] for knob in tuning.knobs}
    rows = [
        [str(place), *(_shown(line[key]) for key in ("validation", "held_out", "difference", "usd", "tokens",
                                                      "seconds")),
         _settings(tuned.front[place - 1].settings, first)]
        for place, line in enumerate(lines, start=1)
    ]  # fmt: skip
    print_table(_TITLES, rows)


def _line(tuned: Tuned, place: int) -> dict[str, JsonValue]:
    point = tuned.front[place]
    held_out = tuned.held_out[place] if place < len(tuned.held_out) else None
    found = tuned.differences[place] if place < len(tuned.differences) else None
    return {
        "settings": dict(point.settings),
        "validation": point.quality,
        "held_out": None if held_out is None else held_out.mean,
        "difference": None if found is None else [
            found.mean, *(() if found.low is None or found.high is None else (found.low, found.high))
        ],
        "usd": point.usd,
        "tokens": point.tokens,
        "seconds": point.seconds,
    }  # fmt: skip


def _shown(value: JsonValue) -> str:
    if value is None:
        return "-"
    if isinstance(value, list):
        middle, *interval = value
        return f"{middle:+.3f}" + (f" [{interval[0]:+.3f}, {interval[1]:+.3f}]" if interval else "")
    return f"{value:.4g}"


def _settings(settings: Settings, first: Settings) -> str:
    """What differs from the file."""
    changed = [
        f"{name}={len(value) if isinstance(value, list) else one_line(value, 40)}"
        for name, value in settings.items()
        if value != first[name]
    ]
    return ", ".join(changed) or "as the file says"
