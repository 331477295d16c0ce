"""What a journal knows: runs, their agents, events and calls; and forgetting old ones."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

from llm_orc.domain.json import JsonObject
from llm_orc.domain.recorded import RecordedDetail, RecordedRun, run_json
from llm_orc.domain.spending import Costs, Key
from llm_orc.domain.trial import Trial
from llm_orc.errors import NotAvailable, NotFound
from llm_orc.run.database import damaged, reading
from llm_orc.run.journal_costs import costs, nothing_spent, spent_since
from llm_orc.run.journal_recorded import CALLS, Recorded, status_of
from llm_orc.run.journal_work import work_of
from llm_orc.run.trials import scores_in, trials_in

if TYPE_CHECKING:
    from llm_orc.domain.events import Event

_RUNS = """
    SELECT runs.*, attempts.number AS attempts, attempts.process AS process
    FROM runs JOIN attempts ON attempts.run = runs.id
        AND attempts.number = (SELECT max(number) FROM attempts WHERE run = runs.id)
"""
_AGENTS = """
    SELECT agents.*, variants.variant FROM agents
    LEFT JOIN variants ON variants.run = agents.run AND variants.agent = agents.agent
    WHERE agents.run = ? ORDER BY first_seq
"""
_PLANS = """
    SELECT json, checksum FROM events INDEXED BY events_of_plans
    WHERE run = ? AND type = 'planned' ORDER BY seq
"""
_CALLS = f"{CALLS} WHERE calls.run = ? AND calls.kind = 'model' ORDER BY calls.id"


class Runs:
    """The runs that a journal knows. Everything raises `JournalFailed` for a file that cannot be read."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._rows = Recorded(path)

    def newest(
        self,
        *,
        status: str | None = None,
        ensemble: str | None = None,
        since: float | None = None,
        limit: int | None = None,
    ) -> list[RecordedRun]:
        """Those that match, the newest first; `since` is Unix time."""
        if not self.path.exists():
            return []
        with self._open() as database:
            rows = database.execute(
                f"{_RUNS} WHERE (?1 IS NULL OR ensemble = ?1) AND (?2 IS NULL OR runs.started_at >= ?2)"
                " ORDER BY runs.started_at DESC, runs.id DESC",
                (ensemble, since),
            )
            found: list[RecordedRun] = []
            for row in rows:
                if status in (None, status_of(row)):
                    found.append(self._rows.run(database, row))
                if len(found) == limit:
                    break
            return found

    def find(self, run: str) -> RecordedRun:
        """The run whose id begins like this, or the `last`. Raises `NotFound`."""
        with self._open() as database:
            return self._rows.run(database, self._row(database, run))

    def detail(self, run: str) -> RecordedDetail:
        """A run with its agents and plans. Raises `NotFound`."""
        with self._open() as database:
            row = self._row(database, run)
            work = work_of(database, row["id"], self._rows.line)
            agents = database.execute(_AGENTS, (row["id"],))
            # By itself SQLite takes the primary key, which means to read all events.
            plans = database.execute(_PLANS, (row["id"],))
            return RecordedDetail(
                run=self._rows.run(database, row),
                agents=tuple(self._rows.agent(each, work[each["agent"]]) for each in agents),
                plan=tuple(self._rows.line(text, check) for text, check in plans),
            )

    def events(self, run: str, kind: str | None = None) -> Iterator[JsonObject]:
        """The events of a run in order, as `--output-format jsonl` printed them. Raises `NotFound`."""
        with self._open() as database:
            row = self._row(database, run)
            for text, check in database.execute(
                "SELECT json, checksum FROM events WHERE run = ?1 AND (?2 IS NULL OR type = ?2) ORDER BY seq",
                (row["id"], kind),
            ):
                yield self._rows.line(text, check)

    def happened(self, run: str) -> Iterator[Event]:
        """The events of a run in order, for observers. Raises `NotFound`, and `NotAvailable` for a run that
        an older version recorded, which says nothing of spans."""
        from llm_orc.domain.recorded_events import event_of

        with self._open() as database:
            row = self._row(database, run)
            for ts, text, check in database.execute(
                "SELECT ts, json, checksum FROM events WHERE run = ? ORDER BY seq", (row["id"],)
            ):
                line = self._rows.line(text, check)
                if "span" not in line:
                    raise NotAvailable(f"the run {row['run']} was recorded before there were spans")
                try:
                    event = event_of(ts, line)
                except ValueError as error:
                    raise damaged(self.path) from error
                if event is not None:
                    yield event

    def export(self, run: str) -> Iterator[JsonObject]:
        """All that is known of a run, in pieces: the run, its events, its calls. Raises `NotFound`."""
        with self._open() as database:
            row = self._row(database, run)
            found = self._rows.run(database, row)
            whole = {"inputs": found.inputs, "settings": found.settings, "output": found.output}
            yield {"record": "run", **run_json(found), **whole, "text": found.text}
            events = database.execute(
                "SELECT json, checksum FROM events WHERE run = ? ORDER BY seq", (row["id"],)
            )
            for text, check in events:
                yield {"record": "event", "run_id": found.run_id, **self._rows.line(text, check)}
            for call in database.execute(_CALLS, (row["id"],)):
                yield {"record": "call", "run_id": found.run_id, **self._rows.call(call)}

    def spent_since(self, moment: float, run_id: str, attempt: int) -> tuple[float, int, int]:
        """Dollars, tokens and calls since a Unix time, without those of one attempt at a run."""
        if not self.path.exists():
            return 0.0, 0, 0
        with self._open() as database:
            return spent_since(database, moment, run_id, attempt)

    def prune(
        self, *, keep: int = 0, before: float | None = None, dry_run: bool = False
    ) -> list[RecordedRun]:
        """Forget runs: all but the newest `keep`, or those that began before a Unix time.

        Runs that are running stay. Returns what was forgotten, or would be.
        """
        runs = [run for run in self.newest()[keep:] if run.status != "running"]
        old = [run for run in runs if before is None or run.started_at < before]
        if old and not dry_run:
            with self._open() as database:
                database.execute("BEGIN IMMEDIATE")
                with database:
                    database.executemany("DELETE FROM runs WHERE run = ?", [(run.run_id,) for run in old])
                # Others may be at work: then the room is used again by later runs instead.
                with suppress(sqlite3.OperationalError):
                    database.execute("VACUUM")
        return old

    def costs(self, by: Sequence[Key], *, since: float | None = None, ensemble: str | None = None) -> Costs:
        """What was spent and saved since a Unix time, for each value of `by`."""
        return costs(self.path, by, since, ensemble) if self.path.exists() else nothing_spent(by)

    def trials(self, ensemble: str, since: float | None = None) -> list[Trial]:
        """What became of the agents with variants in the runs of an ensemble, the oldest first."""
        if not self.path.exists():
            return []
        with self._open() as database:
            return list(trials_in(database, ensemble, since))

    def scores(self) -> dict[str, float]:
        """What runs were worth, by id, where there was feedback."""
        if not self.path.exists():
            return {}
        with self._open() as database:
            return scores_in(database)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        if not self.path.exists():
            raise NotFound(f"no runs are recorded in {self.path}", hint="--runs PATH names another journal")
        with reading(self.path) as database:
            database.row_factory = sqlite3.Row
            yield database

    def _row(self, database: sqlite3.Connection, run: str) -> sqlite3.Row:
        if run == "last":
            rows = database.execute(f"{_RUNS} ORDER BY runs.started_at DESC, runs.id DESC LIMIT 1").fetchall()
        else:
            # Ids are hexadecimal: all that begin like this come before it with a "g".
            rows = database.execute(
                f"{_RUNS} WHERE runs.run >= ?1 AND runs.run < ?1 || 'g' ORDER BY runs.run LIMIT 2", (run,)
            ).fetchall()
        if rows and (len(rows) == 1 or rows[0]["run"] == run) and run:
            found: sqlite3.Row = rows[0]
            return found
        if run == "last":
            raise NotFound(f"no runs are recorded in {self.path}", hint="--runs PATH names another journal")
        last = [row["run"] for row in database.execute(f"{_RUNS} ORDER BY runs.started_at DESC LIMIT 3")]
        what = "more than one run begins with" if rows else "no run begins with"
        raise NotFound(f"{what} {run!r} in {self.path}", hint=f"the last ones: {', '.join(last) or 'none'}")
