"""What a page of runs needs: the journal as it grows, the map of a run, and its process."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.json import JsonValue
from llm_orc.domain.policy import Budget
from llm_orc.domain.recorded import RecordedRun
from llm_orc.errors import OrcError
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.options import options_of

if TYPE_CHECKING:
    from llm_orc.run.journal_following import Following as Following
    from llm_orc.run.journal_following import Lines as Lines

Fold = Literal["auto", "none", "twins", "layers"]


def follow(orchestrator: Orchestrator) -> Following:
    """The project's journal, to be read while runs write to it."""
    from llm_orc.run.journal_following import Following

    return Following(orchestrator.runs.path)


def check_journal(orchestrator: Orchestrator) -> None:
    """Raises `JournalFailed` for a journal that is there and cannot be read."""
    journal = follow(orchestrator)
    journal.changed()
    journal.close()


def map_of(depends_on: Mapping[str, Sequence[str]], fold: Fold) -> dict[str, JsonValue]:
    """Where the agents of a run stand. Raises `ValueError` for what is no DAG."""
    from llm_orc.graph.run_map import run_map

    return run_map(depends_on, fold)


def prepare() -> None:
    """Load what maps are made with, so that the first one does not wait for it."""
    import llm_orc.graph.run_map  # noqa: F401


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


def memory_of(project: Path) -> dict[str, JsonValue]:
    """What the catalogue says now, where it does: `vram_gb` of each model, and `room_gb` of each device."""
    try:
        fleet = Orchestrator(project).fleet
    except OrcError:
        return {"vram_gb": {}, "room_gb": []}
    known = {model.name: model.vram_gb for model in fleet.models.values() if model.vram_gb is not None}
    return {"vram_gb": known, "room_gb": list(fleet.vram_gb)}


def budget_of(orchestrator: Orchestrator, run: RecordedRun) -> dict[str, JsonValue]:
    """What the run may spend: `usd`, `tokens`, `calls`, `seconds`, each only where it is limited.

    What the file says counts where it still is as it was.
    """
    said = options_of(run.settings)
    ensemble = _as_it_was(orchestrator, run)
    budget, seconds = said.budget, [said.max_seconds]
    if ensemble is not None:
        budget = budget.over(ensemble.budget or Budget())
        seconds.append(ensemble.timeout_seconds)
    seconds.append(budget.seconds)
    limits = {
        "usd": budget.usd,
        "tokens": budget.tokens,
        "calls": budget.calls,
        "seconds": min((each for each in seconds if each is not None), default=None),
    }
    return {name: value for name, value in limits.items() if value is not None}


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
