"""Changes to an ensemble file and its prompt files, to be looked at before they are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from llm_orc.domain.edit import Edit, FileChange
from llm_orc.domain.json import JsonValue
from llm_orc.errors import RewriteRefused
from llm_orc.spec.replace_file import replace_files
from llm_orc.spec.rewrite_file import rewrite_file
from llm_orc.spec.shipped import shipped

if TYPE_CHECKING:
    from llm_orc.orchestrator import Orchestrator


@dataclass(frozen=True, slots=True)
class Rewriting:
    """What becomes of an ensemble's files; nothing is written before `apply`.

    `changes` has the prompt files first and leaves out what stays as it is.
    """

    file: Path
    folder: Path
    changes: tuple[FileChange, ...]

    @property
    def text(self) -> str:
        """The ensemble file's new text, with its own line ends."""
        own = next((change.after for change in self.changes if change.path == self.file), None)
        return (self.file.read_bytes() if own is None else own).decode()

    def diff(self) -> str:
        """Every change as a unified diff, for `git apply` in the project's folder; "" for none."""
        return "".join(change.diff(self.folder) for change in self.changes)

    def apply(self) -> None:
        """Replace the files, all or none.

        Raises `RewriteRefused`, also where one changed meanwhile or comes with the package, of whose files
        the next version would undo the change.
        """
        library = shipped("ensembles").resolve()
        if self.file.resolve().is_relative_to(library) and not library.is_relative_to(self.folder.resolve()):
            raise RewriteRefused(
                f"{self.file} comes with llm-orc",
                hint="copy it into the project's ensembles/, and change that",
            )
        replace_files(self.changes)


def rewritten(
    orchestrator: Orchestrator, ensemble: str | Path, edits: Mapping[str, Mapping[str, JsonValue]]
) -> Rewriting:
    """An ensemble's files with other prompts, examples or settings.

    `edits` are agents, their keys as in `Edit`, and the new values; None takes a key out.

    Raises `InvalidFile`, `NotFound` for an unknown agent, and `RewriteRefused` where a change cannot be made
    without touching anything else.
    """
    file = orchestrator.locate(ensemble)
    listed = [
        Edit(agent=agent, key=key, value=value)
        for agent, keys in edits.items()
        for key, value in keys.items()
    ]
    changes = rewrite_file(file, listed, orchestrator.fleet)
    return Rewriting(file, orchestrator.project.absolute(), changes)
