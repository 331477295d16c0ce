"""How far an optimization is, on standard error: a line that changes on a terminal, else one now and then."""

from __future__ import annotations

import os
import sys
from time import monotonic
from types import TracebackType
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from llm_orc.optimize.optimization import Progress

_ON_TERMINAL, _ELSEWHERE = 0.2, 10.0
"""Seconds between lines; a new best score is told at once."""


class Progressing:
    """Told of every score. DSPy's own output goes elsewhere meanwhile: the stream is taken beforehand."""

    def __init__(self, quiet: bool) -> None:
        self._stream = sys.stderr
        self._quiet = quiet
        self._live = self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._best: float | None = None
        self._phase = ""
        self._last = 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live and not self._quiet:
            self._stream.write("\r\x1b[K")
            self._stream.flush()

    def __call__(self, progress: Progress) -> None:
        if self._quiet:
            return
        news = progress.best != self._best or progress.phase != self._phase
        patience = _ON_TERMINAL if self._live else _ELSEWHERE
        if not news and monotonic() - self._last < patience:
            return
        self._best, self._phase, self._last = progress.best, progress.phase, monotonic()
        text = line(progress)
        self._stream.write(f"\r\x1b[K{text}" if self._live else f"{text}\n")
        self._stream.flush()


def line(progress: Progress) -> str:
    """One line: what is going on, what it took, and the best score on the validation rows."""
    best = "-" if progress.best is None else f"{progress.best:.3f}"
    baseline = "-" if progress.baseline is None else f"{progress.baseline:.3f}"
    replayed = f" + {progress.replayed} from the journal" if progress.replayed else ""
    spent = "" if progress.usd is None else f", ${progress.usd:.4f}"
    return (
        f"{progress.phase}: candidate {progress.candidates}, {progress.calls} calls{replayed}"
        f"{spent}, best {best} (before {baseline})"
    )
