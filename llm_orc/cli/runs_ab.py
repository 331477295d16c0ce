"""`runs ab`: an agent's wordings compared by what their runs were worth."""

from __future__ import annotations

from pathlib import Path

import click

from llm_orc.cli.numbers import Number
from llm_orc.cli.times import point_in_time
from llm_orc.cli.write import print_json, print_table
from llm_orc.domain.text import safe
from llm_orc.errors import NotFound
from llm_orc.optimize.split_test import Compared, Interval, Measured, SplitTest, split_test_json, split_tests
from llm_orc.orchestrator import Orchestrator

_TESTS = {"welch": "Welch's t-test", "chi-square": "chi-square test", "fisher": "Fisher's exact test"}


@click.command(
    "ab", short_help="Compare wordings.", epilog="\b\nExample:\n  llm-orc runs ab sentiment --since 7d"
)
@click.argument("ensemble")
@click.option(
    "--since", callback=point_in_time, metavar="TIME", help="Only runs that began since: 7d, or a date."
)
@click.option(
    "--effect", type=Number(0, 1, min_open=True), metavar="X",
    help="The smallest difference that matters; by default the one that was measured.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option("--runs", type=click.Path(dir_okay=False, path_type=Path), help="Where runs are recorded.")
def compare_wordings(
    ensemble: str, since: float | None, effect: float | None, as_json: bool, runs: Path | None
) -> None:
    """Compare the `variants` of ENSEMBLE's agents by what their runs were worth.

    ENSEMBLE is a name or a file. Scores are those that `feedback` gave, for the agent or for the run; a run
    went well when the agent did not fail. Looking again and again, and stopping when it looks good, finds
    differences where there are none: decide before how many runs to wait for.
    """
    orchestrator = Orchestrator(flags={"runs": None if runs is None else str(runs)})
    name = recorded_name(orchestrator, ensemble)
    trials = orchestrator.runs.trials(name, since)
    if not trials:
        what = f"no runs of {name!r} with variants are recorded in {orchestrator.runs.path}"
        raise NotFound(what, hint="give an agent 'variants' and invoke it; --runs PATH names another journal")
    tests = split_tests(trials, effect)
    if as_json:
        print_json({"ensemble": name, "agents": [split_test_json(test) for test in tests]})
        return
    for place, test in enumerate(tests):
        if place:
            click.echo()
        _print(test)


def recorded_name(orchestrator: Orchestrator, ensemble: str) -> str:
    """What runs are recorded under. The file may be gone."""
    try:
        return orchestrator.load(ensemble, need_models=False).name
    except NotFound:
        return ensemble


def _print(test: SplitTest) -> None:
    click.echo(safe(f"agent {test.agent}"))
    titles = ("variant", "runs", "scored", "score", "95 %", "ended", "succeeded", "95 %")
    print_table(titles, [_row(each) for each in test.variants])
    if test.outdated:
        click.echo(f"{test.outdated} runs had an earlier text of a variant and are left out")
    for pair in test.compared:
        click.echo(safe(f"{pair.measure}: {_said(pair)}"))
    if not any(pair.measure == "score" for pair in test.compared):
        click.echo("score: say what runs were worth with `llm-orc feedback RUN --score X`")


def _row(each: Measured) -> list[str]:
    return [
        each.variant,
        str(each.runs),
        str(each.scored),
        "-" if each.score is None else f"{each.score:.3f}",
        _interval(each.score_interval),
        str(each.ended),
        "-" if each.success is None else f"{each.success:.1%}",
        _interval(each.success_interval),
    ]


def _interval(found: Interval | None) -> str:
    return "-" if found is None else f"{found[0]:.3f}–{found[1]:.3f}"


def _said(pair: Compared) -> str:
    apart = pair.apart
    found = f"{pair.second} − {pair.first} = {apart.mean:+.3f}"
    if apart.low is not None and apart.high is not None:
        found += f" [{apart.low:+.3f}, {apart.high:+.3f}]"
    if pair.p is None:
        return f"{found}; too little is known to test it"
    found += f", {_TESTS[apart.test]}, p = {pair.p:.3g}: "
    seen = "that may be chance" if apart.mean else "no difference was seen"
    found += f"{pair.better} is better" if pair.better else seen
    if pair.better or pair.needed is None:
        return found
    found += f"; {pair.needed} runs of each would show {pair.effect:.3g} with a power of 80 %"
    if not any(pair.missing):
        return f"{found}, and they are there"
    first, second = pair.missing
    return f"{found}: {first} more of {pair.first}, {second} more of {pair.second}"
