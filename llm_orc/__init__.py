"""llm-orc: ensembles of language models, written in YAML.

Importing the package costs nothing: each public name is loaded on first use.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_orc.domain.ensemble import Ensemble
    from llm_orc.domain.events import Event
    from llm_orc.domain.outcome import Answered, Failed, RunResult, Skipped
    from llm_orc.errors import InvalidFile, OrcError, Problem
    from llm_orc.orchestrator import Orchestrator

__version__ = "0.1.0"

_HOMES = {
    "Answered": "llm_orc.domain.outcome",
    "Ensemble": "llm_orc.domain.ensemble",
    "Event": "llm_orc.domain.events",
    "Failed": "llm_orc.domain.outcome",
    "InvalidFile": "llm_orc.errors",
    "OrcError": "llm_orc.errors",
    "Orchestrator": "llm_orc.orchestrator",
    "Problem": "llm_orc.errors",
    "RunResult": "llm_orc.domain.outcome",
    "Skipped": "llm_orc.domain.outcome",
}

__all__ = [
    "Answered",
    "Ensemble",
    "Event",
    "Failed",
    "InvalidFile",
    "OrcError",
    "Orchestrator",
    "Problem",
    "RunResult",
    "Skipped",
]


def __getattr__(name: str) -> object:
    if name in _HOMES:
        return getattr(import_module(_HOMES[name]), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
