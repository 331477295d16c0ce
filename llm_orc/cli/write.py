"""How verbs write their results: files that are whole or absent, JSON, and tables."""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

import click

from llm_orc.domain.json import JsonValue
from llm_orc.domain.text import safe
from llm_orc.errors import UsageFailed


def refuse_unwritable(path: Path) -> None:
    """Raise `UsageFailed` for a file that could not be written later, before anything is spent on it."""
    if path.exists() and not path.is_file():
        return
    folder = path.resolve().parent
    if not folder.is_dir():
        raise UsageFailed(f"cannot write {path}: there is no folder {path.parent}", hint="make it first")
    if not os.access(folder, os.W_OK):
        raise UsageFailed(f"cannot write {path}: the folder {path.parent} cannot be written to")


def write_atomically(path: Path, text: str, *, private: bool = False) -> None:
    """Write a file whole or not at all. Raises `UsageFailed` when it cannot be written.

    A link stays a link; a device or a pipe is written to, never replaced. A new file is readable as the
    umask says, a `private` one by its owner alone.
    """
    try:
        if path.exists() and not path.is_file():
            path.write_text(text, encoding="utf-8")
        else:
            _replace(path.resolve(), text, 0o600 if private else 0o666 & ~_umask())
    except OSError as error:
        raise UsageFailed(f"cannot write {path}: {error.strerror}") from error


def _replace(path: Path, text: str, mode: int) -> None:
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="") as file:
            file.write(text)
        partial.chmod(path.stat().st_mode & 0o7777 if path.exists() else mode)
        partial.replace(path)
    except OSError:
        partial.unlink(missing_ok=True)
        raise


def forget_stdout() -> None:
    """The reader is gone: what is still buffered must not be written at exit either."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def print_json(value: JsonValue) -> None:
    """JSON for people and machines."""
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def print_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns as wide as they need to be; cut by nobody, so that they can be piped."""
    cells = [[safe(cell).replace("\n", " ") for cell in row] for row in (titles, *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(titles))]
    for row in cells:
        line = "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True))
        click.echo(line.rstrip())
