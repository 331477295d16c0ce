"""A recorded run for people: a summary, and its agents as a tree beside a chart of when they worked."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence

import click

from llm_orc.cli.write import print_table
from llm_orc.domain.recorded import RecordedAgent, RecordedDetail, RecordedRun
from llm_orc.domain.text import dollars, one_line, safe, seconds

SHOWN = 200
"""Agents that are printed; JSON has all."""
_BAR = 32
_TEXT = 100


def print_run(detail: RecordedDetail) -> None:
    """Print it."""
    run = detail.run
    for name, value in _summary(run):
        click.echo(f"{name:<9} {safe(value)}".rstrip())
    if not detail.agents:
        return
    click.echo()
    tree = list(_tree(detail.agents))
    begin, end = _span(detail)
    rows = [_row(each, depth, begin, end) for each, depth in tree[:SHOWN]]
    print_table(("agent", "status", "model", "calls", "tokens", "cost", "took", ""), rows)
    if len(tree) > SHOWN:
        click.echo(f"… and {len(tree) - SHOWN} more agents: --json has all")


def _summary(run: RecordedRun) -> Iterator[tuple[str, str]]:
    yield "run", run.run_id
    yield "ensemble", f"{run.ensemble}  {run.source}"
    took = "" if run.duration_s is None else f", {seconds(run.duration_s)}"
    tries = "" if run.attempts == 1 else f", {run.attempts} attempts"
    yield "status", f"{run.status}{took}{tries}"
    yield "began", f"{run.began} UTC"
    spent = f"{run.usage.input_tokens}+{run.usage.output_tokens} tokens, {dollars(run.cost_usd)}"
    yield "spent", f"{run.calls} call{'s' * (run.calls != 1)}, {spent}"
    for name, value in (run.inputs or {}).items():
        yield "input", f"{name}: {one_line(value, _TEXT)}"
    if run.output is not None:
        yield "output", one_line(run.output, _TEXT)
    if run.error is not None:
        yield "error", one_line(run.error.message or run.error.kind, _TEXT)


def _tree(agents: Sequence[RecordedAgent]) -> Iterator[tuple[RecordedAgent, int]]:
    """Each agent behind the one that it is part of, with how deep it is."""
    names = {each.agent for each in agents}
    within: dict[str, list[RecordedAgent]] = defaultdict(list)
    for each in agents:
        parent = each.agent.rpartition("/")[0]
        within[parent if parent in names else ""].append(each)
    yield from _branch("", within, 0)


def _branch(
    name: str, within: Mapping[str, Sequence[RecordedAgent]], depth: int
) -> Iterator[tuple[RecordedAgent, int]]:
    for each in within.get(name, ()):
        yield each, depth
        yield from _branch(each.agent, within, depth + 1)


def _row(each: RecordedAgent, depth: int, begin: float, end: float) -> list[str]:
    name = each.agent.rpartition("/")[2] if depth else each.agent
    default = ", default used" if each.is_default else ""
    times = f" ×{each.executions}" if each.executions > 1 else ""
    return [
        f"{'  ' * depth}{name}",
        each.status + times + default,
        each.model or "-",
        str(each.calls),
        f"{each.usage.input_tokens}+{each.usage.output_tokens}",
        dollars(each.cost_usd),
        "-" if each.duration_s is None or not each.stretches else seconds(each.duration_s),
        _bar([(from_, end if to is None else to) for from_, to in each.stretches], begin, end),
    ]


def _span(detail: RecordedDetail) -> tuple[float, float]:
    """When the first agent began and the last one ended, as far as agents show it."""
    moments = [m for each in detail.agents for stretch in each.stretches for m in stretch if m is not None]
    return (min(moments), max(moments)) if moments else (0.0, 0.0)


def _bar(stretches: Sequence[tuple[float, float]], begin: float, end: float) -> str:
    """A piece of the time line; each stretch is at least one sign wide."""
    scale = _BAR / (end - begin) if end > begin else 0.0
    signs = [" "] * _BAR
    for from_, to in stretches:
        first = min(int((from_ - begin) * scale), _BAR - 1)
        last = max(first + 1, min(round((to - begin) * scale), _BAR))
        signs[first:last] = "█" * (last - first)
    return f"|{''.join(signs)}|" if stretches else ""
