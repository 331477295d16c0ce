"""A journal that is read while other processes write to it: what is new, what was asked, what matches."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from string import ascii_uppercase

from llm_orc.domain.json import JsonObject
from llm_orc.domain.recorded import RecordedRun
from llm_orc.run.database import reading, said_clearly
from llm_orc.run.journal_reading import Runs
from llm_orc.run.journal_recorded import CALLS

_MATCHING = """
    SELECT run FROM runs
    WHERE (:ensemble IS NULL OR ensemble = :ensemble) AND (:before IS NULL OR started_at < :before) AND (
        :text IS NULL OR instr(lower(run || ' ' || ensemble || ' ' || source), :text)
        OR instr(lower(
            coalesce(inputs, '') || ' ' || coalesce(output, '') || ' ' || coalesce(error, '')
        ), :json)
        OR EXISTS (
            SELECT 1 FROM agents WHERE agents.run = runs.id AND (
                instr(lower(agent || ' ' || coalesce(model, '')), :text)
                OR instr(lower(coalesce(json_extract(error, '$.message', '$.kind'), '')), :json)
            )
        )
        OR EXISTS (
            SELECT 1 FROM events INDEXED BY events_of_ends
            WHERE events.run = runs.id AND type = 'agent_finished' AND instr(lower(json), :json)
                AND instr(lower(json_extract(json, '$.outcome.output', '$.outcome.evidence.rungs')), :json)
        )
    )
    ORDER BY started_at DESC, id DESC
"""
_CALLS = f"""{CALLS}
    WHERE calls.run = ?1 AND calls.kind = 'model' AND calls.agent = ?2 AND calls.id > ?3
    ORDER BY calls.id LIMIT ?4
"""

_LOWER = {ord(upper): upper.lower() for upper in ascii_uppercase}
"""As SQLite has it."""

Lines = Sequence[tuple[int, str]]
"""Events as the journal has them: `seq`, and the JSON of a line of `jsonl`."""


class Following(Runs):
    """The runs of a journal, and what happens in it. `changed` and `close` belong to one thread at a time."""

    _database: sqlite3.Connection | None = None
    _version: tuple[int, int, int] | None = None

    def changed(self) -> bool:
        """Whether anything was written since this was last asked; costs some microseconds."""
        with said_clearly(self.path):
            try:
                file = self.path.stat()
            except FileNotFoundError:
                self.close()
                return False
            if self._version is None or self._version[:2] != (file.st_dev, file.st_ino):
                self.close()
                self._stack = ExitStack()
                self._database = self._stack.enter_context(reading(self.path))
            assert self._database is not None
            (written,) = self._database.execute("PRAGMA data_version").fetchone()
            before, self._version = self._version, (file.st_dev, file.st_ino, written)
        return before != self._version

    def close(self) -> None:
        """Let go of the file."""
        if self._database is not None:
            self._stack.close()
        self._database = self._version = None

    def lines_after(self, run: str, seq: int, limit: int) -> Lines:
        """The next events of a run, at most `limit`. Raises `NotFound`."""
        with self._open() as database:
            row = self._row(database, run)
            found = database.execute(
                "SELECT seq, json, checksum FROM events WHERE run = ? AND seq > ? ORDER BY seq LIMIT ?",
                (row["id"], seq, limit),
            )
            lines = []
            for number, text, check in found:
                self._rows.check(check, text)
                lines.append((number, text))
            return lines

    def last_seq(self, run: str) -> int:
        """The number of the newest event of a run, 0 without any. Raises `NotFound`."""
        with self._open() as database:
            row = self._row(database, run)
            (last,) = database.execute(
                "SELECT coalesce(max(seq), 0) FROM events WHERE run = ?", (row["id"],)
            ).fetchone()
            return int(last)

    def calls(self, run: str, agent: str, *, after: int = 0, limit: int) -> list[JsonObject]:
        """Calls of one agent in their order, each with its `id`; those behind the id `after`."""
        with self._open() as database:
            row = self._row(database, run)
            found = database.execute(_CALLS, (row["id"], agent, after, limit))
            return [{"id": each["id"], **self._rows.call(each)} for each in found]

    def matching(
        self,
        *,
        text: str | None = None,
        status: str | None = None,
        ensemble: str | None = None,
        before: float | None = None,
    ) -> Iterator[RecordedRun]:
        """Runs that contain `text` in any case and began before a Unix time, the newest first: in their name,
        input, output or error, or in the name, model, error or output of an agent."""
        if not self.path.exists():
            return
        with self._open() as database:
            wanted = None if text is None else text.translate(_LOWER)
            given = {"ensemble": ensemble, "before": before, "text": wanted, "json": _within_json(wanted)}
            for (name,) in database.execute(_MATCHING, given):
                run = self._rows.run(database, self._row(database, name))
                if status in (None, run.status):
                    yield run

    def ensembles(self) -> list[str]:
        """The names of all ensembles that have runs."""
        if not self.path.exists():
            return []
        with self._open() as database:
            return [name for (name,) in database.execute("SELECT DISTINCT ensemble FROM runs ORDER BY 1")]


def _within_json(text: str | None) -> str | None:
    """As it stands in a text of JSON."""
    return None if text is None else json.dumps(text, ensure_ascii=False)[1:-1]
