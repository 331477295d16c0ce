"""Whether two expressions are equal, by math-verify, in a process of its own.

Some expressions take for ever to evaluate (`9^{9^9}`), and a thread that does so cannot be stopped; nor can
the library stop itself outside of the main thread, where its time limit by signals does not work.
"""

from __future__ import annotations

import atexit
import importlib.util
import json
import re
import subprocess
import sys
from threading import Lock

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
    """One process at a time, started on first use and again after each time that it ran out of time."""

    def __init__(self) -> None:
        self._process: subprocess.Popen[str] | None = None
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

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _verdict(self, one: str, other: str) -> bool | None:
        if (one, other) in self._known:
            return self._known[one, other]
        if self._process is None:
            self._process = _started()
        reply = _asked(self._process, json.dumps([one, other]))
        if not reply:
            self._stop()
            return None
        return reply == "true"

    def _keep(self, one: str, other: str, *, verdict: bool) -> None:
        if len(self._known) >= KEPT:
            self._known = {}
        self._known[one, other] = verdict

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _started() -> subprocess.Popen[str]:
    if importlib.util.find_spec("math_verify") is None:
        raise NotAvailable(
            "comparing expressions needs the package 'math-verify'", hint="pip install 'llm-orc[maths]'"
        )
    process = subprocess.Popen(
        [sys.executable, "-m", "llm_orc.answers.verifying"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, encoding="utf-8",
        start_new_session=True,
    )  # fmt: skip
    if not _reply(process):
        process.communicate()
        raise NotAvailable("math-verify does not start", hint="try: python -c 'import math_verify'")
    return process


def _asked(process: subprocess.Popen[str], line: str) -> str:
    """Its reply, "" when it ended instead."""
    assert process.stdin is not None
    try:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    except OSError:
        return ""
    return _reply(process)


def _reply(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()


# Two runs may share it: it keeps nothing but a process.
_VERIFIER = Verifier()
atexit.register(_VERIFIER.close)
