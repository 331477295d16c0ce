"""On a terminal: what people see while a run goes on, and what must never reach their terminal."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import termios
from time import monotonic

import pytest

from .command_line import DEADLINE, LLM_ORC, CommandLine, agent, failing, script

FORMATS = ("rich", "text", "json", "jsonl")
CODES = re.compile(r"\x1b\[[0-9;?]*[a-zA-Z]")


def on_terminal(llm_orc: CommandLine, *arguments: str, width: int = 100, **variables: str) -> tuple[int, str]:
    """The exit code, and all that was written to a terminal of this width."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    process = subprocess.Popen(
        [*LLM_ORC, *arguments], cwd=llm_orc.folder, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**llm_orc.environment, "TERM": "xterm-256color", **variables}, start_new_session=True,
    )  # fmt: skip
    os.close(theirs)
    with process:
        try:
            seen = read_all(ours)
            return process.wait(DEADLINE), seen
        finally:
            process.kill()
            os.close(ours)


def read_all(terminal: int) -> str:
    """Until nobody writes to the terminal any more."""
    data, until = b"", monotonic() + DEADLINE
    while select.select([terminal], [], [], max(0.0, until - monotonic()))[0]:
        try:
            data += os.read(terminal, 65_536)
        except OSError:  # how Linux says that the other side is closed
            return data.decode().replace("\r\n", "\n")
    raise TimeoutError(data.decode(errors="replace"))


def plain(text: str) -> str:
    return CODES.sub("", text)


def test_a_terminal_shows_the_agents_and_the_answer(llm_orc):
    llm_orc.ensemble(
        agent("first", "forty two"), agent("second", depends_on=["first"], prompt="{{ first }}!")
    )
    code, seen = on_terminal(llm_orc, "invoke", "e.yaml", "x")
    assert code == 0
    lines = plain(seen).splitlines()
    assert any(re.match(r"1 +✓ first +scripted/m +1\+2 .* forty two", line) for line in lines), seen
    assert any(re.match(r"2 +✓ second +scripted/m .* forty two!", line) for line in lines), seen
    assert any(line.startswith("succeeded: 2 agents") for line in lines)
    assert lines[-1] == "forty two!"


def test_the_cursor_is_shown_again(llm_orc):
    llm_orc.ensemble(agent("a"), failing("b"))
    code, seen = on_terminal(llm_orc, "invoke", "e.yaml", "x")
    assert code == 1
    assert seen.rfind("\x1b[?25h") > seen.rfind("\x1b[?25l") >= 0


@pytest.mark.parametrize("variables", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
def test_without_colours_nothing_is_coloured(llm_orc, variables):
    llm_orc.ensemble(agent("a", "forty two"), failing("b", on_failure="skip"))
    _, seen = on_terminal(llm_orc, "invoke", "e.yaml", "x", **variables)
    assert "✓ a" in plain(seen)
    assert not re.search(r"\x1b\[(?:\d+;)*(?:3[0-7]|9[0-7]|38)", seen)


def test_a_dumb_terminal_gets_plain_lines_only(llm_orc):
    llm_orc.ensemble(agent("a", "forty two"))
    assert "\x1b" not in on_terminal(llm_orc, "invoke", "e.yaml", "x", TERM="dumb")[1]


@pytest.mark.parametrize(
    "flags", [[], ["--verbose"], ["--output-format", "text"], ["--output-format", "json"]]
)
def test_escape_sequences_of_a_model_do_not_reach_the_terminal(llm_orc, flags):
    bad = "\x1b]0;owned\x07\x1b[2Jred\x1b[31m\x9b31m\x1bPq\x1b\\ \u202eright to left"
    llm_orc.ensemble(
        agent("a", bad),
        script("s", r"import sys; sys.exit('\\x1b]0;owned\\x07')", on_failure="skip"),
        output="a",
    )
    _, seen = on_terminal(llm_orc, "invoke", "e.yaml", "x", *flags)
    assert "right to left" in seen
    assert not re.search("\x1b[]P]|\x1b\\[2J|\x9b|\x07|\u202e", seen)


@pytest.mark.parametrize("variables", [{}, {"TERM": "dumb"}])
def test_markup_is_shown_as_it_is(llm_orc, variables):
    llm_orc.ensemble(agent("[bold]a", "[red]not red[/red] :smile: [/]"))
    code, seen = on_terminal(llm_orc, "invoke", "e.yaml", "x", **variables)
    assert code == 0
    assert "✓ [bold]a" in plain(seen)
    assert plain(seen).splitlines()[-1] == "[red]not red[/red] :smile: [/]"


@pytest.mark.parametrize("width", [40, 24])
def test_a_narrow_terminal_is_not_overflowed(llm_orc, width):
    names = [f"agent-with-a-long-name-{number}" for number in range(3)]
    llm_orc.ensemble(*(agent(name, "a long answer " * 20) for name in names), output=names[0])
    code, seen = on_terminal(llm_orc, "invoke", "e.yaml", "x", width=width)
    rows = [line for line in plain(seen).splitlines() if "✓" in line]
    assert (code, len(rows) >= 3, rows[-3][0]) == (0, True, "1")
    assert all(len(row) <= width for row in rows)


def test_more_agents_than_rows_are_shown_by_layer(llm_orc):
    many = [f"a{number}" for number in range(40)]
    llm_orc.ensemble(*(script(name, "print(1)") for name in many[:2]), *(agent(name) for name in many[2:]))
    code, seen = on_terminal(llm_orc, "invoke", "e.yaml", "x")
    assert code == 0
    assert "✓ a39" in plain(seen)


def test_quiet_on_a_terminal_shows_the_answer_only(llm_orc):
    llm_orc.ensemble(agent("a", "forty two"))
    assert on_terminal(llm_orc, "invoke", "e.yaml", "x", "--quiet") == (0, "forty two\n")


def test_without_an_input_a_terminal_is_not_read(llm_orc):
    llm_orc.ensemble(agent("a"))
    code, seen = on_terminal(llm_orc, "invoke", "e.yaml")
    assert code == 2
    assert "error: 'e' needs the input 'input'" in seen


@pytest.mark.parametrize("verb", ["validate", "invoke"])
def test_escape_sequences_of_a_file_do_not_reach_the_terminal(llm_orc, verb):
    llm_orc.file("e.yaml", '"na\\u001b]0;owned\\u0007me": t\nagents: [{name: "a\\u001b[2J"}]\n')
    _, seen = on_terminal(llm_orc, verb, "e.yaml")
    assert "e.yaml:1:1:" in seen
    assert "\x1b" not in seen


def test_escape_sequences_of_names_do_not_reach_the_terminal_while_they_run(llm_orc):
    bad = "\x1b]0;owned\x07\x1b[5mm"
    named = {"name": "a", "model": {"provider": "scripted", "name": bad}}
    llm_orc.ensemble(named, {**named, "name": "b", "depends_on": ["a"]}, name=bad)
    for flags in [], ["--verbose"]:
        code, seen = on_terminal(llm_orc, "invoke", "e.yaml", "x", *flags)
        assert code == 0
        assert not re.search("\x1b[]]|\x1b\\[5m|\x07", seen)


def test_escape_sequences_of_a_file_do_not_reach_the_terminal_when_it_is_drawn(llm_orc):
    llm_orc.ensemble(agent("a"), name="\x1b]0;owned\x07\x1b[2Je")
    assert "\x1b" not in on_terminal(llm_orc, "graph", "e.yaml")[1]
