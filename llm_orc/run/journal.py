"""The journal: what is kept of runs, written before anything is built on it.

A completed call of a model is on the disk before its strategy sees the answer. Events are written in order
and together: with the next call, after `LINGER_SECONDS`, or at the end of the run.
"""

from __future__ import annotations

import json
import sqlite3
import weakref
from collections import deque
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from hashlib import sha256
from pathlib import Path
from time import time
from types import TracebackType
from typing import Self

import anyio

from llm_orc.domain.call_json import completion_of, request_key
from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.events import Event
from llm_orc.domain.json import JsonObject
from llm_orc.domain.recorder import ModelCall, Work, WorkKind, new_run_id
from llm_orc.errors import JournalFailed, OrcError
from llm_orc.run.attempt import cause_of
from llm_orc.run.journal_checksums import checksum_of
from llm_orc.run.journal_past import Past, taken_up
from llm_orc.run.journal_rows import Rows, to_text
from llm_orc.run.journal_writer import Writer
from llm_orc.run.processes import this_process

_RUN = """
    INSERT INTO runs (
        run, ensemble, source, text, hash, inputs, settings, parts, checksum, status, started_at
    ) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, 'running', ?)
"""
_ATTEMPT = "INSERT INTO attempts (run, number, started_at, status, process) VALUES (?, ?, ?, 'running', ?)"


@dataclass(frozen=True, slots=True, kw_only=True)
class Opening:
    """What is known of a run before it begins. `text` is that of the file `source`, "" without one; `parts`
    are the texts of the other files that it refers to, by path; `settings` are those that were given to the
    run and are not in the file."""

    ensemble: str
    source: str
    text: str
    inputs: JsonObject
    settings: JsonObject
    parts: Mapping[str, str] = field(default_factory=dict)


class Journal:
    """Records the runs of one process in one file. Any number of processes may do so at once."""

    def __init__(self, path: Path, *, keep_content: bool = True) -> None:
        self.path = path
        self._keep = keep_content
        self._writer: Writer | None = None

    async def begin(self, opening: Opening) -> RunRecorder:
        """The recorder of a new run. Raises `JournalFailed` before anything is run."""
        writer, run_id = self._open(), new_run_id()
        opened: list[Rows] = []

        def insert(database: sqlite3.Connection) -> None:
            opened.append(Rows(_opened(database, run_id, opening, self._keep), 1, keep_content=self._keep))

        await writer.commit(insert, durable=False)
        return RunRecorder(writer, run_id, opened[0], Past())

    async def resume(self, run_id: str) -> RunRecorder:
        """The recorder of another attempt at a run that is known. Raises `JournalFailed`, and `UsageFailed`
        for a run that cannot be taken up."""
        writer = self._open()
        found: list[Past | OrcError] = []
        await writer.commit(lambda database: found.append(taken_up(database, run_id, self.path)))
        past = found[0]
        if isinstance(past, OrcError):
            raise past
        rows = Rows(past.row, past.attempt, keep_content=self._keep)
        rows.go_on(past.calls)
        return RunRecorder(writer, run_id, rows, past)

    def close(self) -> None:
        """Write what is left and let go of the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None

    def _open(self) -> Writer:
        if self._writer is None or self._writer.failed:
            self._writer = Writer(self.path)
            # Also for those who never close it, at the latest when the process ends.
            weakref.finalize(self, self._writer.close)
        return self._writer


class RunRecorder:
    """The journal of one run, from its beginning to the end of the `async with` block."""

    def __init__(self, writer: Writer, run_id: str, rows: Rows, past: Past) -> None:
        self.run_id = run_id
        self.attempt = past.attempt
        self.last_seq = past.last_seq
        self.spent = past.spent
        self.brought_nothing = past.brought_nothing
        self._past = past
        self._writer = writer
        self._rows = rows
        self._events: deque[Event] = deque()
        self._finished = False
        self._failure: JournalFailed | None = None
        self._broken = anyio.Event()

    async def __aenter__(self) -> Self:
        self._writer.tell(self._break)
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._writer.tell_no_more(self._break)
        job = None if self._finished else self._abandon
        # A journal that broke has ended the run already; what was said then is not said again.
        with anyio.CancelScope(shield=True), suppress(JournalFailed):
            await self._writer.commit(job)

    def observe(self, event: Event, /) -> None:
        self._events.append(event)
        self._finished |= event.what.type == "run_finished"
        # Whoever finds events waiting knows that a job for them is on its way.
        if len(self._events) <= 1:
            self._writer.put(self._write_events)

    def recall(self, agent: str, request: Request) -> Completion | None:
        if not self._past.answers:
            return None
        kept = self._past.answers.get((agent, request_key(request)))
        return completion_of(json.loads(kept.popleft())) if kept else None

    def recall_work(self, kind: WorkKind, agent: str, key: bytes) -> Work | None:
        kept = self._past.works.get((agent, key))
        return Work(kind=kind, agent=agent, key=key, output=json.loads(kept.popleft())) if kept else None

    async def record_work(self, work: Work) -> None:
        job = partial(self._write_work, work)
        if work.kind == "route":
            self._writer.put(job)
            return
        try:
            await self._writer.commit(job, durable=False)
        except JournalFailed:
            await anyio.sleep_forever()

    async def record(self, call: ModelCall) -> None:
        job = partial(self._write_call, call)
        if call.completion is None or call.cached:
            # A cached answer would be found again.
            self._writer.put(job)
            return
        try:
            await self._writer.commit(job)
        except JournalFailed:
            # Nothing may be built on an answer that could be lost; `broken` ends the run.
            await anyio.sleep_forever()

    async def flush(self) -> Cause | None:
        try:
            await self._writer.commit(durable=False)
        except JournalFailed as error:
            return cause_of(error)
        return None

    async def broken(self) -> Cause:
        await self._broken.wait()
        assert self._failure is not None
        return cause_of(self._failure)

    def _break(self, error: JournalFailed) -> None:
        self._failure = error
        self._broken.set()

    def _write_events(self, database: sqlite3.Connection) -> None:
        while self._events:
            self._rows.event(database, self._events.popleft())

    def _write_call(self, call: ModelCall, database: sqlite3.Connection) -> None:
        self._rows.call(database, call)

    def _write_work(self, work: Work, database: sqlite3.Connection) -> None:
        self._rows.work(database, work)

    def _abandon(self, database: sqlite3.Connection) -> None:
        """The run was cancelled from outside, or ended by a bug."""
        self._write_events(database)
        now = time()
        database.execute(
            "UPDATE runs SET status = 'interrupted', ended_at = ? WHERE run = ?", (now, self.run_id)
        )
        self._rows.ended(database, "interrupted", now)


def _opened(database: sqlite3.Connection, run_id: str, opening: Opening, keep_content: bool) -> int:
    """The row of a new run."""
    now = time()
    text, inputs, parts = None, None, None
    if keep_content:
        text, inputs, parts = opening.text, to_text(opening.inputs), to_text(dict(opening.parts))
    given = (
        run_id, opening.ensemble, opening.source, text, sha256(opening.text.encode()).hexdigest(), inputs,
        to_text(opening.settings), parts,
    )  # fmt: skip
    row = database.execute(_RUN, (*given, checksum_of(*given), now)).lastrowid
    assert row is not None
    database.execute(_ATTEMPT, (row, 1, now, this_process()))
    return row
