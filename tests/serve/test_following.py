"""The stream of events: complete, in order, and of runs in other processes."""

from __future__ import annotations

import json
import os
import signal
import sys
from contextlib import suppress
from itertools import islice
from pathlib import Path
from urllib.parse import quote

import pytest

from llm_orc.serve.lines import SHORT, batches, short
from tests.cli.command_line import agent, appeared, failing, gate, gone, script

from .server import Server, agents_of, serving

BLOCKED = "open('here', 'w').write('x' + chr(10)); open('gate').readline()"


def until(messages, kind):
    """All events up to the first of this type."""
    found = []
    for event in messages:
        found.append(event)
        if isinstance(event, dict) and event["type"] == kind:
            return found
    raise AssertionError(f"the stream ended before {kind}")


def test_a_run_of_another_process_is_seen_while_it_runs(project, server: Server):
    project.ensemble(agent("a", "yes"), script("b", BLOCKED, depends_on=["a"]), agent("c", depends_on=["b"]))
    with (
        gate(project.folder / "gate") as open_gate,
        project.started("invoke", "e.yaml", "hi", "--output-format", "jsonl") as process,
    ):
        appeared(project.folder / "here")
        with server.stream("last") as messages:
            assert next(messages) == "running"
            before = []
            while agents_of(before, "agent_started") != ["a", "b"]:
                before.append(next(messages))
            assert server.runs()[0]["status"] == "running"
            open_gate()
            events = [*before, *until(messages, "run_finished")]
        printed = [json.loads(line) for line in process.stdout]
    assert [event["seq"] for event in events if isinstance(event, dict)] == [e["seq"] for e in printed]
    assert [e for e in events if isinstance(e, dict)][:-1] == printed[:-1]


def test_nothing_is_lost_or_repeated_wherever_the_connection_breaks(project, server: Server):
    project.ensemble(*[agent(f"a{i}", "yes", wait=0.01 * i) for i in range(12)])
    with project.started("invoke", "e.yaml", "hi", "--quiet") as process:
        process.wait()
    count = len(server("/api/runs/last/events").json)
    for at in range(0, count, 7):
        with server.stream("last", Last_Event_ID=str(at)) as messages:
            assert next(messages) == "succeeded"
            got = [event["seq"] for event in islice(messages, count - at)]
        assert got == list(range(at + 1, count + 1))
    assert [event["seq"] for event in server(f"/api/runs/last/events?after={count - 3}").json] == [
        count - 2, count - 1, count,
    ]  # fmt: skip


def test_a_stream_goes_on_with_another_server(project):
    project.ensemble(agent("a", "yes"), script("b", BLOCKED, depends_on=["a"]))
    with (
        gate(project.folder / "gate") as open_gate,
        project.started("invoke", "e.yaml", "hi", "--quiet"),
    ):
        appeared(project.folder / "here")
        with serving(project) as server, server.stream("last") as messages:
            first = until(messages, "model_answered")
        open_gate()
        seen = first[-1]["seq"]
        with serving(project) as server, server.stream("last", Last_Event_ID=str(seen)) as messages:
            rest = until(messages, "run_finished")
    numbers = [event["seq"] for event in (*first, *rest) if isinstance(event, dict)]
    assert numbers == list(range(1, len(numbers) + 1))


def test_a_run_whose_process_is_killed_is_said_to_be(project, server: Server):
    project.ensemble(script("a", BLOCKED))
    with gate(project.folder / "gate"), project.started("invoke", "e.yaml", "hi", "--quiet") as process:
        appeared(project.folder / "here")
        with server.stream("last") as messages:
            assert next(messages) == "running"
            process.send_signal(signal.SIGKILL)
            process.wait()
            assert next(event for event in messages if isinstance(event, str)) == "killed"
    assert server.runs()[0]["status"] == "killed"


def test_a_journal_may_come_and_go_while_the_server_runs(project, server: Server):
    assert server.runs() == []
    project.ensemble(agent("a", "yes"))
    for _ in range(2):
        project("invoke", "e.yaml", "hi")
        assert len(server.runs()) == 1
        with server.stream("last") as messages:
            assert next(messages) == "succeeded"
            assert until(messages, "run_finished")
        for file in (project.folder / ".llm-orc").glob("runs.db*"):
            file.unlink()
    assert server.runs() == []


def test_a_run_may_be_forgotten_while_it_is_watched(project, server: Server):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")
    with server.stream("last") as messages:
        assert next(messages) == "succeeded"
        assert until(messages, "run_finished")
        assert project("runs", "prune", "--keep", "0").returncode == 0
        assert next(messages) == "forgotten"
    assert server.runs() == []
    project("invoke", "e.yaml", "hi")
    with server.stream("last") as messages:
        assert until(messages, "run_finished")


def test_a_damaged_journal_is_an_error_and_not_the_end(project, server: Server):
    project.file(".llm-orc/runs.db", "no database at all, " * 300)
    answer = server("/api/runs")
    assert (answer.status, answer.json["error"]["kind"]) == (500, "journal_failed")
    (project.folder / ".llm-orc" / "runs.db").unlink()
    assert server("/api/runs").status == 200


def test_a_run_is_cancelled_in_order_in_its_own_process(project, server: Server):
    project.environment["LLM_ORC_GRACE_SECONDS"] = "60"
    project.ensemble(agent("a", "yes"), script("b", BLOCKED, depends_on=["a"]))
    with gate(project.folder / "gate"), project.started("invoke", "e.yaml", "hi", "--quiet") as process:
        appeared(project.folder / "here")
        run = server("/api/runs/last").json
        assert run["actions"] == {"cancel": True, "resume": False}
        for _ in range(2):
            answer = server(f"/api/runs/{run['run_id']}/cancel", "POST")
            assert (answer.status, answer.json) == (202, {"asked": True})
            with server.stream("last") as messages:
                until(messages, "run_ending")
        assert process.wait() == 130
    run = server("/api/runs/last").json
    assert run["status"] == "interrupted"
    assert run["actions"] == {"cancel": False, "resume": True}
    again = server(f"/api/runs/{run['run_id']}/cancel", "POST")
    assert (again.status, again.json["error"]["message"]) == (409, "the run is not running: interrupted")


def test_a_run_is_resumed_and_its_answers_are_not_paid_for_twice(project, server: Server):
    code = "import os, sys; sys.exit(0 if os.path.exists('repaired') else 'broken')"
    project.ensemble(agent("a", "yes"), script("b", code, depends_on=["a"]))
    assert project("invoke", "e.yaml", "hi").returncode == 1
    run = server("/api/runs/last").json
    assert run["actions"]["resume"]
    project.file("repaired", "")
    with server.stream("last", Last_Event_ID=str(run["last_seq"])) as messages:
        answer = server(f"/api/runs/{run['run_id']}/resume", "POST")
        assert (answer.status, answer.json) == (202, {"resumed": True})
        events = [event for event in until(messages, "run_finished") if isinstance(event, dict)]
    assert events[0]["seq"] == run["last_seq"] + 1
    assert (events[0]["type"], events[0]["attempt"]) == ("run_started", 2)
    assert [e["source"] for e in events if e["type"] == "model_answered"] == ["journal"]
    after = server("/api/runs/last").json
    assert (after["status"], after["attempts"], after["calls"]) == ("succeeded", 2, 1)


def test_a_run_that_cannot_be_resumed_says_why(project, server: Server):
    project.ensemble(failing("a"))
    project("invoke", "e.yaml", "hi")
    project.ensemble(failing("a"), agent("b"))
    answer = server("/api/runs/last/resume", "POST")
    assert answer.status == 409
    assert "has changed since the run began" in answer.json["error"]["message"]
    assert "--force" in answer.json["error"]["hint"]
    project.ensemble(agent("a", "yes"), file="o.yaml")
    project("invoke", "o.yaml", "hi")
    assert server("/api/runs/last/resume", "POST").json["error"]["message"] == (
        "the run cannot be resumed: succeeded"
    )


def test_many_watch_one_run(project, server: Server):
    project.ensemble(
        agent("a", "yes"), script("b", BLOCKED, depends_on=["a"]), failing("c", depends_on=["b"])
    )
    with (
        gate(project.folder / "gate") as open_gate,
        project.started("invoke", "e.yaml", "hi", "--quiet"),
    ):
        appeared(project.folder / "here")
        streams = [server.stream("last") for _ in range(20)]
        viewers = [stream.__enter__() for stream in streams]
        for viewer in viewers:
            assert next(viewer) == "running"
        open_gate()
        ends = [until(viewer, "run_finished") for viewer in viewers]
        for stream in streams:
            stream.__exit__(None, None, None)
    assert all(end == ends[0] for end in ends)


def test_calls_are_listed_with_what_was_asked_and_answered(project, server: Server):
    project.ensemble(agent("a", "yes", strategy={"type": "self_consistency", "samples": 60}))
    project("invoke", "e.yaml", "how?", "--seed", "1")
    found = server("/api/runs/last/calls?agent=a").json
    assert [call["number"] for call in found["calls"]] == [1]
    call = found["calls"][0]
    assert call["request"]["messages"][-1]["content"] == "how?"
    assert len(call["response"]["choices"]) == 60
    assert server("/api/runs/last/calls?agent=b").json == {"calls": [], "more": False}


def test_runs_are_searched_and_filtered(project, server: Server):
    project.ensemble(agent("a", "yes"))
    project.ensemble(failing("a"), name="other", file="o.yaml")
    project("invoke", "e.yaml", "a Red fox")
    project("invoke", "e.yaml", "100%_sure")
    project("invoke", "o.yaml", "hi")
    for query, count in {
        "": 3, "q=red": 1, "q=YES": 2, "q=%25_": 1, "q=nothing": 0, "status=failed": 1, "ensemble=e": 2,
        "ensemble=e&q=fox": 1, "status=running": 0, "limit=2": 2,
    }.items():  # fmt: skip
        assert len(server(f"/api/runs?{query}").json["runs"]) == count, query
    page = server("/api/runs?limit=2").json
    assert (page["more"], page["ensembles"]) == (True, ["e", "other"])
    older = server(f"/api/runs?before={page['runs'][-1]['run_id']}").json["runs"]
    assert [run["input"] for run in older] == ["a Red fox"]
    etag = server("/api/runs").headers["etag"]
    assert server("/api/runs", If_None_Match=etag).status == 304


def test_a_run_is_found_by_what_its_agents_are_called_answered_and_failed_with(project, server: Server):
    rungs = {"type": "cascade", "models": ["scripted/dear"], "confidence": "agreement", "samples": 1}
    project.ensemble(
        agent("drafter", 'a "fine"\nthing', strategy=rungs), failing("checker", on_failure="skip"),
        agent("last", "done", depends_on=["drafter"]),
    )  # fmt: skip
    project("invoke", "e.yaml", "hi")
    found = ("Drafter", "checker", "broken", "DEAR", 'a "FINE"\nthing', "scripted/m")
    for text in (*found, "agent_finished", "nothing", "input_tokens"):
        assert len(server(f"/api/runs?q={quote(text)}").json["runs"]) == (text in found), text


def test_where_content_is_not_kept_none_is_shown(project, server: Server):
    project.file(".llm-orc/config.yaml", "keep_content: false\n")
    project.ensemble(agent("a", "a secret answer"))
    project("invoke", "e.yaml", "a secret question")
    run = server("/api/runs/last").json
    assert run["keeps_content"] is False
    paths = ("", "/events", "/calls?agent=a", "/map")
    assert not [path for path in paths if b"secret" in server(f"/api/runs/last{path}").body]
    assert b"secret" not in server("/api/runs").body


def test_asking_for_the_head_of_a_stream_ends(project, server: Server):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")
    answer = server("/api/runs/last/stream", "HEAD")
    assert (answer.status, answer.body) == (200, b"")


def test_a_server_that_nobody_watches_ends_where_it_should(project):
    with project.started("serve", "--port", "0", "--until-idle", "0.3") as process:
        assert process.wait() == 0


def process_with(word: str) -> int:
    """The process in whose command line the word stands."""
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if word in (folder / "cmdline").read_text(errors="replace"):
                return int(folder.name)
    raise AssertionError(f"no process with {word}")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux lists processes as files")
def test_invoke_opens_a_page_that_outlives_the_run(project):
    project.ensemble(agent("a", "yes"))
    browser = project.file("browser", '#!/bin/sh\necho "$1" > opened.part && mv opened.part opened\n')
    browser.chmod(0o755)
    done = project("invoke", "e.yaml", "hi", "--open", "--quiet", BROWSER=f"{browser} %s")
    link = appeared(project.folder / "opened").strip()
    assert (done.returncode, done.stdout, done.stderr) == (0, "yes\n", f"page: {link}\n")
    port, _, run = link.removeprefix("http://127.0.0.1:").partition("/runs/")
    server = Server(link, int(port))
    assert server(f"/api/runs/{run}").json["status"] == "succeeded"
    child = process_with(run)
    os.kill(child, signal.SIGTERM)
    assert gone(child)


def test_long_content_is_cut_and_names_are_not():
    long = "x" * (2 * SHORT)
    outcome = {"status": "succeeded", "output": {"deep": [long] * 90}, "evidence": {"replies": [long] * 90}}
    event = {"seq": 7, "ts": "t", "type": "agent_finished", "agent": long, "outcome": outcome}
    cut = json.loads(short(json.dumps(event)))
    assert cut["cut"] is True
    assert cut["agent"] == long
    assert len(json.dumps(cut)) < 10 * SHORT * 10
    many = {f"agent-{i}": [f"agent-{i - 1}"] for i in range(500)}
    started = json.dumps({"seq": 1, "type": "run_started", "layers": [list(many)], "depends_on": many})
    assert short(started) == started
    finished = {"seq": 9, "type": "run_finished", "agents": {"a": outcome}, "plan": [], "output": "yes"}
    assert json.loads(short(json.dumps(finished))) == {"seq": 9, "type": "run_finished", "output": "yes"}


def test_messages_are_bounded_and_none_is_left_out():
    lines = [(number, json.dumps({"seq": number, "text": "é" * 1900})) for number in range(1, 901)]
    found = list(batches(lines))
    assert [first for first, _, _ in found][1:] == [last + 1 for _, last, _ in found][:-1]
    assert found[0][0] == 1
    assert found[-1][1] == 900
    assert max(len(message) for _, _, message in found) < 1_000_000
