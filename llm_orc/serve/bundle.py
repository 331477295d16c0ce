"""The scripts of the page as one: asked for one by one, those that others need would come last."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

PAGE = Path(__file__).with_name("page")
_IMPORT = re.compile(r'^import \{ (.*?) \} from "\./(.*?)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let) (\w+))", re.MULTILINE)


@cache
def bundled(first: str) -> str:
    """The modules that `first` needs, and itself, as one script: each a function that gives its exports."""
    order: list[str] = []
    _visit(first, order)
    parts = ['"use strict";', "const modules = {};"]
    for name in order:
        text = text_of(name)
        exports = ", ".join(_EXPORT.findall(text))
        body = _EXPORT.sub("", _IMPORT.sub(r'const { \1 } = modules["\2"];', text))
        parts.append(f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();')
    return "\n".join(parts)


def _visit(name: str, order: list[str]) -> None:
    for _, needed in _IMPORT.findall(text_of(name)):
        if needed not in order:
            _visit(needed, order)
    order.append(name)


def text_of(name: str) -> str:
    """A file of the page."""
    return (PAGE / name).read_text(encoding="utf-8")
