"""What doors show of a run, and the formats that they print."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from llm_orc.domain.events import Observer
from llm_orc.spec.schema import schema_text

if TYPE_CHECKING:
    from llm_orc.trace.live import LiveView


def live_view() -> LiveView:
    """A context manager and observer that draws a run on the terminal's standard error."""
    from llm_orc.trace.live import LiveView

    return LiveView()


def plain_progress(write: Callable[[str], None], *, verbose: bool) -> Observer:
    """An observer that writes a line per agent."""
    from llm_orc.trace.progress import PlainProgress

    return PlainProgress(write, verbose=verbose)


def plain_warnings(write: Callable[[str], None]) -> Observer:
    """An observer that writes a line per warning."""
    from llm_orc.trace.progress import PlainWarnings

    return PlainWarnings(write)


def schema_of(kind: Literal["ensemble", "models", "config"]) -> str:
    """The JSON Schema of a file format, as text."""
    return schema_text(kind)
