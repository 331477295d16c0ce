"""What is left of a journal when the power fails at the moment in which an answer is reported.

SQLite promises a commit to survive that when it is made with `synchronous = FULL`. So the statements are
watched, and the files are taken as they are at that moment, from under a run that goes on.
"""

from __future__ import annotations

import json
import shutil
import socket
import sqlite3
from pathlib import Path

from llm_orc import Orchestrator
from llm_orc.providers.scripted import Scripted
from llm_orc.run import journal_writer


async def test_an_answer_is_committed_with_the_disk_synchronised(tmp_path: Path, monkeypatch):
    """Each answer is in a transaction of `FULL`, and that has ended before the answer is an event."""
    statements: list[str] = []

    def traced(path, kind):
        found = connect(path, kind)
        found.set_trace_callback(statements.append)
        return found

    connect = journal_writer.connect
    monkeypatch.setattr(journal_writer, "connect", traced)
    seen: list[tuple[int, int]] = []

    def observe(event) -> None:
        if event.what.type == "model_answered":
            done = [place for place, text in enumerate(statements) if text == "COMMIT"]
            calls = [place for place, text in enumerate(statements) if "INSERT INTO calls" in text]
            modes = [text for text in statements[: calls[-1]] if text.startswith("PRAGMA synchronous")]
            assert modes[-1] == "PRAGMA synchronous = FULL"
            seen.append((calls[-1], done[-1]))

    agents = [{"name": f"a{n}", "model": "scripted/m"} for n in range(5)]
    (tmp_path / "e.yaml").write_text(json.dumps({"name": "e", "concurrency": 1, "agents": agents}))
    orchestrator = Orchestrator(tmp_path, providers={"scripted": Scripted()}, runs=tmp_path / "runs.db")
    async with orchestrator:
        await orchestrator.invoke(tmp_path / "e.yaml", "hi", observers=[observe])
    assert len(seen) == 5
    assert all(call < commit for call, commit in seen)


async def test_the_files_of_that_moment_are_a_journal_that_can_be_resumed(tmp_path: Path):
    agents = [{"name": f"a{n}", "model": "scripted/m"} for n in range(20)]
    (tmp_path / "e.yaml").write_text(json.dumps({"name": "e", "concurrency": 1, "agents": agents}))
    copies: list[Path] = []

    def observe(event) -> None:
        if event.what.type == "model_answered":
            copy = tmp_path / f"copy{len(copies)}"
            copy.mkdir()
            for file in (tmp_path / "live").glob("runs.db*"):
                if not file.name.endswith("-shm"):  # memory, not disk
                    shutil.copy(file, copy)
            copies.append(copy)

    provider = Scripted()
    async with Orchestrator(
        tmp_path, providers={"scripted": provider}, runs=tmp_path / "live" / "runs.db"
    ) as orchestrator:
        await orchestrator.invoke(tmp_path / "e.yaml", "hi", observers=[observe])
    for number, copy in enumerate(copies, start=1):
        with sqlite3.connect(copy / "runs.db") as database:
            (answers,) = database.execute("SELECT count(*) FROM calls WHERE status = 'answered'").fetchone()
            # Its process is gone with the power.
            database.execute("UPDATE attempts SET process = ?", (f"{socket.gethostname()} 999999999 0",))
        database.close()
        assert answers >= number
    again = Scripted()
    async with Orchestrator(
        tmp_path, providers={"scripted": again}, runs=copies[9] / "runs.db"
    ) as orchestrator:
        result = await orchestrator.resume("last")
    assert (result.status, len(again.requests)) == ("succeeded", 10)
