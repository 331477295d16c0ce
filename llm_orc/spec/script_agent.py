"""From `script:` to the command that is run: a file, or a command line."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Protocol

from llm_orc.domain.ensemble import Script
from llm_orc.spec import fields
from llm_orc.spec.locate import is_file
from llm_orc.spec.redaction import shown
from llm_orc.spec.scope import Entry, Scope

_SUFFIXES = (".py", ".sh", ".bash", ".js", ".mjs", ".ts", ".rb", ".pl", ".R", ".php", ".lua")
_PYTHON = ("python", "python3")


class Add(Protocol):
    """Where a problem is told: what is wrong, and what to do."""

    def __call__(self, message: str, hint: str = ...) -> None: ...


def read_script(entry: Entry) -> Script | None:
    """The script of an agent; None when it is not there, which is reported."""
    text = fields.text(entry.own, "script").strip()
    command = command_of(entry.scope, text, partial(entry.add, "script"))
    if command is None:
        return None
    limit = fields.integer(entry.own, "max_output_bytes")
    script = Script(
        command=command,
        parameters=fields.mapping(entry.own, "parameters"),
        directory=str(entry.scope.project),
    )
    return script if limit is None else _limited(script, limit)


def command_of(scope: Scope, text: str, add: Add, what: str = "the script") -> tuple[str, ...] | None:
    """The program and arguments that `text` stands for; None when it is not there, which `add` is told."""
    if not text:
        add(f"{what} is empty")
        return None
    return _file(scope, text, add) if _looks_like_path(text) else _command_line(scope, text, add)


def _limited(script: Script, limit: int) -> Script:
    return Script(
        command=script.command,
        parameters=script.parameters,
        directory=script.directory,
        max_output_bytes=limit,
    )


def _looks_like_path(text: str) -> bool:
    return not any(c.isspace() for c in text) or (text.endswith(_SUFFIXES) and text.split()[0] not in _PYTHON)


def _file(scope: Scope, text: str, add: Add) -> tuple[str, ...] | None:
    path = _search(scope, text)
    if path is not None:
        return _start(path, add)
    program = None if "/" in text or text.endswith(_SUFFIXES) else _program(text)
    if program is None:
        if len(text.split()) > 1:
            return _command_line(scope, text, add)
        _missing(text, add)
        return None
    return (program,)


def _command_line(scope: Scope, text: str, add: Add) -> tuple[str, ...] | None:
    try:
        words = shlex.split(text)
    except ValueError as error:
        add(f"this is not a command line: {str(error).lower()}", "check its quotes")
        return None
    path = _search(scope, words[0])
    if path is not None:
        start = _start(path, add)
        return None if start is None else (*start, *words[1:])
    program = None if "/" in words[0] else _program(words[0])
    if program is None:
        _missing(words[0], add)
        return None
    return (program, *words[1:])


def _search(scope: Scope, text: str) -> Path | None:
    """Relative to the ensemble's folder, the project, its `.llm-orc` or `.llm-orc/scripts`, in this order."""
    path = Path(text).expanduser() if text.startswith("~/") else Path(text)
    ours = scope.project / ".llm-orc"
    for folder in (scope.folder, scope.project, ours, ours / "scripts"):
        file = folder / path
        if is_file(file):
            return file.absolute()
    return None


def _start(path: Path, add: Add) -> tuple[str, ...] | None:
    if path.suffix == ".py":
        return (sys.executable, str(path))
    if os.access(path, os.X_OK):
        return (str(path),)
    shell = shutil.which("sh") if path.suffix in (".sh", ".bash") else None
    if shell is not None:
        return (shell, str(path))
    add(f"the script {shown(path.name)} is not executable", f"run 'chmod +x {path.name}'")
    return None


def _program(name: str) -> str | None:
    return sys.executable if name in _PYTHON else shutil.which(name)


def _missing(word: str, add: Add) -> None:
    if "/" in word or word.endswith(_SUFFIXES):
        hint = "looked in the ensemble's folder, the project and its .llm-orc folder"
        add(f"there is no script {shown(word)}", hint)
    else:
        add(f"there is no program {shown(word)}", "install it, or give the path of a script")
