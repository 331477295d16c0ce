"""The examinations that `doctor` is made of, one by one."""

from __future__ import annotations

import sqlite3
import subprocess
import threading
from contextlib import closing
from pathlib import Path

import pytest

from llm_orc.domain.finding import Finding, ok
from llm_orc.orchestrator import health, health_journal
from llm_orc.orchestrator.health_gpu import gpu_findings
from llm_orc.orchestrator.health_journal import journal_findings
from llm_orc.orchestrator.health_machine import open_files, proxies
from llm_orc.run.database import connect


def told(findings, what: str) -> list[tuple[str, str]]:
    return [(found.state, found.detail) for found in findings if found.what == what]


def test_an_examination_that_breaks_or_hangs_hides_no_other(monkeypatch):
    monkeypatch.setattr(health, "LIMIT_SECONDS", 0.2)
    forever = threading.Event()

    def broken():
        yield ok("broken", "so far")
        raise ZeroDivisionError

    def unreadable():
        raise PermissionError(13, "Permission denied", "/x")

    def hanging():
        yield ok("hanging", "so far")
        forever.wait(60)

    examinations = {
        "broken": broken, "unreadable": unreadable, "hanging": hanging, "well": lambda: [ok("well", "")],
    }  # fmt: skip
    found, hangs = health._together(examinations)
    forever.set()
    assert hangs
    assert [(each.state, each.what) for each in found] == [
        ("ok", "broken"), ("fail", "broken"), ("fail", "unreadable"), ("ok", "hanging"), ("fail", "hanging"),
        ("ok", "well"),
    ]  # fmt: skip
    assert found[1].detail == "could not be examined: ZeroDivisionError: "
    assert found[2] == Finding("fail", "unreadable", "/x: Permission denied")


@pytest.fixture
def journal(tmp_path: Path) -> Path:
    connect(tmp_path / "runs.db").close()
    return tmp_path / "runs.db"


def test_a_journal_of_a_newer_version_is_said(journal):
    with closing(sqlite3.connect(journal)) as database:
        database.execute("PRAGMA user_version = 99")
    ((state, detail),) = told(journal_findings(journal), "journal")
    assert state == "fail"
    assert "written by a newer llm-orc" in detail


def test_a_damaged_cache_is_a_warning(journal):
    assert told(journal_findings(journal), "cache") == []
    journal.with_name("cache.db").write_text("not a database, " * 100)
    ((state, detail),) = told(journal_findings(journal), "cache")
    assert state == "warn"
    assert detail.endswith("it is no file of SQLite")


def test_an_older_journal_is_read_and_left_as_it_is(journal):
    with closing(sqlite3.connect(journal)) as database:
        database.executescript("DROP TABLE runs; PRAGMA user_version = 1")
    ((state, detail),) = told(journal_findings(journal), "journal")
    assert state == "ok"
    assert "version 1, brought to " in detail
    with closing(sqlite3.connect(journal)) as database:
        assert database.execute("PRAGMA user_version").fetchone() == (1,)


def test_a_journal_that_another_process_keeps_locked_is_a_warning(journal):
    with closing(sqlite3.connect(journal, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        ((state, detail),) = told(journal_findings(journal), "journal")
    assert state == "warn"
    assert "another process is writing" in detail


def test_a_journal_that_is_too_large_for_the_time_is_a_warning(journal, monkeypatch):
    with closing(sqlite3.connect(journal)) as database, database:
        numbers = "WITH n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 30000) SELECT i FROM n"
        database.execute(f"INSERT INTO requests (run, key, model) SELECT 1, i, 'm' FROM ({numbers})")
    monkeypatch.setattr(health_journal, "LOOK_SECONDS", -1.0)
    ((state, detail),) = told(journal_findings(journal), "journal")
    assert state == "warn"
    assert "too large to check all of it" in detail


def test_a_clock_that_went_back_is_seen_in_the_journal(journal):
    with closing(sqlite3.connect(journal)) as database, database:
        database.execute(
            "INSERT INTO runs (run, ensemble, source, hash, settings, status, started_at)"
            " VALUES ('r', 'e', '', '', '{}', 'succeeded', 9999999999.0)"
        )
    assert told(journal_findings(journal), "clock") == [
        ("warn", "the newest run of the journal began in the future")
    ]


@pytest.mark.parametrize("make", [Path.mkdir, lambda path: path.symlink_to("/dev/full")])
def test_what_is_no_file_is_no_journal(tmp_path, make):
    make(tmp_path / "runs.db")
    ((state, detail),) = told(journal_findings(tmp_path / "runs.db"), "journal")
    assert (state, detail.rpartition(": ")[2]) == ("fail", "it is not a file")


def test_a_journal_that_others_may_read_is_a_warning(journal):
    journal.chmod(0o640)
    ((state, detail),) = told(journal_findings(journal), "permissions")
    assert state == "warn"
    assert detail.endswith("(mode 640)")


def test_a_full_disk_is_a_failure(tmp_path):
    mount = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("may not mount a disk")
    try:
        (tmp_path / "much").write_bytes(b"x" * 2**15)
        states = told(journal_findings(tmp_path / "runs.db"), "disk")
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)
    assert [state for state, _ in states] == ["fail", "fail"]
    assert states[0][1].startswith("32 KiB free in ")
    assert "No space left on device" in states[1][1]


def program(folder: Path, name: str, lines: str) -> None:
    """A vendor's program, as a script in the only folder of the PATH."""
    (folder / name).write_text(f"#!/bin/sh\n{lines}\n")
    (folder / name).chmod(0o755)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", str(tmp_path))
    return tmp_path


TWO_CARDS = 'echo "NVIDIA A, 24576, 1024"; echo "NVIDIA B, 24576, [N/A]"'


@pytest.mark.parametrize(
    ("room", "state"),
    [((), "ok"), ((48.0,), "ok"), ((25.0, 25.0), "ok"), ((60.0,), "warn"), ((30.0, 10.0), "warn"),
     ((1.0, 1.0, 1.0), "warn")],
)  # fmt: skip
def test_the_room_of_the_catalogue_is_held_against_the_cards(path, room, state):
    program(path, "nvidia-smi", TWO_CARDS)
    found = list(gpu_findings(room))
    assert told(found, "gpu") == [("ok", "NVIDIA A: 25.8 GB, 1.1 in use; NVIDIA B: 25.8 GB")]
    assert [each for each, _ in told(found, "vram_gb")] == [state]


def test_cards_of_amd_are_known(path):
    card = '{"VRAM Total Memory (B)": "25000000000", "VRAM Total Used Memory (B)": "0"}'
    program(path, "rocm-smi", f"echo '{{\"card0\": {card}}}'")
    assert told(gpu_findings((30.0,)), "vram_gb") == [("warn", "the catalogue says [30], there are [25] GB")]


@pytest.mark.parametrize(
    ("name", "lines", "why"),
    [("nvidia-smi", "echo driver and library differ; exit 9", "failed: driver and library differ"),
     ("nvidia-smi", "exec ../missing", "nvidia-smi failed"), ("rocm-smi", "echo '[1]'", "not understood")],
)  # fmt: skip
def test_a_driver_that_is_broken_is_a_warning(path, name, lines, why):
    program(path, name, lines)
    ((state, detail),) = told(gpu_findings((24.0,)), "gpu")
    assert state == "warn"
    assert why in detail


def test_no_card_is_fine_unless_the_catalogue_has_room(path):
    assert [found.state for found in gpu_findings(())] == ["ok"]
    assert [found.state for found in gpu_findings((24.0,))] == ["warn"]


@pytest.mark.parametrize(
    ("variables", "near", "state"),
    [
        ({}, ["10.0.0.5"], "ok"),
        ({"HTTP_PROXY": "http://proxy:3128"}, [], "warn"),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,127.0.0.1"}, [], "ok"),
        ({"HTTP_PROXY": "http://proxy:3128", "NO_PROXY": "localhost,127.0.0.1"}, ["10.0.0.5"], "warn"),
        ({"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": "*"}, ["10.0.0.5"], "ok"),
        ({"ALL_PROXY": "http://"}, [], "fail"),
        ({"HTTP_PROXY": "http://[::1"}, [], "fail"),
        ({"HTTP_PROXY": "http://a:99999"}, [], "fail"),
        ({"HTTP_PROXY": ":::"}, [], "fail"),
    ],
)
async def test_proxies_are_judged(monkeypatch, variables, near, state):
    for name in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    (found,) = await proxies(near)
    assert found.state == state


def test_more_calls_at_once_than_files_that_may_be_open_are_a_warning():
    assert [found.state for found in open_files(10**9)] == ["warn"]
    assert [found.state for found in open_files(1)] == ["ok"]
