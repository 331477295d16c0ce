"""A run as one HTML file that needs no server: the same page, with what it would ask for inside of it."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from html import escape
from string import Template

from llm_orc.domain.json import JsonValue
from llm_orc.serve.bundle import bundled, text_of

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
    scripts, styles = bundled("main.js"), "\n".join(text_of(name) for name in _STYLES)
    # Nothing in it may end the element that it stands in, or begin another one.
    recorded = json.dumps(answers, ensure_ascii=False).replace("<", "\\u003c").replace("-->", "--\\u003e")
    return _FILE.substitute(
        title=escape(title), script=_hash(scripts), style=_hash(styles), styles=styles, scripts=scripts,
        recorded=recorded,
    )  # fmt: skip


def _hash(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"
