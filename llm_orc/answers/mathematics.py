"""Whether two expressions are equal, by math-verify, in a process of its own.

Some expressions take for ever to evaluate (`9^{9^9}`), and a thread that does so cannot be stopped; nor can
the library stop itself outside of the main thread, where its time limit by signals does not work.
"""

from __future__ import annotations

import importlib.util
import re
from threading import Lock

from llm_orc.answers.stoppable import Stoppable
from llm_orc.errors import NotAvailable

LONGEST = 300
"""Characters; longer texts are no expression."""
KEPT = 4_096
"""Verdicts that are remembered."""
_SIGNS = re.compile(r"[\\^=√π]|\d\s*[-+*/]|[-+*/]\s*\d|\bsqrt\b|\b[A-Za-z]\s*[+*]\s*[A-Za-z]\b|\b[A-Za-z\d]!")
_COMMAND = re.compile(r"\\[A-Za-z]+|\b(?:sin|cos|tan|log|exp|sqrt|pi)\b")
_WORD = re.compile(r"[^\W\d_]{3}")
_TERM = re.compile(r"[-+]?\d{0,9}\s*[A-Za-z]")
_SERIES = re.compile(r"\d+(?:\s*[-–/.:]\s*\d+)+")


def is_expression(text: str) -> bool:
    """Whether it looks like mathematics: no prose, nor a date, a score or a range (`3-2` is not 1)."""
    return (
        len(text) <= LONGEST
        and bool(_SIGNS.search(text))
        and not _WORD.search(_COMMAND.sub(" ", text))
        and not _SERIES.fullmatch(text)
    )


def is_term(text: str) -> bool:
    """Whether it may be mathematics next to an expression: `x`, `2x`."""
    return bool(_TERM.fullmatch(text))


def equal(one: str, other: str) -> bool | None:
    """Whether two expressions are equal; False for what cannot be read, None where it takes too long.

    An expression that took too long is not evaluated again: it equals nothing from then on. Raises
    `NotAvailable` without the package math-verify.
    """
    return _VERIFIER.equal(one, other)


class Verifier:
    """Remembers verdicts, and which expressions took too long."""

    def __init__(self) -> None:
        self._process = Stoppable("equal")
        self._known: dict[tuple[str, str], bool] = {}
        self._lock = Lock()

    def equal(self, one: str, other: str) -> bool | None:
        with self._lock:
            for text in (one, other):
                # Each is evaluated alone first, so that one that takes for ever is told from its neighbours.
                if (text, text) not in self._known and self._verdict(text, "0") is None:
                    self._keep(text, text, verdict=False)
                    return None
                self._known.setdefault((text, text), True)
            if not (self._known[one, one] and self._known[other, other]):
                return False
            verdict = self._verdict(one, other)
            self._keep(one, other, verdict=bool(verdict))
            return verdict

    def _verdict(self, one: str, other: str) -> bool | None:
        if (one, other) in self._known:
            return self._known[one, other]
        if importlib.util.find_spec("math_verify") is None:
            raise NotAvailable(
                "comparing expressions needs the package 'math-verify'", hint="pip install 'llm-orc[maths]'"
            )
        try:
            return self._process.ask(one, other)
        except OSError as error:
            raise NotAvailable(
                "math-verify does not start", hint="try: python -c 'import math_verify'"
            ) from error

    def _keep(self, one: str, other: str, *, verdict: bool) -> None:
        if len(self._known) >= KEPT:
            self._known = {}
        self._known[one, other] = verdict


# Two runs may share it: it keeps nothing but a process.
_VERIFIER = Verifier()
