"""Functions of the user's, by `file.py:name` or `module:name`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from traceback import extract_tb
from types import ModuleType
from typing import Any

from llm_orc.domain.text import one_line
from llm_orc.errors import ScriptFailed, UsageFailed

_WIDTH = 200


def user_function(spec: str, folder: Path | None = None) -> Callable[..., Any]:
    """The function; a relative file starts from `folder`, or from where the program runs.

    Raises `UsageFailed` when it cannot be loaded. What it raises itself when it is called comes as
    `ScriptFailed`, with the file and line of the user's.
    """
    where, colon, name = spec.rpartition(":")
    if not (colon and where and name):
        raise UsageFailed(f"{spec!r} names no function", hint="write file.py:name or module:name")
    try:
        module = (
            _of_file((folder or Path()) / where) if where.endswith(".py") else importlib.import_module(where)
        )
    except SyntaxError as error:
        place = f"{_shown(error.filename or where)}:{error.lineno or 1}:{error.offset or 1}"
        raise UsageFailed(f"{place}: {error.msg}", hint="Python cannot read the file") from error
    except (Exception, SystemExit) as error:  # what the user's file raises
        beside = (folder or Path()) / f"{where}.py"
        hint = f"did you mean {where}.py:{name}?" if beside.is_file() else ""
        raise UsageFailed(f"{where} cannot be loaded: {_said(error)}", hint=hint) from error
    function = getattr(module, name, None)
    if not callable(function):
        raise UsageFailed(f"{where} has no function {name!r}")

    @wraps(function)
    def call(*arguments: object) -> object:
        try:
            return function(*arguments)
        except (Exception, SystemExit) as error:
            raise failed(spec, call, error) from error

    return call


def failed(spec: str, function: Callable[..., Any], error: BaseException) -> ScriptFailed:
    """What became of a function that raised, with the last line of the user's own file that it came to."""
    file = _file_of(function)
    lines = [frame.lineno for frame in extract_tb(error.__traceback__) if frame.filename == file]
    at = f" at {_shown(file)}:{lines[-1]}" if lines else ""
    return ScriptFailed(f"{spec} failed{at}: {_said(error)}")


def place_of(function: Callable[..., Any]) -> str:
    """File and line of a function that `user_function` gave; "" where it has none."""
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    return "" if code is None else f"{_shown(code.co_filename)}:{code.co_firstlineno}"


def _file_of(function: Callable[..., Any]) -> str:
    code = getattr(getattr(function, "__wrapped__", function), "__code__", None)
    return "" if code is None else str(code.co_filename)


def _of_file(file: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location(f"llm_orc_user_{file.stem}", file)
    if found is None or found.loader is None or not file.is_file():
        raise ImportError("there is no such file")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _shown(file: str) -> str:
    path = Path(file)
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else file


def _said(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}", _WIDTH)
