"""Whether and where runs are recorded."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from llm_orc.domain.json import JsonObject
from llm_orc.errors import UsageFailed
from llm_orc.spec.locate import records_path
from llm_orc.spec.settings import Settings

if TYPE_CHECKING:
    from llm_orc.domain.ensemble import Ensemble
    from llm_orc.run.journal import Journal, RunRecorder


class Recording:
    """The journal of one project, opened when a run is first recorded. `wanted` as in `Orchestrator`."""

    def __init__(self, project: Path, wanted: Path | str | bool | None) -> None:
        self._project = project
        self._wanted = wanted
        self._journal: Journal | None = None

    def path(self, settings: Settings) -> Path:
        """Where runs are recorded: where the settings say, in the project, or among the user's data."""
        if settings.runs is None:
            return records_path(self._project)
        path = Path(settings.runs).expanduser()
        if not path.name:
            raise UsageFailed(f"runs: {settings.runs!r} is not a file", hint="name one: --runs PATH")
        return path

    def place(self, settings: Settings) -> Path | None:
        """Where new runs are recorded, None where they are not."""
        has_place = settings.runs is not None or (self._project / ".llm-orc").is_dir()
        if self._wanted is False or (self._wanted is None and not has_place):
            return None
        return self.path(settings)

    async def begin(
        self,
        ensemble: Ensemble,
        inputs: JsonObject,
        given: JsonObject,
        settings: Settings,
        run_id: str | None,
    ) -> AbstractAsyncContextManager[RunRecorder | None]:
        """The journal of a new run, or of `run_id` taken up again; None where runs are not recorded.

        Raises `JournalFailed`, and `UsageFailed` for a run that cannot be taken up.
        """
        path = self.place(settings)
        if path is None:
            return nullcontext()
        from llm_orc.run.journal import Journal, Opening

        if self._journal is None:
            self._journal = Journal(path, keep_content=settings.keep_content)
        if run_id is not None:
            return await self._journal.resume(run_id)
        source, text, parts = _files_of(ensemble)
        opening = Opening(
            ensemble=ensemble.name, source=source, text=text, parts=parts, inputs=inputs, settings=given
        )
        return await self._journal.begin(opening)

    async def aclose(self) -> None:
        """Write what is left and let go of the file."""
        journal, self._journal = self._journal, None
        if journal is not None:
            await anyio.to_thread.run_sync(journal.close)


def _files_of(ensemble: Ensemble) -> tuple[str, str, dict[str, str]]:
    """The path and the text of the file that the ensemble came from, and those of its other files."""
    source = str(Path(ensemble.source).absolute()) if ensemble.source else ""
    parts = dict(ensemble.files)
    return source, parts.pop(source, ""), parts
