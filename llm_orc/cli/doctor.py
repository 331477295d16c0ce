"""`doctor`: what is wrong with a set-up, and how to mend it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import click

from llm_orc.cli.write import print_json
from llm_orc.domain.finding import EXAMINATIONS, Finding, fail, finding_json
from llm_orc.domain.text import one_line


@click.command(
    epilog="\b\nExamples:\n  llm-orc doctor\n  llm-orc doctor models journal\n  llm-orc doctor --json"
)
@click.argument("only", nargs=-1, metavar="[WHAT]...", type=click.Choice(EXAMINATIONS))
@click.option("--json", "as_json", is_flag=True, help="Print the findings as a JSON list.")
@click.option("--runs", type=click.Path(path_type=Path), help="Where runs are recorded.")
def doctor(only: tuple[str, ...], as_json: bool, runs: Path | None) -> int:
    """Look at Python, settings, models, ensembles, keys, servers, the journal and the machine.

    WHAT is one of python, packages, command, models (with ensembles, keys and servers), journal, gpu, files
    and clock; without it all of them are looked at. Loading each package is what takes longest.

    Each line says ok, warn or fail, what it is about, what was found, and in brackets what to do. No model is
    asked and nothing is changed. The exit code is 1 when something failed, else 0.
    """
    try:
        from llm_orc.orchestrator.health import examine
    except ImportError as error:
        found, hanging = [fail("packages", f"llm-orc cannot be loaded: {error}", "install it again")], False
    else:
        found, hanging = examine(None if runs is None else str(runs), only)
    if as_json:
        print_json([finding_json(each) for each in found])
    else:
        for each in found:
            click.echo(_line(each))
        click.echo(_count(found), err=True)
    code = 1 if any(each.state == "fail" for each in found) else 0
    if hanging:
        # A thread that hangs would be waited for.
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    return code


def _line(found: Finding) -> str:
    hint = f" ({one_line(found.hint, _WIDEST)})" if found.hint else ""
    return f"{found.state:<4}  {found.what}: {one_line(found.detail, _WIDEST)}{hint}"


def _count(found: list[Finding]) -> str:
    failed = sum(each.state == "fail" for each in found)
    warned = sum(each.state == "warn" for each in found)
    return f"{len(found)} findings: {failed} failed, {warned} warnings"


_WIDEST = 500
