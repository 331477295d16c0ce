"""The Python API: load ensembles, run them, watch what happens.

Importing the package costs nothing: those who only read what is recorded do not wait for what runs ensembles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_orc.orchestrator.orchestrator import Orchestrator

__all__ = ["Orchestrator"]


def __getattr__(name: str) -> object:
    if name == "Orchestrator":
        from llm_orc.orchestrator.orchestrator import Orchestrator

        return Orchestrator
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
