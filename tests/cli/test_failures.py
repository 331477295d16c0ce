"""What goes wrong in a run: one clear line, the right exit code, and what was finished is printed."""

from __future__ import annotations

import json
import signal

import pytest

from tests.servers.faulty import Reply

from .command_line import DEADLINE, agent, appeared, closed_port, failing, gone, script, served

CHILD = (
    "import os, subprocess, sys, time; "
    "c = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(3600)']); "
    "open('pids', 'w').write(f'{os.getpid()} {c.pid}\\n'); time.sleep(3600)"
)


@pytest.mark.parametrize(
    ("on_failure", "code", "printed", "said"),
    [
        ("stop", 1, "", "error: agent 'bad': script"),
        ("skip", 0, "fine\n", "✗ bad"),
        ({"default": "instead"}, 0, "fine\n", "default, because script"),
    ],
)
def test_on_failure_decides_the_exit_code(llm_orc, on_failure, code, printed, said):
    good = script("good", "print('fine')")
    llm_orc.ensemble(failing("bad", on_failure=on_failure), good, output="good", concurrency=1)
    done = llm_orc("invoke", "e.yaml")
    assert (done.returncode, done.stdout) == (code, printed), done.stderr
    assert said in done.stderr


def test_a_default_is_what_dependents_see(llm_orc):
    second = agent("b", prompt="got {{ a }}", depends_on=["a"])
    llm_orc.ensemble(failing("a", on_failure={"default": "nothing"}), second)
    assert llm_orc("invoke", "e.yaml").stdout == "got nothing\n"


def test_what_depends_on_a_failed_agent_is_skipped_and_the_rest_is_printed(llm_orc):
    left = failing("a", on_failure="skip"), agent("b", depends_on=["a"], prompt="{{ a }}")
    llm_orc.ensemble(*left, script("c", "print('rest')"))
    done = llm_orc("invoke", "e.yaml", "--output-format", "json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["status"], result["output"]) == (1, "failed", {"b": None, "c": "rest"})
    assert [outcome["status"] for outcome in result["agents"].values()] == ["failed", "skipped", "succeeded"]


@pytest.mark.parametrize(
    ("code", "keys", "said"),
    [
        ("import sys; sys.exit('no such table')", {}, "ended with exit code 1: no such table"),
        ("import time; time.sleep(3600)", {"timeout_seconds": 0.2}, "no answer within 0.2 s"),
        ("import os; os.write(1, bytes([97, 255]))", {}, "printed what is not UTF-8 text (byte 1)"),
        ("print('y' * 5000)", {"max_output_bytes": 1000}, "printed more than 1,000 bytes"),
        ("import os; os.kill(os.getpid(), 9)", {}, "was ended by signal SIGKILL"),
    ],
)
def test_a_script_that_fails_is_one_clear_line(llm_orc, code, keys, said):
    llm_orc.ensemble(script("s", code, **keys))
    done = llm_orc("invoke", "e.yaml", "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    error, *hints = done.stderr.splitlines()
    assert error.startswith("error: agent 's': ")
    assert said in error
    assert all(hint.startswith("hint: ") for hint in hints)


def test_a_script_that_is_not_there_is_a_problem_of_the_file(llm_orc):
    llm_orc.ensemble({"name": "s", "script": "scripts/none.py"})
    done = llm_orc("invoke", "e.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "e.yaml:1:" in done.stderr
    assert "there is no script 'scripts/none.py' (looked in" in done.stderr


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (Reply(status=429, headers={"retry-after": "7"}), "too many requests (HTTP 429)"),
        (Reply(status=500, body={"error": {"message": "no memory"}}), "server failed (HTTP 500): no memory"),
        (Reply(status=404, body={"error": {"message": "no model m"}}), "does not have this model"),
        (Reply(body=b"<html>hello"), "the reply cannot be used"),
        (Reply(body=b"{}"), "the reply cannot be used"),
        (Reply(body=b"\xff\xfe\x00"), "the reply cannot be used"),
    ],
)  # fmt: skip
def test_a_server_that_fails_is_one_clear_line(llm_orc, faulty_server, reply, said):
    faulty_server.script(reply)
    llm_orc.ensemble(served(faulty_server.openai_url))
    done = llm_orc("invoke", "e.yaml", "x", "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    error, *hints = done.stderr.splitlines()
    assert error.startswith("error: agent 'a': openai m at 127.0.0.1:")
    assert said in error
    assert all(hint.startswith("hint: ") for hint in hints)


@pytest.mark.parametrize("cut", ["no server", "no reply", "half a reply"])
def test_a_server_that_cannot_be_reached_has_its_own_exit_code(llm_orc, faulty_server, cut):
    faulty_server.script(Reply(keep=0 if cut == "no reply" else 60))
    llm_orc.ensemble(served(closed_port() if cut == "no server" else faulty_server.openai_url))
    done = llm_orc("invoke", "e.yaml", "x", "--quiet")
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (4, "", False)
    assert done.stderr.startswith("error: agent 'a': openai m at 127.0.0.1:")
    assert "\nhint: " in done.stderr


def test_one_dead_server_among_others_is_a_failed_run(llm_orc, faulty_server):
    llm_orc.ensemble(served(faulty_server.openai_url), served(closed_port(), "b", depends_on=["a"]))
    done = llm_orc("invoke", "e.yaml", "x", "--output-format", "json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["agents"]["a"]["output"] == "echo: x"


def test_a_hanging_server_ends_with_the_timeout(llm_orc, faulty_server):
    faulty_server.script(Reply(hang=True))
    llm_orc.ensemble(served(faulty_server.openai_url, timeout_seconds=3))
    done = llm_orc("invoke", "e.yaml", "x", "--quiet")
    assert done.returncode == 1
    assert done.stderr == "error: agent 'a': no answer within 3 s\nhint: raise timeout_seconds\n"
    assert faulty_server.hung_up.wait(DEADLINE)


@pytest.mark.parametrize("form", ["text", "json", "jsonl"])
def test_a_key_is_sent_and_never_shown(llm_orc, faulty_server, form):
    faulty_server.script(Reply(status=401, body={"error": {"message": "wrong key {authorization}"}}))
    llm_orc.ensemble(served(faulty_server.openai_url, api_key_env="MY_KEY"))
    done = llm_orc("invoke", "e.yaml", "x", "--output-format", form, "--verbose", MY_KEY="sk-very-secret")
    assert done.returncode == 1
    assert "the key was not accepted" in done.stderr
    assert "very-secret" not in done.stdout + done.stderr
    assert faulty_server.received[0].headers["authorization"] == "Bearer sk-very-secret"


def test_a_missing_key_is_named(llm_orc, faulty_server):
    llm_orc.ensemble(served(faulty_server.openai_url, api_key_env="MY_KEY"))
    done = llm_orc("invoke", "e.yaml", "x", "--quiet")
    assert (done.returncode, faulty_server.received) == (1, [])
    assert "the environment variable MY_KEY is not set\nhint: export MY_KEY=" in done.stderr


def test_a_run_that_takes_too_long_prints_what_is_finished(llm_orc):
    llm_orc.ensemble(agent("quick", "now"), agent("slow", wait=3600))
    done = llm_orc("invoke", "e.yaml", "x", "--max-seconds", "1", "--quiet")
    assert (done.returncode, done.stdout) == (3, "quick:\nnow\n")
    assert done.stderr.startswith("error: the run took longer than 1 s\nhint: `llm-orc runs resume ")


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_script_leaves_no_process(llm_orc, number):
    if signal.getsignal(number) is signal.SIG_IGN:
        pytest.skip("this suite was told to ignore the signal (nohup), and so are its children")
    llm_orc.ensemble(agent("first", "done"), script("s", CHILD, depends_on=["first"]), output=["first", "s"])
    with llm_orc.started("invoke", "e.yaml", "x", "--output-format", "json") as process:
        pids = appeared(llm_orc.folder / "pids").split()
        process.send_signal(number)
        output, errors = process.communicate()
    result = json.loads(output)
    assert (process.returncode, errors.splitlines()[0]) == (130, "error: interrupted")
    assert (result["status"], result["output"]) == ("interrupted", {"first": "done", "s": None})
    assert result["agents"]["s"]["error"]["kind"] == "interrupted"
    assert all(gone(int(pid)) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_call_hangs_up(llm_orc, faulty_server, number):
    faulty_server.script(Reply(hang=True))
    later = served(faulty_server.openai_url, "b", depends_on=["first"])
    llm_orc.ensemble(agent("first", "done"), later, output=["first", "b"])
    with llm_orc.started("invoke", "e.yaml", "x", "--quiet") as process:
        assert faulty_server.arrived.wait(DEADLINE)
        process.send_signal(number)
        output, errors = process.communicate()
    assert (process.returncode, output) == (130, "first:\ndone\n")
    assert errors.startswith("error: interrupted\nhint: `llm-orc runs resume ")
    assert faulty_server.hung_up.wait(DEADLINE)


def test_a_call_that_takes_too_long_names_the_setting_that_bounds_it(llm_orc, faulty_server):
    faulty_server.script(Reply(hang=True))
    llm_orc.ensemble(served(faulty_server.openai_url, call_timeout_seconds=1))
    done = llm_orc("invoke", "e.yaml", "x", "--quiet")
    assert done.stderr.endswith("no complete answer within 1 s\nhint: raise call_timeout_seconds\n")


@pytest.mark.parametrize(
    ("budget", "wait", "said"),
    [
        ({"seconds": 0.2}, 3600, "the budget of 0.2 s is spent\nhint: raise seconds in its budget\n"),
        ({"calls": 1}, 0, "the budget of 1 call does not allow another call\nhint: a higher limit"),
    ],
)
def test_a_spent_budget_of_an_agent_names_the_agent_once(llm_orc, budget, wait, said):
    """The answer is no JSON, so that it is asked for again."""
    schema = {"type": "object"}
    llm_orc.ensemble(agent("a", "no", wait=wait, budget=budget, output_schema=schema))
    done = llm_orc("invoke", "e.yaml", "x")
    assert f"\nerror: agent 'a': {said}" in f"\n{done.stderr}"


def test_waiting_for_a_host_that_is_left_alone_is_no_attempt(llm_orc, faulty_server):
    faulty_server.script(Reply(status=500))
    # Longer than the pause before the first retry can be.
    llm_orc.file(".llm-orc/config.yaml", "breaker: {failures: 1, seconds: 1.5}\n")
    llm_orc.ensemble(served(faulty_server.openai_url))
    done = llm_orc("invoke", "e.yaml", "x", "--retries", "1", "--output-format", "jsonl", "--verbose")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    retried = [event for event in events if event["type"] == "call_retried"]
    assert (done.returncode, {event["attempt"] for event in retried}) == (0, {2})
    waits = [line for line in done.stderr.splitlines() if " in a row and is left alone" in line]
    assert len(waits) == len(retried) - 1 > 0
    assert all(line.startswith("warning: a: waits ") for line in waits)


def test_what_cannot_be_resumed_is_not_said_to_be(llm_orc):
    llm_orc.file(".llm-orc/config.yaml", "keep_content: false\n")
    llm_orc.ensemble(agent("a", "one"), agent("b", "two"))
    done = llm_orc("invoke", "e.yaml", "x", "--max-calls", "1", "--concurrency", "1", "--quiet")
    budget = "error: the run: the budget of 1 call does not allow another call"
    assert (done.returncode, done.stderr) == (3, f"{budget}\nhint: raise the limit\n")
