"""`runs`: what was recorded, also of runs that died."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
from contextlib import closing

import pytest

from .command_line import CommandLine, agent, appeared, failing, gate, script


@pytest.fixture
def project(llm_orc: CommandLine) -> CommandLine:
    """A project with a place for its journal."""
    (llm_orc.folder / ".llm-orc").mkdir()
    return llm_orc


def lines(text: str) -> list[dict]:
    return [json.loads(line) for line in text.splitlines()]


def runs(llm_orc: CommandLine, *arguments: str):
    """The JSON that a verb prints."""
    done = llm_orc("runs", *arguments, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_what_was_invoked_is_listed_newest_first(project):
    project.ensemble(agent("a", "yes"), file="one.yaml")
    project.ensemble(failing("a"), file="two.yaml")
    project("invoke", "one.yaml", "hi")
    project("invoke", "two.yaml", "hi")
    found = [(run["status"], run["calls"]) for run in runs(project, "list")]
    assert found == [("failed", 0), ("succeeded", 1)]
    table = project("runs", "list").stdout.splitlines()
    assert re.split("  +", table[0]) == [
        "run", "began (UTC)", "ensemble", "status", "calls", "tokens", "cost", "took",
    ]  # fmt: skip
    assert [re.split("  +", line)[3] for line in table[1:]] == ["failed", "succeeded"]


def test_runs_are_chosen_by_status_ensemble_age_and_number(project):
    project.ensemble(agent("a", "yes"))
    project.ensemble(failing("a"), file="f.yaml")
    for file in ("e.yaml", "e.yaml", "f.yaml"):
        project("invoke", file, "hi")
    commands = {
        ("--status", "failed"): 1, ("--status", "killed"): 0, ("--ensemble", "e"): 3, ("--ensemble", "f"): 0,
        ("--since", "1h"): 3, ("--since", "2999-01-01"): 0, ("--limit", "2"): 2,
    }  # fmt: skip
    done = project.together([("runs", "list", *flags, "--json") for flags in commands])
    assert [len(json.loads(each.stdout)) for each in done.values()] == list(commands.values())


def test_a_run_is_shown_with_its_agents_as_a_tree(project):
    project.ensemble(agent("inner", "deep"), file="part.yaml")
    project.ensemble(
        agent("first", "one"),
        {"name": "whole", "ensemble": "part", "depends_on": ["first"]},
        script("last", "print(1)", depends_on=["whole"]),
    )
    project("invoke", "e.yaml", "hi\x1b[31m")
    shown = project("runs", "show", "last").stdout
    head, table = shown.split("\n\n")
    said = dict(line.split(maxsplit=1) for line in head.splitlines())
    assert said["status"].startswith("succeeded, ")
    assert (said["input"], said["output"]) == ("input: hi", "1")
    rows = table.splitlines()[1:]
    assert [re.match(r" *\S+", row)[0] for row in rows] == ["first", "whole", "  inner", "last"]
    assert all(re.search(r"\| *█+ *\|$", row) for row in rows)
    detail = runs(project, "show", "last")
    assert list(detail["agents"]) == ["first", "whole", "whole/inner", "last"]
    assert (detail["inputs"], detail["output"], detail["plan"]) == ({"input": "hi\x1b[31m"}, 1, [])


def test_events_are_the_lines_that_jsonl_printed(project):
    project.ensemble(agent("a", "yes"))
    printed = lines(project("invoke", "e.yaml", "hi", "--output-format", "jsonl").stdout)
    run = printed[0]["run_id"]
    assert lines(project("runs", "events", run[:15], "--json").stdout) == printed
    finished = project("runs", "events", "last", "--type", "agent_finished").stdout.splitlines()
    assert [line.split()[2:4] for line in finished] == [["agent_finished", "a"]]


def test_an_export_holds_runs_events_and_calls(project):
    project.ensemble(agent("a", "yes"))
    for text in ("one", "two"):
        project("invoke", "e.yaml", text)
    records = lines(project("runs", "export", "--all").stdout)
    assert [r["inputs"] for r in records if r["record"] == "run"] == [{"input": "one"}, {"input": "two"}]
    asked = [r["request"]["messages"][-1]["content"] for r in records if r["record"] == "call"]
    assert asked == ["one", "two"]
    done = project("runs", "export", "last", "--format", "jsonl", "--output", "run.jsonl")
    assert (done.returncode, done.stdout) == (0, "")
    assert lines((project.folder / "run.jsonl").read_text()) == records[len(records) // 2 :]


def test_old_runs_are_forgotten_and_said(project):
    project.ensemble(agent("a", "yes"))
    for _ in range(3):
        project("invoke", "e.yaml", "hi")
    newest, *old = [run["run_id"] for run in runs(project, "list")]
    tried = project("runs", "prune", "--keep", "1", "--dry-run")
    assert [line.split()[0] for line in tried.stdout.splitlines()[1:]] == old
    assert tried.stderr == "2 runs would be forgotten\n"
    assert len(runs(project, "list")) == 3
    assert project("runs", "prune", "--older-than", "1d").stderr == "0 runs forgotten\n"
    assert project("runs", "prune", "--keep", "1").stderr == "2 runs forgotten\n"
    assert [run["run_id"] for run in runs(project, "list")] == [newest]
    with closing(sqlite3.connect(project.folder / ".llm-orc" / "runs.db")) as database:
        tables = ("attempts", "events", "agents", "requests", "calls")
        query = "SELECT count(DISTINCT run) FROM {}"
        counts = {name: database.execute(query.format(name)).fetchone() for name in tables}
    assert set(counts.values()) == {(1,)}


def test_what_cannot_be_found_or_meant_is_said(project):
    project.ensemble(agent("a", "yes"))
    before = project.together([("runs", "list", "--json"), ("runs", "show", "last")])
    assert [each.returncode for each in before.values()] == [0, 2]
    assert before["runs", "list", "--json"].stdout == "[]\n"
    assert "no runs are recorded in " in before["runs", "show", "last"].stderr
    project("invoke", "e.yaml", "hi")
    wrong = {
        ("runs", "show", "nope"): "no run begins with 'nope'",
        ("runs", "events", "x"): "hint: the last ones: ",
        ("runs", "export"): "give --all",
        ("runs", "export", "last", "--all"): "give --all",
        ("runs", "prune"): "give --keep or --older-than",
        ("runs", "list", "--since", "soon"): "write 30d, 12h or 2026-01-31",
    }
    for command, done in project.together(wrong).items():
        assert (done.returncode, done.stdout) == (2, ""), command
        assert wrong[command] in done.stderr


def test_runs_lie_in_the_project_or_among_the_users_data_or_where_it_is_said(llm_orc):
    llm_orc.ensemble(agent("a", "yes"))
    data = llm_orc.folder.parent / "home" / ".local" / "share" / "llm-orc" / "runs.db"
    llm_orc("invoke", "e.yaml", "hi")
    assert data.stat().st_mode & 0o777 == 0o600
    llm_orc("invoke", "e.yaml", "hi", "--runs", "mine.db")
    assert len(runs(llm_orc, "list", "--runs", "mine.db")) == len(runs(llm_orc, "list")) == 1
    (llm_orc.folder / ".llm-orc").mkdir()
    llm_orc("invoke", "e.yaml", "hi")
    assert (llm_orc.folder / ".llm-orc" / "runs.db").exists()
    llm_orc.file(".llm-orc/config.yaml", "runs: elsewhere/ours.db\n")
    llm_orc("invoke", "e.yaml", "hi")
    assert (llm_orc.folder / "elsewhere" / "ours.db").exists()


def test_calls_that_were_under_way_at_a_kill_are_counted_when_the_run_is_resumed(project):
    project.ensemble(agent("a", wait=60), agent("b", wait=60), budget={"calls": 2})
    with project.started("invoke", "e.yaml", "hi", "--quiet") as process:
        while len(lines(project("runs", "events", "last", "--type", "model_called", "--json").stdout)) < 2:
            assert process.poll() is None
        process.kill()
        process.wait()
    done = project("runs", "resume", "last")
    assert done.returncode == 3
    assert "the budget of 2 calls does not allow another call" in done.stderr
    assert len(lines(project("runs", "events", "last", "--type", "model_called", "--json").stdout)) == 2


def test_no_file_is_no_journal(project):
    for verb in (("invoke", project.ensemble(agent()), "hi"), ("runs", "list"), ("runs", "show", "last")):
        done = project(*verb, "--runs", "")
        assert (done.returncode, done.stdout) == (2, "")
        assert done.stderr == "error: runs: '.' is not a file\nhint: name one: --runs PATH\n"


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_what_was_reported_answered_is_in_the_journal_however_the_run_dies(project, number):
    many = [agent(f"quick{i}", f"answer {i}", wait=0.002 * i) for i in range(100)]
    project.ensemble(*many, agent("slow", wait=60))
    reported = set()
    with project.started("invoke", "e.yaml", "hi", "--output-format", "jsonl") as process:
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "model_answered":
                reported.add(event["agent"])
            if len(reported) == 30:
                break
        process.send_signal(number)
        for line in process.stdout:
            if number == signal.SIGKILL and line.endswith("}\n") and '"model_answered"' in line:
                reported.add(json.loads(line)["agent"])
        process.wait()
    run = runs(project, "list")[0]
    assert run["status"] == ("killed" if number == signal.SIGKILL else "interrupted")
    records = lines(project("runs", "export", "last").stdout)
    answered = [r for r in records if r["record"] == "call" and r["status"] == "answered"]
    calls = {r["agent"]: r["response"]["choices"][0]["text"] for r in answered}
    assert reported <= set(calls)
    assert all(text == f"answer {name.removeprefix('quick')}" for name, text in calls.items())
    seen = [record["seq"] for record in records if record["record"] == "event"]
    assert seen == list(range(1, len(seen) + 1))
    assert run["usage"]["output_tokens"] == 2 * len(calls)


def test_processes_record_in_one_journal_at_once(project):
    project.ensemble(*[agent(f"a{i}", f"answer {i}", wait=0.001 * i) for i in range(40)])
    code = "open('here', 'w').write('x' + chr(10)); open('gate').readline()"
    project.ensemble(script("wait", code), agent("b", "yes"), file="g.yaml")
    quiet = ("hi", "--quiet")
    with (
        gate(project.folder / "gate") as open_gate,
        project.started("invoke", "g.yaml", *quiet) as waiting,
    ):
        appeared(project.folder / "here")
        with (
            project.started("invoke", "e.yaml", *quiet) as one,
            project.started("invoke", "e.yaml", *quiet) as other,
        ):
            assert [one.wait(), other.wait()] == [0, 0]
        first = runs(project, "list")[-1]
        assert (first["status"], first["ended_at"]) == ("running", None)
        assert project("runs", "prune", "--keep", "0", "--dry-run").stderr.startswith("2 runs")
        open_gate()
        assert waiting.wait() == 0
    assert [(run["status"], run["calls"]) for run in runs(project, "list")] == [
        ("succeeded", 40), ("succeeded", 40), ("succeeded", 1),
    ]  # fmt: skip


def test_a_journal_that_cannot_be_used_is_one_clear_error(project):
    project.ensemble(script("a", "open('ran', 'w').write('x')"))
    project.file(".llm-orc/runs.db", "no database at all, " * 300)
    commands = [("invoke", "e.yaml", "hi"), ("runs", "list"), ("runs", "show", "last")]
    for command, done in project.together(commands).items():
        assert (done.returncode, done.stdout) == (5, ""), command
        error, hint = done.stderr.splitlines()
        assert error.startswith("error: the journal of runs ")
        assert error.endswith(": it is no file of SQLite")
        assert "--runs PATH" in hint
    assert not (project.folder / "ran").exists()
    assert project("invoke", "e.yaml", "hi", "--runs", "other.db").returncode == 0


def test_a_running_run_can_be_watched_from_outside(project):
    code = "open('here', 'w').write('x' + chr(10)); open('gate').readline()"
    project.ensemble(agent("a", "yes"), script("b", code, depends_on=["a"]))
    with (
        gate(project.folder / "gate") as open_gate,
        project.started("invoke", "e.yaml", "hi", "--quiet") as process,
    ):
        appeared(project.folder / "here")
        detail = runs(project, "show", "last")
        assert (detail["status"], detail["calls"]) == ("running", 1)
        open_gate()
        assert process.wait() == 0


def test_an_unknown_type_of_event_and_an_empty_journal_are_said(project):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")
    done = project("runs", "events", "last", "--type", "agent_finishd")
    assert (done.returncode, done.stdout) == (2, "")
    assert "did you mean 'agent_finished'?" in done.stderr
    project.file("empty.db", "")
    done = project("runs", "show", "last", "--runs", "empty.db")
    assert (done.returncode, done.stderr.splitlines()[0]) == (2, "error: no runs are recorded in empty.db")


@pytest.mark.parametrize(
    "arguments",
    [("feedback", "last", "--score", "nan"), ("invoke", "e.yaml", "x", "--lambda-token", "inf"),
     ("runs", "collect", "--output", "t.jsonl", "--rate", "nan")],
)  # fmt: skip
def test_what_is_no_number_is_refused(project, arguments):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")
    done = project(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert "is not a number" in done.stderr
