"""The entry point: finds the verb, loads only its module, and turns every error into clear lines."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from difflib import get_close_matches
from io import TextIOWrapper
from pathlib import Path
from typing import NoReturn

import click

import llm_orc
from llm_orc.cli.loading import loaded
from llm_orc.errors import InvalidFile, OrcError

VERBS: dict[str, tuple[str, str]] = {
    "invoke": ("llm_orc.cli.invoke:invoke", "Run an ensemble and print its output."),
    "plan": ("llm_orc.cli.plan:plan", "Show which model would serve which agent, without asking any."),
    "validate": ("llm_orc.cli.validate:validate", "Check files and print every problem with its position."),
    "graph": ("llm_orc.cli.graph:graph", "Draw an ensemble's agents and what they depend on."),
    "init": ("llm_orc.cli.init:init", "Make a working project in a folder."),
    "new": ("llm_orc.cli.init:new", "Write a commented ensemble file to start from."),
    "optimize": (
        "llm_orc.cli.optimize:optimize",
        "Find better prompts and examples, and write them into the file.",
    ),
    "feedback": ("llm_orc.cli.feedback:feedback", "Teach the router what a result was worth."),
    "models": ("llm_orc.cli.models:models", "List the models at hand, show one, or check their servers."),
    "calibrate": ("llm_orc.cli.calibrate:calibrate", "Learn the threshold of a cascade from data."),
    "eval": ("llm_orc.cli.eval:eval_", "Score ensembles on rows with known answers."),
    "bench": ("llm_orc.cli.bench:bench", "Compare routers and strategies."),
    "runs": ("llm_orc.cli.runs:runs", "List, show, export and forget the runs that were recorded."),
    "serve": ("llm_orc.cli.serve:serve", "Serve a live page of runs."),
    "doctor": ("llm_orc.cli.doctor:doctor", "Say what is wrong with a set-up, and how to mend it."),
    "config": ("llm_orc.cli.config:config", "Show each setting and where it came from."),
    "schema": ("llm_orc.cli.schema:schema", "Print the JSON Schema of a file format."),
}
"""Verb -> where its command is, and its line in `--help`."""

BUG = 70
# click 8.1 has no such error: it prints the help by itself.
_NO_ARGUMENTS = getattr(click.exceptions, "NoArgsIsHelpError", ())


SWITCH_SECONDS = 0.0005
"""How long threads of Python wait for each other. By default the one that writes the journal waits ten times
as long for the one that runs the agents, who then wait for their answers to be kept."""


class Verbs(click.Group):
    """A group that imports a verb's module only when that verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        return loaded(VERBS[cmd_name][0]) if cmd_name in VERBS else None

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and args[0] not in VERBS and not args[0].startswith("-"):
            near = get_close_matches(args[0], VERBS, n=1)
            error = click.UsageError(f"there is no verb {args[0]!r}", ctx)
            error.possibilities = near  # type: ignore[attr-defined]
            raise error
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Verbs"):
            formatter.write_dl([(name, line) for name, (_, line) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(llm_orc.__version__, prog_name="llm-orc")
def cli() -> None:
    """Ensembles of language models, written in YAML and run as a graph.

    \b
    Try:  llm-orc invoke quickstart
    """


def main() -> NoReturn:
    """Run the command line; the exit codes are those of docs/errors.md."""
    sys.setswitchinterval(SWITCH_SECONDS)
    _open_what_is_closed()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")
    try:
        code = cli.main(standalone_mode=False)
        sys.stdout.flush()
    except BrokenPipeError:
        from llm_orc.cli.write import forget_stdout

        forget_stdout()
        code = 1
    except (KeyboardInterrupt, click.Abort):
        code = _say("interrupted", exit_code=130)
    except Exception as error:  # noqa: BLE001 - the one place where a bug becomes a line
        code = _explain(error)
    sys.exit(code if isinstance(code, int) else 0)


def _open_what_is_closed() -> None:
    """A standard stream that the parent closed (`<&-`) reads nothing and forgets what is written."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open(mode, encoding="utf-8"))  # noqa: SIM115 - to the end


def _explain(error: Exception) -> int:
    """Print what went wrong; the exit code that says it to scripts."""
    while isinstance(error, ExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    match error:
        case click.ClickException():
            return _usage(error)
        case OrcError():
            return _failed(error)
        case OSError(errno=errno.ENOSPC | errno.EDQUOT | errno.EFBIG):
            return _say(f"cannot write: {error.strerror}", hint="make room", exit_code=1)
    if os.environ.get("LLM_ORC_DEBUG"):
        traceback.print_exception(error)
        return BUG
    first = "".join(str(error).splitlines()[:1])
    return _say(
        f"internal error: {type(error).__name__}: {first}",
        hint="this is a bug in llm-orc; run it again with LLM_ORC_DEBUG=1 to see where",
        exit_code=BUG,
    )


def _usage(error: click.ClickException) -> int:
    if isinstance(error, _NO_ARGUMENTS):
        click.echo(error.message, err=True)
        return 2
    near = getattr(error, "possibilities", None)
    context = getattr(error, "ctx", None)
    hint = f"did you mean {' or '.join(near)}?" if near else ""
    if not hint and context is not None:
        hint = f"see {context.command_path} --help"
    # click's own text of an error with suggestions repeats them.
    message = error.message if near else error.format_message()
    return _say(message.rstrip("."), hint=hint, exit_code=2)


def _failed(error: OrcError) -> int:
    if isinstance(error, InvalidFile):
        for problem in error.problems:
            click.echo(f"error: {problem}", err=True)
        return error.exit_code
    return _say(error.message, hint=error.hint, exit_code=error.exit_code)


def _say(message: str, *, hint: str = "", exit_code: int) -> int:
    click.echo(f"error: {message}", err=True)
    if hint:
        click.echo(f"hint: {hint}", err=True)
    return exit_code
