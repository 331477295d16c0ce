"""A run as one HTML file that needs no server: the same page, with what it would ask for inside of it."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from hashlib import sha256
from html import escape
from string import Template

from llm_orc.domain.json import JsonValue
from llm_orc.serve.pages import PAGE

_IMPORT = re.compile(r'^import \{ (.*?) \} from "\./(.*?)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export (?=(?:async )?(?:function|class|const|let) (\w+))", re.MULTILINE)
_STYLES = ("style.css", "run.css")
_FILE = Template("""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src $script; \
style-src $style; base-uri 'none'; form-action 'none'; \
require-trusted-types-for 'script'; trusted-types 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>$title</title>
<style>$styles</style>
</head>
<body>
<a class="skip" href="#main">Skip to content</a>
<header id="top"></header>
<main id="main" tabindex="-1"></main>
<div id="said" class="unseen" role="status" aria-live="polite"></div>
<script type="application/json" id="recorded">$recorded</script>
<script>$scripts</script>
</body>
</html>
""")


def standalone(title: str, answers: dict[str, JsonValue]) -> str:
    """The file. `answers` are those of the server by path; the first path is the run's own."""
    scripts, styles = _bundled("main.js"), "\n".join(_text(name) for name in _STYLES)
    # Nothing in it may end the element that it stands in, or begin another one.
    recorded = json.dumps(answers, ensure_ascii=False).replace("<", "\\u003c").replace("-->", "--\\u003e")
    return _FILE.substitute(
        title=escape(title), script=_hash(scripts), style=_hash(styles), styles=styles, scripts=scripts,
        recorded=recorded,
    )  # fmt: skip


def _bundled(first: str) -> str:
    """The modules that `first` needs, and itself, as one script: each a function that gives its exports."""
    order: list[str] = []
    _visit(first, order)
    parts = ['"use strict";', "const modules = {};"]
    for name in order:
        text = _text(name)
        exports = ", ".join(_EXPORT.findall(text))
        body = _EXPORT.sub("", _IMPORT.sub(r'const { \1 } = modules["\2"];', text))
        parts.append(f'modules["{name}"] = (() => {{\n{body}\nreturn {{ {exports} }};\n}})();')
    return "\n".join(parts)


def _visit(name: str, order: list[str]) -> None:
    for _, needed in _IMPORT.findall(_text(name)):
        if needed not in order:
            _visit(needed, order)
    order.append(name)


def _text(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
