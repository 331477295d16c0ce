"""`validate`: check files without running anything."""

from __future__ import annotations

from pathlib import Path

import click

from llm_orc.cli.write import print_json
from llm_orc.errors import NotFound, Problem
from llm_orc.orchestrator import Orchestrator


@click.command(
    epilog="""\b
Examples:
  llm-orc validate ensembles/*.yaml
  llm-orc validate code-review --json
"""
)
@click.argument("files", nargs=-1, required=True, metavar="FILE...")
@click.option("--json", "as_json", is_flag=True, help="Print the problems as a JSON list.")
def validate(files: tuple[str, ...], as_json: bool) -> int:
    """Check ensemble files, models.yaml or config.yaml; every problem is printed with its position.

    FILE is a file, the name of an ensemble, or a folder, of which every .yaml file is checked: of hidden
    ones only those in .llm-orc. Nothing is run and no server is asked. The exit code is 2 when there is any
    problem.
    """
    orchestrator = Orchestrator()
    paths = [path for given in files for path in _paths(orchestrator, given)]
    problems = [problem for path in paths for problem in orchestrator.check(path)]
    if as_json:
        print_json([_json(problem) for problem in problems])
    else:
        for problem in problems:
            click.echo(str(problem))
    bad = len({problem.file for problem in problems})
    click.echo(f"{len(paths)} file{'s' * (len(paths) != 1)} checked: {_count(problems, bad)}", err=True)
    return 2 if problems else 0


def _count(problems: list[Problem], bad: int) -> str:
    if not problems:
        return "no problems"
    return f"{len(problems)} problem{'s' * (len(problems) > 1)} in {bad} file{'s' * (bad > 1)}"


def _paths(orchestrator: Orchestrator, given: str) -> list[Path]:
    path = Path(given)
    if path.is_dir():
        every = (file for end in ("yaml", "yml") for file in path.rglob(f"*.{end}"))
        found = sorted(file for file in every if not _hidden(file.relative_to(path)))
        if not found:
            raise NotFound(f"there is no .yaml file in {given}")
        return found
    if path.suffix in (".yaml", ".yml"):
        return [path]
    return [orchestrator.locate(given)]


def _hidden(file: Path) -> bool:
    """Other tools' settings and environments are not ours to check."""
    return any(part.startswith(".") and part != ".llm-orc" for part in file.parts)


def _json(problem: Problem) -> dict[str, str | int]:
    return {
        "file": problem.file, "line": problem.line, "column": problem.column,
        "message": problem.message, "hint": problem.hint,
    }  # fmt: skip
