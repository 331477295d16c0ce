"""A journal that cannot be used says so, before anything is lost or wrong."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from llm_orc import Orchestrator
from llm_orc.errors import JournalFailed, NotFound
from llm_orc.providers.scripted import Scripted
from llm_orc.run import database
from llm_orc.run.journal_check import look_at
from llm_orc.run.journal_reading import Runs
from llm_orc.run.journal_schema import MIGRATIONS
from llm_orc.run.processes import has_ended, this_process

THREE = """
name: three
agents:
  - {name: a, model: scripted/m}
  - {name: b, model: scripted/m, depends_on: [a], on_failure: skip, prompt: "{{ a }}"}
  - {name: c, model: scripted/m, depends_on: [b], on_failure: {default: none}, prompt: "{{ b }}"}
output: c
"""


@pytest.fixture
def ensemble(tmp_path: Path) -> Path:
    (tmp_path / "three.yaml").write_text(THREE, encoding="utf-8")
    return tmp_path / "three.yaml"


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lock is waited for as short as can be."""
    monkeypatch.setattr(database, "BUSY_SECONDS", 0.0)


async def recorded(ensemble: Path, runs: Path, answers=None) -> object:
    async with Orchestrator(
        ensemble.parent, providers={"scripted": Scripted(answers)}, runs=runs
    ) as orchestrator:
        return await orchestrator.invoke(ensemble, "hi")


async def refused(ensemble: Path, runs: Path) -> JournalFailed:
    """Why the run did not begin."""
    provider = Scripted()
    with pytest.raises(JournalFailed) as caught:
        async with Orchestrator(ensemble.parent, providers={"scripted": provider}, runs=runs) as orchestrator:
            await orchestrator.invoke(ensemble, "hi")
    assert provider.requests == []
    assert "--runs" in caught.value.hint
    return caught.value


async def test_a_file_that_is_no_journal_is_left_as_it_is(ensemble, tmp_path):
    path = tmp_path / "runs.db"
    path.write_text("Dear diary, " * 100, encoding="utf-8")
    assert "it is no file of SQLite" in (await refused(ensemble, path)).message
    assert path.read_text(encoding="utf-8").startswith("Dear diary")
    with pytest.raises(JournalFailed, match="no file of SQLite"):
        Runs(path).newest()


async def test_a_file_of_another_program_is_left_as_it_is(ensemble, tmp_path):
    path = tmp_path / "photos.db"
    with closing(sqlite3.connect(path)) as database, database:
        database.execute("CREATE TABLE photos (name TEXT)")
    assert "another program's file" in (await refused(ensemble, path)).message
    with closing(sqlite3.connect(path)) as database:
        assert [name for (name,) in database.execute("SELECT name FROM sqlite_master")] == ["photos"]


async def test_a_journal_of_a_newer_version_is_left_as_it_is(ensemble, tmp_path):
    path = tmp_path / "runs.db"
    await recorded(ensemble, path)
    with closing(sqlite3.connect(path)) as database:
        database.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    before = path.read_bytes()
    assert "newer llm-orc" in (await refused(ensemble, path)).message
    with pytest.raises(JournalFailed, match="newer llm-orc"):
        Runs(path).find("last")
    assert path.read_bytes() == before


async def test_an_older_journal_is_brought_up_to_date(ensemble, tmp_path):
    path = tmp_path / "runs.db"
    with closing(sqlite3.connect(path)) as database:
        database.executescript(f"{MIGRATIONS[0]}; PRAGMA user_version = 1")
        database.execute("INSERT INTO served VALUES ('r', 'a', 'm', 't', 0)")
        database.commit()
    await recorded(ensemble, path)
    assert Runs(path).find("last").status == "succeeded"
    with closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM served").fetchone() == (1,)


@pytest.mark.usefixtures("impatient")
async def test_a_locked_journal_says_who_is_in_the_way(ensemble, tmp_path):
    path = tmp_path / "runs.db"
    await recorded(ensemble, path)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        assert "another process keeps it locked" in (await refused(ensemble, path)).message
        assert Runs(path).find("last").status == "succeeded"
        other.execute("ROLLBACK")
    await recorded(ensemble, path)


@pytest.mark.usefixtures("impatient")
async def test_a_journal_that_breaks_ends_the_run_and_keeps_what_was_finished(ensemble, tmp_path):
    """Even where agents may fail: nothing is asked any more that could not be recorded."""
    path = tmp_path / "runs.db"
    asked = []
    with closing(sqlite3.connect(path, isolation_level=None)) as other:

        def answer(request):
            asked.append(request)
            if len(asked) == 2:
                other.execute("BEGIN IMMEDIATE")
            return f"answer {len(asked)}"

        result = await recorded(ensemble, path, answer)
        other.execute("ROLLBACK")
    assert len(asked) == 2
    assert (result.status, result.exit_code, result.ended_by.kind) == ("partial", 5, "journal_failed")
    assert "another process keeps it locked" in result.ended_by.message
    assert result.agents["a"].output == "answer 1"
    assert [result.agents[name].cause.kind for name in ("b", "c")] == ["journal_failed"] * 2
    run = Runs(path).find("last")
    assert (run.calls, run.ended_at) == (1, None)


async def test_a_damaged_journal_gives_an_error_and_no_other_answer(ensemble, tmp_path):
    path = tmp_path / "runs.db"
    await recorded(ensemble, path)
    whole = path.read_bytes()
    right = [list(Runs(path).export("last")), Runs(path).detail("last")]
    step, wrong = 509, []
    for place in range(0, len(whole), step):
        path.write_bytes(whole[:place] + b"\xff" * 16 + whole[place + 16 :])
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        try:
            found = [list(Runs(path).export("last")), Runs(path).detail("last")]
        except (JournalFailed, NotFound):
            continue
        except Exception as error:  # noqa: BLE001 - that is what must not be
            wrong.append((place, error))
            continue
        calls = [[r["response"] for r in each if r["record"] == "call"] for each in (found[0], right[0])]
        if calls[0] != calls[1]:
            wrong.append((place, calls[0]))
    assert wrong == []


@pytest.mark.parametrize(
    ("table", "column"),
    [
        ("runs", "inputs"), ("runs", "text"), ("runs", "settings"), ("runs", "output"), ("events", "json"),
        ("requests", "json"), ("calls", "response"),
    ],
)  # fmt: skip
async def test_one_letter_that_was_changed_is_found(ensemble, tmp_path, table, column):
    path = tmp_path / "runs.db"
    await recorded(ensemble, path)
    with closing(sqlite3.connect(path)) as database, database:
        (key,) = database.execute(f"SELECT max(rowid) FROM {table}").fetchone() if table != "events" else (0,)
        where = "seq = 3" if table == "events" else f"rowid = {key}"
        (text,) = database.execute(f"SELECT {column} FROM {table} WHERE {where}").fetchone()
        other = text[:-2] + ("z" if text[-2] != "z" else "y") + text[-1]
        database.execute(f"UPDATE {table} SET {column} = ? WHERE {where}", (other,))
    with pytest.raises(JournalFailed, match="it is damaged"):
        list(Runs(path).export("last"))
    with pytest.raises(JournalFailed, match="it is damaged"):
        look_at(path, 5.0)


@pytest.mark.parametrize("change", ["DELETE FROM requests WHERE id = 1", "UPDATE requests SET key = x'00'"])
async def test_a_request_that_is_gone_is_found(ensemble, tmp_path, change):
    path = tmp_path / "runs.db"
    await recorded(ensemble, path)
    with closing(sqlite3.connect(path)) as database, database:
        database.execute(change)
    with pytest.raises(JournalFailed, match="it is damaged"):
        list(Runs(path).export("last"))
    with pytest.raises(JournalFailed, match="it is damaged"):
        look_at(path, 5.0)


FULL = """
import resource, sys
from llm_orc.cli.main import main
resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv.pop(1)),) * 2)
main()
"""


def limited(folder: Path, size: int, *arguments: str) -> subprocess.CompletedProcess[str]:
    """llm-orc where no file can be larger than this: as on a full disk, writing fails."""
    return subprocess.run(
        [sys.executable, "-c", FULL, str(size), *arguments], cwd=folder, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip


def test_a_full_disk_before_the_run_says_so_and_asks_nothing(ensemble, tmp_path):
    done = limited(tmp_path, 10_000, "invoke", "three.yaml", "hi", "--runs", "runs.db")
    assert (done.returncode, done.stdout) == (5, "")
    error, hint = done.stderr.splitlines()
    assert error.startswith("error: the journal of runs ")
    assert "full" in error + hint


def test_a_full_disk_during_the_run_keeps_what_was_finished(ensemble, tmp_path):
    made = limited(tmp_path, 1 << 30, "invoke", "three.yaml", "hi", "--runs", "runs.db")
    assert (made.returncode, made.stdout) == (0, "hi\n"), made.stderr
    long = "x" * 3_000_000
    (tmp_path / "long.txt").write_text(long, encoding="utf-8")
    size = (tmp_path / "runs.db").stat().st_size
    done = limited(
        tmp_path, size + 5_000_000, "invoke", "three.yaml", "@long.txt", "--runs", "runs.db",
        "--output-format", "json", "--output", "/dev/stderr",
    )  # fmt: skip
    assert done.returncode == 5, done.stderr[-500:]
    assert "error: the journal of runs " in done.stderr
    runs = Runs(tmp_path / "runs.db").newest()
    assert [run.status for run in runs] == ["killed", "succeeded"]


@pytest.mark.skipif(os.geteuid() == 0, reason="nothing is read-only to root")
async def test_a_journal_that_is_read_only_says_so(ensemble, tmp_path):
    path = tmp_path / "runs.db"
    await recorded(ensemble, path)
    path.chmod(0o400)
    assert "cannot be written to" in (await refused(ensemble, path)).message.lower()


async def test_a_folder_in_the_place_of_the_journal_says_so(ensemble, tmp_path):
    (tmp_path / "runs.db").mkdir()
    assert "directory" in (await refused(ensemble, tmp_path / "runs.db")).message


async def test_a_run_that_outlives_its_event_loop_is_not_waited_for(ensemble, tmp_path):
    """An `Orchestrator` that nobody closes leaves nothing unwritten."""
    program = (
        "import asyncio, sys\n"
        "from llm_orc import Orchestrator\n"
        "from llm_orc.providers.scripted import Scripted\n"
        "orchestrator = Orchestrator('.', providers={'scripted': Scripted()}, runs='runs.db')\n"
        "asyncio.run(orchestrator.invoke('./three.yaml', 'hi'))\n"
    )
    done = await anyio.run_process([sys.executable, "-c", program], cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert Runs(tmp_path / "runs.db").find("last").status == "succeeded"
    assert not list(tmp_path.glob("runs.db-*"))


def test_a_process_is_known_to_be_gone_or_not():
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as other:
        machine, _, _ = this_process().split(" ")
        named = f"{machine} {other.pid} 1"
        assert has_ended(named), "another process has this number by now"
    assert has_ended(f"{machine} {other.pid} -")
    assert not has_ended(this_process())
    assert not has_ended(f"elsewhere {other.pid} 1")
