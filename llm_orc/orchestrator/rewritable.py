"""The files that a search is to change: as they were when it began, and whether they can be written."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from llm_orc.domain.edit import Edit, FileChange
from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.domain.model import Fleet
from llm_orc.errors import UsageFailed
from llm_orc.optimize.search_plan import Plan
from llm_orc.spec.document import bytes_of, decoded
from llm_orc.spec.ensemble_file import load_ensemble
from llm_orc.spec.replace_file import refuse_irreplaceable
from llm_orc.spec.rewrite_file import rewrite_file

_OF_EXAMPLES = {"labeled", "bootstrap", "random-search", "bootstrap-optuna"}
"""Optimizers that change no prompt."""


class Original:
    """An ensemble file and its prompt files, byte by byte as they were read."""

    def __init__(self, path: Path, fleet: Fleet) -> None:
        self._path = path
        self._fleet = fleet
        self._content: dict[Path, bytes] = {}
        self._loaded: Ensemble = load_ensemble(path, fleet, need_models=False, source=self.text)

    def changes(self, edits: Sequence[Edit]) -> tuple[FileChange, ...]:
        """What becomes of the files as they are now. Raises `RewriteRefused`, also where they are not loaded
        as they were any more: what would be written was not measured."""
        return rewrite_file(self._path, edits, self._fleet, was=self._loaded)

    def kept(self, edits: Sequence[Edit]) -> tuple[FileChange, ...]:
        """What would have become of them. Raises `RewriteRefused`."""
        return rewrite_file(self._path, edits, self._fleet, read=self._read)

    def refuse_unwritable(
        self, ensemble: Ensemble, plan: Plan, *, in_place: bool, output: Path | None = None
    ) -> None:
        """Raise what could be raised when all is paid for: `RewriteRefused`, `UsageFailed`."""
        edits = []
        if plan.instructions is not None or not set(plan.chain) <= _OF_EXAMPLES:
            edits = [
                Edit(agent=name, key="system_prompt", value=f"{work.system_prompt}.")
                for name in plan.agents
                if isinstance(work := ensemble.agents[name].work, Llm)
            ]
        changed = [change.path for change in self.changes(edits)]
        if output is not None:
            refuse_beside(changed, self._path)
        elif in_place:
            refuse_irreplaceable([*(path for path in changed if path != self._path), self._path])

    def text(self, file: Path) -> str:
        """Of one of the files, as it was."""
        return decoded(self._read(file), str(file))

    def _read(self, file: Path) -> bytes:
        place = file.resolve()
        if place not in self._content:
            self._content[place] = bytes_of(file)
        return self._content[place]


def refuse_beside(changed: Sequence[Path], ensemble: Path) -> None:
    """Raise `UsageFailed` where not only the ensemble's own file changes: a copy of it would not do."""
    others = [path for path in changed if path != ensemble]
    if others:
        raise UsageFailed(f"--output: the change is in {others[0]} too", hint="write in place, or --dry-run")
