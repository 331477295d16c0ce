"""From `script:` to the command that is run: a file, or a command line."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from pathlib import Path

from llm_orc.domain.ensemble import Script
from llm_orc.spec import fields
from llm_orc.spec.locate import is_file
from llm_orc.spec.redaction import shown
from llm_orc.spec.scope import Entry, Scope

_SUFFIXES = (".py", ".sh", ".bash", ".js", ".mjs", ".ts", ".rb", ".pl", ".R", ".php", ".lua")
_PYTHON = ("python", "python3")


def read_script(entry: Entry) -> Script | None:
    """The script of an agent; None when it is not there, which is reported."""
    text = fields.text(entry.own, "script").strip()
    command = _file(entry, text) if _looks_like_path(text) else _command_line(entry, text)
    if command is None:
        return None
    limit = fields.integer(entry.own, "max_output_bytes")
    script = Script(
        command=command,
        parameters=fields.mapping(entry.own, "parameters"),
        directory=str(entry.scope.project),
    )
    return script if limit is None else _limited(script, limit)


def _limited(script: Script, limit: int) -> Script:
    return Script(
        command=script.command,
        parameters=script.parameters,
        directory=script.directory,
        max_output_bytes=limit,
    )


def _looks_like_path(text: str) -> bool:
    return not any(c.isspace() for c in text) or (text.endswith(_SUFFIXES) and text.split()[0] not in _PYTHON)


def _file(entry: Entry, text: str) -> tuple[str, ...] | None:
    if not text:
        entry.add("script", "the script is empty")
        return None
    path = _search(entry.scope, text)
    if path is not None:
        return _start(entry, path)
    program = None if "/" in text or text.endswith(_SUFFIXES) else _program(text)
    if program is None:
        if len(text.split()) > 1:
            return _command_line(entry, text)
        _missing(entry, text)
        return None
    return (program,)


def _command_line(entry: Entry, text: str) -> tuple[str, ...] | None:
    try:
        words = shlex.split(text)
    except ValueError as error:
        entry.add("script", f"this is not a command line: {str(error).lower()}", "check its quotes")
        return None
    if not words:
        entry.add("script", "the script is empty")
        return None
    path = _search(entry.scope, words[0])
    if path is not None:
        start = _start(entry, path)
        return None if start is None else (*start, *words[1:])
    program = None if "/" in words[0] else _program(words[0])
    if program is None:
        _missing(entry, words[0])
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


def _start(entry: Entry, path: Path) -> tuple[str, ...] | None:
    if path.suffix == ".py":
        return (sys.executable, str(path))
    if os.access(path, os.X_OK):
        return (str(path),)
    shell = shutil.which("sh") if path.suffix in (".sh", ".bash") else None
    if shell is not None:
        return (shell, str(path))
    entry.add("script", f"the script {shown(path.name)} is not executable", f"run 'chmod +x {path.name}'")
    return None


def _program(name: str) -> str | None:
    return sys.executable if name in _PYTHON else shutil.which(name)


def _missing(entry: Entry, word: str) -> None:
    if "/" in word or word.endswith(_SUFFIXES):
        hint = "looked in the ensemble's folder, the project and its .llm-orc folder"
        entry.add("script", f"there is no script {shown(word)}", hint)
    else:
        entry.add("script", f"there is no program {shown(word)}", "install it, or give the path of a script")
