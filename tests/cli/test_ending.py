"""How runs end early, and go on: signals, budgets, killed processes."""

from __future__ import annotations

import json
import signal

import pytest

from tests.servers.faulty import Reply

from .command_line import agent, served

PATIENT = {"LLM_ORC_GRACE_SECONDS": "20"}


def runs(llm_orc, *arguments: str):
    return json.loads(llm_orc("runs", *arguments, "--json").stdout)


def until(stream, text: str) -> None:
    for line in stream:
        if text in line:
            return
    raise AssertionError(f"{text!r} was never said")


@pytest.fixture
def two(llm_orc, faulty_server):
    """Two agents of a server, the first answer of which waits."""
    faulty_server.script(Reply(held=True))
    url = faulty_server.openai_url
    llm_orc.ensemble(served(url, "a"), served(url, "b", depends_on=["a"]))
    llm_orc.file(".llm-orc/config.yaml", "concurrency: 2\n")
    return llm_orc


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_what_is_under_way_ends_and_is_kept(two, faulty_server, number):
    with two.started("invoke", "e.yaml", "x", "--verbose", **PATIENT) as process:
        assert faulty_server.arrived.wait(20)
        process.send_signal(number)
        until(process.stderr, "waiting for 1 under way")
        faulty_server.release()
        errors = process.stderr.read()
    assert (process.returncode, len(faulty_server.received)) == (130, 1)
    assert "goes on where it ended" in errors
    assert len(two("runs", "events", "last", "--type", "agent_started", "--json").stdout.splitlines()) == 1
    done = two("runs", "resume", "last")
    assert (done.returncode, done.stdout, len(faulty_server.received)) == (0, "echo: x\n\n## a\necho: x\n", 2)


def test_a_second_signal_cancels_what_is_under_way(two, faulty_server):
    with two.started("invoke", "e.yaml", "x", **PATIENT) as process:
        assert faulty_server.arrived.wait(20)
        process.send_signal(signal.SIGINT)
        until(process.stderr, "waiting for 1 under way")
        process.send_signal(signal.SIGINT)
        process.wait(20)
    assert process.returncode == 130
    assert runs(two, "list")[0]["status"] == "interrupted"


def test_a_killed_run_goes_on(two, faulty_server):
    faulty_server.release()
    faulty_server.script(Reply(hang=True))
    with two.started("invoke", "e.yaml", "x", "--output-format", "jsonl") as process:
        assert all(faulty_server.arrivals.acquire(timeout=20) for _ in range(2))
        process.kill()
        process.wait(20)
    assert runs(two, "list")[0]["status"] == "killed"
    sent = len(faulty_server.received)
    faulty_server.script()
    again = two("invoke", "e.yaml", "--resume", "last", "--output-format", "json")
    result = json.loads(again.stdout)
    assert (again.returncode, result["status"], result["agents"]["a"]["output"]) == (
        0,
        "succeeded",
        "echo: x",
    )
    first = [body["messages"][-1]["content"] for body in faulty_server.bodies[:sent]]
    assert first.count("x") == 1
    assert [body["messages"][-1]["content"] for body in faulty_server.bodies].count("x") == 1


def test_a_budget_ends_a_run_that_a_higher_one_lets_go_on(llm_orc):
    llm_orc.ensemble(*[agent(f"a{n}", f"answer {n}") for n in range(4)], output=["a0", "a3"])
    done = llm_orc("invoke", "e.yaml", "x", "--max-calls", "2", "--concurrency", "1")
    assert (done.returncode, done.stdout.startswith("a0:\nanswer 0")) == (3, True)
    assert "error: the run: the budget of 2 calls does not allow another call" in done.stderr
    more = llm_orc("runs", "resume", "last", "--max-calls", "4", "--output-format", "json")
    result = json.loads(more.stdout)
    assert (more.returncode, result["status"], result["output"]) == (
        0, "succeeded", {"a0": "answer 0", "a3": "answer 3"},
    )  # fmt: skip
    assert runs(llm_orc, "show", "last")["calls"] == 4


def test_a_changed_file_is_shown_and_taken_by_force(llm_orc):
    llm_orc.ensemble(agent("a", "one"), agent("b", "two"))
    assert llm_orc("invoke", "e.yaml", "x", "--max-calls", "1", "--concurrency", "1").returncode == 3
    llm_orc.ensemble(agent("a", "one"), agent("b", "two", description="new"))
    refused = llm_orc("runs", "resume", "last")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "has changed since the run began" in refused.stderr
    assert "+" in refused.stderr
    done = llm_orc("runs", "resume", "last", "--force", "--max-calls", "2")
    assert (done.returncode, done.stdout) == (0, "a:\none\n\nb:\ntwo\n")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("runs", "resume", "zzz"), "no run"),
        (("invoke", "e.yaml", "text", "--resume", "last"), "has its input already"),
        (("invoke", "e.yaml", "--max-usd", "nan"), "nan is not a number"),
        (("invoke", "e.yaml", "--max-usd", "0"), "--max-usd"),
    ],
)
def test_what_cannot_be_resumed_or_bounded_is_said(llm_orc, arguments, said):
    llm_orc.ensemble(agent("a", "one"))
    llm_orc("invoke", "e.yaml", "x")
    done = llm_orc(*arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert said in done.stderr
    assert "Traceback" not in done.stderr
