"""What the page can do to a run: cancel it, resume it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, MutableMapping
from tempfile import TemporaryFile
from typing import TYPE_CHECKING

import anyio

from llm_orc.domain.json import JsonValue
from llm_orc.domain.recorded import RecordedRun
from llm_orc.errors import NotAvailable, UsageFailed
from llm_orc.orchestrator import Orchestrator
from llm_orc.orchestrator.showing import interrupt, is_own

if TYPE_CHECKING:
    from llm_orc.orchestrator.showing import Following

RESUMABLE = frozenset({"failed", "partial", "interrupted", "killed"})
_LOOK_SECONDS = 0.1
_START_SECONDS = 30.0
_MOST_CHILDREN = 8
_LONGEST = 4000


class Actions:
    """`interrupts` end the runs of this process, by their ids."""

    def __init__(
        self,
        orchestrator: Orchestrator,
        journal: Following,
        interrupts: Mapping[str, anyio.Event],
    ) -> None:
        self._orchestrator = orchestrator
        self._journal = journal
        self._interrupts = interrupts
        self._children: MutableMapping[str, subprocess.Popen[bytes]] = {}

    def offered(self, run: RecordedRun) -> dict[str, JsonValue]:
        """Which of them make sense now."""
        cancel = run.status == "running" and (not is_own(run) or run.run_id in self._interrupts)
        resume = run.status in RESUMABLE and bool(run.source and run.text) and run.inputs is not None
        return {"cancel": cancel, "resume": resume}

    def cancel(self, run: RecordedRun) -> None:
        """Ask whoever runs it to end it in order; the run tells itself when it has. Raises `UsageFailed`."""
        if run.status != "running":
            raise UsageFailed(f"the run is not running: {run.status}")
        own = self._interrupts.get(run.run_id)
        if own is not None:
            own.set()
        elif is_own(run):
            raise NotAvailable("the run is part of this server", hint="end the server")
        else:
            interrupt(run)

    async def resume(self, run: RecordedRun) -> None:
        """Have a process of its own go on with the run; returns when it does. Raises `UsageFailed`."""
        if run.status not in RESUMABLE:
            raise UsageFailed(f"the run cannot be resumed: {run.status}")
        self._forget_ended()
        if run.run_id in self._children or len(self._children) >= _MOST_CHILDREN:
            raise UsageFailed("it is being resumed already, or too many others are", hint="wait for them")
        command = [
            sys.executable, "-m", "llm_orc", "runs", "resume", run.run_id, "--runs", str(self._journal.path),
            "--quiet",
        ]  # fmt: skip
        with TemporaryFile() as said:
            # Not one of the event loop's processes: those are killed when it closes.
            child = subprocess.Popen(  # noqa: ASYNC220 - it takes some milliseconds
                command, cwd=self._orchestrator.project, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                stderr=said, start_new_session=True,
            )  # fmt: skip
            self._children[run.run_id] = child
            with anyio.move_on_after(_START_SECONDS):
                while child.poll() is None:
                    if await self._attempts(run) > run.attempts:
                        return
                    await anyio.sleep(_LOOK_SECONDS)
            if await self._attempts(run) == run.attempts:
                said.seek(0)
                raise _refused(said.read(_LONGEST).decode(errors="replace"))

    async def _attempts(self, run: RecordedRun) -> int:
        return (await anyio.to_thread.run_sync(self._journal.find, run.run_id)).attempts

    def _forget_ended(self) -> None:
        for name, child in tuple(self._children.items()):
            if child.poll() is not None:
                del self._children[name]


def _refused(said: str) -> UsageFailed:
    """What the command line said, as an error of its own."""
    message, _, hint = said.strip().partition("\nhint: ")
    return UsageFailed(message.removeprefix("error: ") or "it did not begin", hint=hint.partition("\n")[0])
