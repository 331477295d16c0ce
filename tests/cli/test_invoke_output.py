"""`invoke`: what is printed, where, and in which form."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from .command_line import LLM_ORC, CommandLine, agent, failing, gate, script

RESULT = {
    "run_id", "ensemble", "status", "output", "agents", "plan", "usage", "cost_usd", "duration_s", "trace_id",
    "error",
}  # fmt: skip
OUTCOME = {
    "status", "output", "model", "strategy", "confidence", "samples", "usage", "cost_usd", "attempts",
    "evidence", "variant", "started_at", "duration_s", "error",
}  # fmt: skip


@pytest.fixture
def pair(llm_orc: CommandLine) -> CommandLine:
    """Two agents, the second of which answers with the first one's words."""
    llm_orc.ensemble(agent("one", "first"), agent("two", prompt="{{ one }} second", depends_on=["one"]))
    return llm_orc


def test_standard_output_holds_the_result_only(pair):
    done = pair("invoke", "e.yaml", "go")
    assert done.stdout == "first second\n"
    lines = done.stderr.splitlines()
    assert lines[0].startswith("✓ one  scripted/m  1+1 tokens")
    assert lines[-1].startswith("succeeded: 2 agents, 3+3 tokens")


def test_quiet_prints_no_progress(pair):
    done = pair("invoke", "e.yaml", "go", "--quiet")
    assert (done.stdout, done.stderr) == ("first second\n", "")


def test_quiet_still_prints_errors(llm_orc):
    llm_orc.ensemble(failing("a"))
    done = llm_orc("invoke", "e.yaml", "--quiet")
    assert (done.returncode, done.stdout) == (1, "")
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("error: agent 'a': ")


def test_verbose_prints_starts_calls_and_logs(llm_orc):
    llm_orc.ensemble(agent("a"), script("s", "import sys; sys.stderr.write('noted')", depends_on=["a"]))
    done = llm_orc("invoke", "e.yaml", "go", "--verbose")
    assert "· a starts on scripted/m\n· a: scripted/m answered after" in done.stderr
    assert "· s: noted\n" in done.stderr


def test_json_has_the_promised_keys(pair):
    done = pair("invoke", "e.yaml", "go", "--output-format", "json")
    result = json.loads(done.stdout)
    assert (result["status"], result["output"], done.stderr) == ("succeeded", "first second", "")
    assert result.keys() == RESULT
    assert list(result["agents"]) == ["one", "two"]
    assert result["agents"]["one"].keys() == OUTCOME
    assert result["usage"] == {"input_tokens": 3, "output_tokens": 3}


def test_jsonl_prints_one_event_per_line_and_ends_with_the_result(pair):
    done = pair("invoke", "e.yaml", "go", "--output-format", "jsonl")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert all(event["ts"].endswith("Z") for event in events)
    assert [event["type"] for event in events if event.get("agent", "one") == "one"] == [
        "run_started", "agent_started", "model_called", "model_answered", "agent_finished", "run_finished",
    ]  # fmt: skip
    assert events[-1].keys() == {"seq", "ts", "type", "span", *RESULT}
    assert (events[-1]["status"], events[-1]["output"], done.stderr) == ("succeeded", "first second", "")


def test_jsonl_prints_an_event_when_it_happens(llm_orc):
    llm_orc.ensemble(agent("quick", "now"), agent("slow", "late", wait=3600))
    with llm_orc.started("invoke", "e.yaml", "x", "--output-format", "jsonl") as process:
        for line in process.stdout:
            event = json.loads(line)
            if event["type"] == "agent_finished":
                break
        assert event["outcome"]["output"] == "now"
        assert process.poll() is None


@pytest.mark.parametrize(
    ("outputs", "printed"),
    [
        (["one", "two"], "one:\nfirst\n\ntwo:\nfirst second\n"),
        (["two", "one"], "two:\nfirst second\n\none:\nfirst\n"),
        ("one", "first\n"),
    ],
)
def test_outputs_are_printed_under_their_names_in_the_order_of_the_file(llm_orc, outputs, printed):
    agents = agent("one", "first"), agent("two", prompt="{{ one }} second", depends_on=["one"])
    llm_orc.ensemble(*agents, output=outputs)
    assert llm_orc("invoke", "e.yaml", "go").stdout == printed


def test_output_that_is_not_text_is_printed_as_json(llm_orc):
    llm_orc.ensemble(agent("a", '{"n": [1, "é"]}', output_format="json"))
    assert json.loads(llm_orc("invoke", "e.yaml", "go").stdout) == {"n": [1, "é"]}


@pytest.mark.parametrize(
    ("form", "holds"),
    [
        ("text", "first second\n"),
        ("rich", "first second\n"),
        ("json", '"output": "first second"'),
        ("jsonl", '"output": "first second"'),
    ],
)
def test_the_result_can_go_to_a_file(pair, form, holds):
    done = pair("invoke", "e.yaml", "go", "--output", "out.txt", "--output-format", form)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    assert holds in (pair.folder / "out.txt").read_text()
    assert pair.files() == {"e.yaml", "out.txt"}


def test_events_can_go_to_a_file(pair):
    done = pair("invoke", "e.yaml", "go", "--output", "out.jsonl", "--output-format", "jsonl")
    events = [json.loads(line) for line in (pair.folder / "out.jsonl").read_text().splitlines()]
    assert (done.returncode, done.stdout) == (0, "")
    assert [event["seq"] for event in events] == list(range(1, len(events) + 1))
    assert (events[0]["type"], events[-1]["type"]) == ("run_started", "run_finished")


def test_a_file_that_cannot_be_written_is_found_before_anything_is_spent(llm_orc):
    llm_orc.ensemble(script("s", "open('ran', 'w')"))
    done = llm_orc("invoke", "e.yaml", "--output", "none/out.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: cannot write none/out.txt: there is no folder none\nhint: make it first\n"
    assert not (llm_orc.folder / "ran").exists()


@pytest.mark.parametrize("arguments", [["none.yaml"], ["bad.yaml"]])
def test_a_run_that_never_starts_leaves_the_output_file_alone(llm_orc, arguments):
    llm_orc.file("bad.yaml", "name: [")
    kept = llm_orc.file("out.txt", "earlier")
    assert llm_orc("invoke", *arguments, "x", "--output", "out.txt").returncode == 2
    assert kept.read_text() == "earlier"
    assert llm_orc.files() == {"bad.yaml", "out.txt"}


def test_a_failed_write_leaves_nothing_behind(pair):
    (pair.folder / "out.txt").mkdir()
    done = pair("invoke", "e.yaml", "go", "--output", "out.txt")
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert pair.files() == {"e.yaml", "out.txt"}


def test_an_output_file_keeps_its_link_and_its_mode(pair):
    target = pair.file("real.txt", "earlier")
    target.chmod(0o600)
    (pair.folder / "out.txt").symlink_to(target)
    pair("invoke", "e.yaml", "go", "--output", "out.txt")
    assert (target.read_text(), target.stat().st_mode & 0o777) == ("first second\n", 0o600)


def test_a_pipe_is_written_to_and_not_replaced(pair):
    """As root, replacing what is no file would destroy a device."""
    os.mkfifo(pair.folder / "pipe")
    reader = os.open(pair.folder / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    done = pair("invoke", "e.yaml", "go", "--output", "pipe")
    assert (done.returncode, os.read(reader, 100)) == (0, b"first second\n")
    os.close(reader)
    assert (pair.folder / "pipe").is_fifo()


@pytest.mark.parametrize("form", ["jsonl", "json", "text"])
def test_a_reader_that_goes_away_is_no_crash(llm_orc, form):
    llm_orc.ensemble(agent("a", "x" * 300_000))
    with llm_orc.started("invoke", "e.yaml", "go", "--output-format", form, "--quiet") as process:
        process.stdout.close()
        _, errors = process.communicate()
    assert (process.returncode, errors.partition("\n")[0]) in ((1, ""), (130, "error: interrupted"))


def test_a_reader_of_events_that_goes_away_ends_the_run(llm_orc):
    slow = agent("slow", "late", depends_on=["first"], wait=3600)
    llm_orc.ensemble(script("first", "print(open('go').readline())"), slow)
    command = ("invoke", "e.yaml", "x", "--output-format", "jsonl")
    with gate(llm_orc.folder / "go") as release, llm_orc.started(*command) as process:
        lines = [process.stdout.readline() for _ in range(2)]
        assert "agent_started" in lines[1]
        process.stdout.close()
        release()
        _, errors = process.communicate()
    assert (process.returncode, errors.partition("\n")[0]) == (130, "error: interrupted")


@pytest.mark.parametrize(
    ("closed", "printed"), [("<&-", "answer\n"), (">&-", ""), ("2>&-", "answer\n"), ("<&- >&- 2>&-", "")]
)
def test_a_standard_stream_that_is_closed_is_no_crash(llm_orc, closed, printed):
    llm_orc.ensemble(agent("a", "answer"))
    command = f'"$@" {closed}'
    done = subprocess.run(
        ["sh", "-c", command, "sh", *LLM_ORC, "invoke", "e.yaml", "-"], cwd=llm_orc.folder,
        env=llm_orc.environment, input="", capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (0, printed, False), done.stderr
