"""`runs`: what was recorded."""

from __future__ import annotations

import json
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path
from typing import get_args

import click

from llm_orc.cli.loading import loaded
from llm_orc.cli.run_chart import print_run
from llm_orc.cli.times import point_in_time
from llm_orc.cli.write import print_json, print_table, write_atomically
from llm_orc.domain.json import JsonObject
from llm_orc.domain.recorded import RecordedRun, detail_json, run_json
from llm_orc.domain.text import dollars, one_line, safe, seconds
from llm_orc.errors import UsageFailed
from llm_orc.orchestrator.recorded import recorded_runs

STATUSES = ("running", "succeeded", "failed", "partial", "interrupted", "killed")

ELSEWHERE = {
    "ab": "llm_orc.cli.runs_ab:compare_wordings",
    "collect": "llm_orc.cli.runs_collect:collect_runs",
    "cost": "llm_orc.cli.runs_cost:cost",
    "resume": "llm_orc.cli.resume:resume_run",
}
"""Those with a module of their own: `runs show` needs neither statistics nor what runs ensembles."""

_json_flag = click.option("--json", "as_json", is_flag=True, help="Print JSON.")
_runs_flag = click.option(
    "--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded."
)


class _Runs(click.Group):
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted([*self.commands, *ELSEWHERE])

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name in ELSEWHERE:
            return loaded(ELSEWHERE[cmd_name])
        return super().get_command(ctx, cmd_name)


@click.group(cls=_Runs, epilog="\b\nExample:\n  llm-orc runs list")
def runs() -> None:
    """The runs that were recorded. RUN is an id, the beginning of one, or `last`."""


@runs.command(
    "list", short_help="List runs.", epilog="\b\nExample:\n  llm-orc runs list --status failed --since 7d"
)
@click.option("--status", type=click.Choice(STATUSES), help="Only runs that ended like this.")
@click.option("--ensemble", metavar="NAME", help="Only runs of this ensemble.")
@click.option(
    "--since", callback=point_in_time, metavar="TIME", help="Only runs that began since: 7d, 12h, or a date."
)
@click.option("--limit", type=click.IntRange(1), default=20, show_default=True, help="The most to list.")
@_json_flag
@_runs_flag
def list_runs(
    status: str | None, ensemble: str | None, since: float | None, limit: int, as_json: bool,
    runs: Path | None,
) -> None:  # fmt: skip
    """List runs, the newest first.

    A run that has no end is `running`, or `killed` when its process is gone.
    """
    found = recorded_runs(runs).newest(status=status, ensemble=ensemble, since=since, limit=limit)
    if as_json:
        print_json([run_json(run) for run in found])
        return
    titles = ("run", "began (UTC)", "ensemble", "status", "calls", "tokens", "cost", "took")
    print_table(titles, [_row(run) for run in found])


@runs.command("show", short_help="Show a run.", epilog="\b\nExample:\n  llm-orc runs show last")
@click.argument("run")
@_json_flag
@_runs_flag
def show_run(run: str, as_json: bool, runs: Path | None) -> None:
    """Show RUN: what it was given, each agent with what it took and when, and what came out."""
    detail = recorded_runs(runs).detail(run)
    if as_json:
        print_json(detail_json(detail))
    else:
        print_run(detail)


@runs.command(
    "events",
    short_help="Print a run's events.",
    epilog="\b\nExample:\n  llm-orc runs events last --type agent_finished --json",
)
@click.argument("run")
@click.option("--type", "kind", metavar="TYPE", help="Only events of this type.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object per line, as jsonl does.")
@_runs_flag
def show_events(run: str, kind: str | None, as_json: bool, runs: Path | None) -> None:
    """Print the events of RUN in order."""
    from llm_orc.domain.events import Happening

    kinds = [each.type for each in get_args(Happening)]
    if kind is not None and kind not in kinds:
        near = get_close_matches(kind, kinds, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "docs/results.md has a table of them"
        raise UsageFailed(f"there are no events of type {kind!r}", hint=hint)
    for event in recorded_runs(runs).events(run, kind):
        click.echo(_line(event) if as_json else _told(event))


@runs.command(
    "export",
    short_help="Write runs as JSON lines.",
    epilog="\b\nExample:\n  llm-orc runs export last --output run.jsonl",
)
@click.argument("run", required=False)
@click.option("--all", "everything", is_flag=True, help="Every run, the oldest first.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["jsonl", "otlp"]),
    default="jsonl",
    show_default=True,
    help="jsonl: all that is known; otlp: spans, as OTLP JSON.",
)
@click.option("--output", type=click.Path(dir_okay=False, path_type=Path), help="Write to a file.")
@_runs_flag
def export_runs(run: str | None, everything: bool, form: str, output: Path | None, runs: Path | None) -> None:
    """Write all that is known of RUN: a line for the run, then one for each event and each call.

    Each line is a JSON object whose `record` is run, event or call. With --format otlp, each is a span in a
    request that an OTLP collector takes.
    """
    if (run is None) != everything:
        raise UsageFailed("which runs?", hint="name one run, or give --all")
    recorded = recorded_runs(runs)
    names = [run] if run is not None else [each.run_id for each in reversed(recorded.newest())]
    lines: Iterable[str] = (_line(record) for name in names for record in recorded.export(name))
    if form == "otlp":
        from llm_orc.orchestrator.project import Project
        from llm_orc.orchestrator.tracing import otlp_lines

        settings = Project(None, {}).settings
        lines = (line for name in names for line in otlp_lines(recorded.happened(name), settings))
    if output is not None:
        write_atomically(output, "".join(f"{line}\n" for line in lines), private=True)
        return
    for line in lines:
        click.echo(line)


@runs.command(
    "prune",
    short_help="Forget old runs.",
    epilog="\b\nExample:\n  llm-orc runs prune --older-than 30d --dry-run",
)
@click.option("--keep", type=click.IntRange(0), metavar="N", help="Forget all but the newest N.")
@click.option(
    "--older-than",
    callback=point_in_time,
    metavar="TIME",
    help="Forget those that began before: 30d, 12h, or a date.",
)
@click.option("--dry-run", is_flag=True, help="Only print what would be forgotten.")
@_json_flag
@_runs_flag
def prune_runs(
    keep: int | None, older_than: float | None, dry_run: bool, as_json: bool, runs: Path | None
) -> None:
    """Forget runs with their events and calls, and print which. Runs that are running stay.

    With both options, those that are old and not among the newest N.
    """
    if keep is None and older_than is None:
        raise UsageFailed("which runs?", hint="give --keep or --older-than")
    gone = recorded_runs(runs).prune(keep=keep or 0, before=older_than, dry_run=dry_run)
    if as_json:
        print_json([run_json(run) for run in gone])
    else:
        titles = ("run", "began (UTC)", "ensemble", "status", "calls", "tokens", "cost", "took")
        print_table(titles, [_row(run) for run in gone])
    count = f"{len(gone)} run{'s' * (len(gone) != 1)}"
    click.echo(f"{count} would be forgotten" if dry_run else f"{count} forgotten", err=True)


def _row(run: RecordedRun) -> list[str]:
    return [
        run.run_id,
        run.began,
        run.ensemble,
        run.status,
        str(run.calls),
        f"{run.usage.input_tokens}+{run.usage.output_tokens}",
        dollars(run.cost_usd),
        "-" if run.duration_s is None else seconds(run.duration_s),
    ]


def _line(record: JsonObject) -> str:
    return json.dumps(record, ensure_ascii=False)


def _told(event: JsonObject) -> str:
    """An event on a line for people."""
    rest = {key: value for key, value in event.items() if key not in ("seq", "ts", "type", "agent")}
    head = f"{event['seq']:>5}  {str(event['ts'])[11:23]}  {event['type']:<16}"
    return safe(f"{head}  {event.get('agent') or '-'}  {one_line(rest, 160)}")
