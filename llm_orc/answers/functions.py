"""Functions of the user's, by `file.py:name` or `module:name`."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from llm_orc.domain.text import one_line
from llm_orc.errors import ScriptFailed, UsageFailed

_WIDTH = 200


def user_function(spec: str, folder: Path | None = None) -> Callable[..., Any]:
    """The function; a relative file starts from `folder`, or from where the program runs.

    Raises `UsageFailed` when it cannot be loaded. What it raises itself when it is called comes as
    `ScriptFailed`.
    """
    where, colon, name = spec.rpartition(":")
    if not (colon and where and name):
        raise UsageFailed(f"{spec!r} names no function", hint="write file.py:name or module:name")
    try:
        module = (
            _of_file((folder or Path()) / where) if where.endswith(".py") else importlib.import_module(where)
        )
    except (Exception, SystemExit) as error:  # what the user's file raises
        raise UsageFailed(f"{where} cannot be loaded: {_said(error)}") from error
    function = getattr(module, name, None)
    if not callable(function):
        raise UsageFailed(f"{where} has no function {name!r}")

    def call(*arguments: object) -> object:
        try:
            return function(*arguments)
        except (Exception, SystemExit) as error:
            raise ScriptFailed(f"{spec} failed: {_said(error)}") from error

    return call


def _of_file(file: Path) -> ModuleType:
    found = importlib.util.spec_from_file_location(f"llm_orc_user_{file.stem}", file)
    if found is None or found.loader is None or not file.is_file():
        raise ImportError("there is no such file")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    return module


def _said(error: BaseException) -> str:
    return one_line(f"{type(error).__name__}: {error}", _WIDTH)
