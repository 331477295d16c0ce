"""What a run is given: text, files, standard input, and variables by name."""

from __future__ import annotations

import os
import select
import stat
import sys
from pathlib import Path

import click

from llm_orc.errors import NotFound, UsageFailed

_PATIENCE_SECONDS = 2.0


def input_text(given: str | None, *, named: bool, quiet: bool) -> str | None:
    """The text of INPUT; None when there is none. With variables, only `-` reads standard input."""
    if given == "-":
        return _stdin()
    if given is not None and given.startswith("@"):
        return _read(given[1:])
    if given is None and not named and _piped():
        if not quiet:
            _note_a_wait()
        return _stdin() or None
    return None if given is None else _text(given, "INPUT")


def variable(entry: str) -> tuple[str, str]:
    """A `--var`: its name and its value. Raises `UsageFailed`, or `NotFound` for a file."""
    name, equals, value = entry.partition("=")
    if not equals or not name:
        raise UsageFailed(f"--var {entry!r} is not NAME=VALUE")
    return name, _read(value[1:]) if value.startswith("@") else _text(value, f"--var {name}")


def _text(argument: str, what: str) -> str:
    """Bytes on the command line that are no text come as halves of characters."""
    try:
        argument.encode()
    except UnicodeEncodeError as error:
        raise UsageFailed(f"{what} is not UTF-8 text", hint="give a file that is: @FILE") from error
    return argument


def _piped() -> bool:
    """Whether standard input is a pipe or a file: a terminal or a null device has nothing to say."""
    try:
        mode = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISREG(mode)


def _note_a_wait() -> None:
    """A pipe that some parent holds open and never writes to would look like a hang."""
    if not select.select([sys.stdin], [], [], _PATIENCE_SECONDS)[0]:
        click.echo("waiting for standard input (without it: give an INPUT, or add </dev/null)", err=True)


def _stdin() -> str:
    return _decoded(sys.stdin.buffer.read(), "standard input").rstrip("\n")


def _read(name: str) -> str:
    try:
        return _decoded(Path(name).read_bytes(), name).rstrip("\n")
    except OSError as error:
        raise NotFound(f"cannot read {name}: {error.strerror}") from error


def _decoded(data: bytes, name: str) -> str:
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UsageFailed(f"{name} is not UTF-8 text (byte {error.start})") from error
