"""The records of runs are SQLite, and say what is wrong with them."""

from __future__ import annotations

import sqlite3
from concurrent.futures import ThreadPoolExecutor

import pytest

from llm_orc.domain.evidence import Evidence, Served
from llm_orc.errors import JournalFailed, NotFound
from llm_orc.run.records import REMEMBERED, Records


def piece(score: float = 1.0, model: str = "m") -> Evidence:
    return Evidence(model=model, task="reasoning", source="metric", score=score)


def served(agent: str = "a") -> Served:
    return Served(agent=agent, model="m", task="reasoning")


@pytest.fixture
def records(tmp_path) -> Records:
    return Records(tmp_path / "folder" / "runs.db")


def test_there_is_nothing_before_something_was_written(records):
    assert list(records.evidence()) == []
    assert not records.path.exists()


def test_evidence_comes_back_in_order(records):
    records.learned("r1", [piece(0.1), piece(0.2)], [served()])
    records.learned("r2", [piece(0.3, "n")], [])
    assert list(records.evidence()) == [piece(0.1), piece(0.2), piece(0.3, "n")]


def test_only_what_is_not_forgotten_is_read(records):
    records.learned("r", [piece(n / 1000) for n in range(REMEMBERED + 5)], [])
    scores = [found.score for found in records.evidence()]
    assert (len(scores), scores[0]) == (REMEMBERED, 0.005)


def test_feedback_counts_for_what_served(records):
    records.learned("run-one", [], [served("a"), served("b")])
    assert records.score("run-o", "b", 0.25) == ["b"]
    assert records.score("last", None, 1.0) == ["a", "b"]
    assert [(e.source, e.score) for e in records.evidence()] == [
        ("feedback", 0.25), ("feedback", 1.0), ("feedback", 1.0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("run", "agent", "said"),
    [
        ("nope", None, "no run begins"),
        ("run-", None, "more than one run begins"),
        ("%", None, "no run begins"),
        ("run-1", "zzz", "has no agent 'zzz'"),
    ],
)
def test_feedback_about_nothing_is_refused(records, run, agent, said):
    records.learned("run-1", [], [served()])
    records.learned("run-2", [], [served()])
    with pytest.raises(NotFound, match=said):
        records.score(run, agent, 1.0)


def test_a_damaged_file_is_said_to_be_one(records):
    records.path.parent.mkdir()
    records.path.write_bytes(b"this is no database at all" * 100)
    with pytest.raises(JournalFailed, match="it is no file of SQLite"):
        list(records.evidence())


def test_a_file_of_a_newer_version_is_left_alone(records):
    records.learned("r", [piece()], [])
    with sqlite3.connect(records.path) as database:
        database.execute("PRAGMA user_version = 99")
    with pytest.raises(JournalFailed, match="newer llm-orc"):
        records.learned("r", [piece()], [])


def test_a_folder_that_cannot_be_written_is_said_to_be_one(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(JournalFailed, match="the journal of runs"):
        Records(tmp_path / "file" / "runs.db").learned("r", [piece()], [])


def test_several_writers_lose_nothing(records):
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda n: records.learned(f"r{n}", [piece(n / 40)], [served()]), range(40)))
    assert sorted(e.score for e in records.evidence()) == [n / 40 for n in range(40)]
