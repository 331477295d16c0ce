"""What a page of runs needs: the journal as it grows, the map of a run, and its process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.json import JsonValue
from llm_orc.domain.recorded import RecordedRun
from llm_orc.errors import OrcError
from llm_orc.orchestrator import Orchestrator

if TYPE_CHECKING:
    from llm_orc.run.journal_following import Following as Following

Fold = Literal["none", "twins", "layers"]


def follow(orchestrator: Orchestrator) -> Following:
    """The project's journal, to be read while runs write to it."""
    from llm_orc.run.journal_following import Following

    return Following(orchestrator.runs.path)


def map_of(depends_on: Mapping[str, Sequence[str]], fold: Fold) -> dict[str, JsonValue]:
    """Where the agents of a run stand. Raises `ValueError` for what is no DAG."""
    from llm_orc.graph.run_map import run_map

    return run_map(depends_on, fold)


def agents_of(orchestrator: Orchestrator, run: RecordedRun) -> dict[str, JsonValue]:
    """What the file of a run says of its agents; nothing where it is not as it was then."""
    ensemble = _as_it_was(orchestrator, run)
    if ensemble is None:
        return {}
    from llm_orc.graph.card import card, kind_of

    return {
        name: {
            "kind": kind_of(agent),
            "served_by": card(agent).line,
            "when": None if agent.when is None else agent.when.source,
            "output": name in ensemble.outputs,
        }
        for name, agent in ensemble.agents.items()
    }


def models_of(orchestrator: Orchestrator) -> dict[str, JsonValue]:
    """The room of the catalogue's models as it is known now, by name."""
    try:
        models = orchestrator.fleet.models
    except OrcError:
        return {}
    return {
        model.name: {"provider": model.provider, "vram_gb": model.vram_gb, "priced": model.price is not None}
        for model in models.values()
    }


def room_of(orchestrator: Orchestrator) -> list[float]:
    """The room of each device as the catalogue gives it, in GB; nothing where it does not."""
    try:
        return list(orchestrator.fleet.vram_gb)
    except OrcError:
        return []


def interrupt(run: RecordedRun) -> None:
    """Ask the process that is at work on a run to end it in order. Raises `UsageFailed`."""
    from llm_orc.run.processes import interrupt as ask

    ask(run.process)


def is_own(run: RecordedRun) -> bool:
    """Whether this process is the one that is at work on it."""
    from llm_orc.run.processes import this_process

    return run.process == this_process()


def _as_it_was(orchestrator: Orchestrator, run: RecordedRun) -> Ensemble | None:
    path = Path(run.source)
    try:
        if not run.source or sha256(path.read_bytes()).hexdigest() != run.hash:
            return None
        return orchestrator.load(path, need_models=False)
    except (OSError, OrcError):
        return None
