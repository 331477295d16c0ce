"""`invoke`: every way to give an ensemble its inputs."""

from __future__ import annotations

import subprocess

import pytest

from .command_line import LLM_ORC, CommandLine, agent

TWO = {"a": {"type": "string"}, "b": {"type": "integer"}}


@pytest.fixture
def echo(llm_orc: CommandLine) -> CommandLine:
    """Its ensemble repeats the input."""
    llm_orc.ensemble(agent())
    llm_orc.file("in.txt", "from a file\n")
    return llm_orc


@pytest.mark.parametrize(
    ("arguments", "stdin", "answer"),
    [
        (["plain text"], None, "plain text"),
        (["häuser ✓ 日本"], None, "häuser ✓ 日本"),
        (["@in.txt"], None, "from a file"),
        (["-"], "typed\n", "typed"),
        ([], "piped\n", "piped"),
        (["-"], b"\xef\xbb\xbfwith a mark\n", "with a mark"),
        (["--var", "input=named"], None, "named"),
        (["--var", "input=@in.txt"], None, "from a file"),
        (["--var", "input=a=b"], None, "a=b"),
        (["text wins over what is piped"], "piped", "text wins over what is piped"),
        (["{{ 7 * 7 }}"], None, "{{ 7 * 7 }}"),
        (["--", "-dashed"], None, "-dashed"),
        ([""], None, ""),
    ],
)  # fmt: skip
def test_an_input_reaches_the_agent(echo, arguments, stdin, answer):
    done = echo("invoke", "e.yaml", *arguments, stdin=stdin)
    assert (done.returncode, done.stdout.rstrip("\n")) == (0, answer), done.stderr


@pytest.mark.parametrize(
    ("arguments", "error", "hint"),
    [
        ([], "'e' needs the input 'input'", "--var NAME=VALUE"),
        (["--var", "inptu=x"], "'e' has no input 'inptu'", "did you mean 'input'?"),
        (["--var", "input"], "--var 'input' is not NAME=VALUE", ""),
        (["--var", "=x"], "--var '=x' is not NAME=VALUE", ""),
        (["@none.txt"], "cannot read none.txt: No such file or directory", ""),
        (["@."], "cannot read .: Is a directory", ""),
        (["@bytes"], "bytes is not UTF-8 text (byte 1)", ""),
        (["x", "--var", "input=y"], "every input is given by --var, so there is no place for the text", ""),
    ],
)  # fmt: skip
def test_an_input_that_cannot_be_used_is_an_error_of_use(echo, arguments, error, hint):
    echo.file("bytes", b"a\xff")
    done = echo("invoke", "e.yaml", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == f"error: {error}"
    assert hint in done.stderr


@pytest.mark.parametrize(
    ("arguments", "answer"),
    [
        (["--var", "a=x", "--var", "b=3"], "x 4"),
        (["x", "--var", "b=3"], "x 4"),
        (['{"a": "x", "b": 3}'], "x 4"),
    ],
)
def test_inputs_have_the_types_of_the_file(llm_orc, arguments, answer):
    llm_orc.ensemble(agent(prompt="{{ a }} {{ b + 1 }}"), inputs=TWO)
    assert llm_orc("invoke", "e.yaml", *arguments).stdout == f"{answer}\n"


@pytest.mark.parametrize(
    ("arguments", "error"),
    [
        (["--var", "a=x", "--var", "b=three"], "input 'b': 'three' is not of type 'integer'"),
        (["text"], "'e' has several inputs (a, b)"),
        (["--var", "a=x"], "'e' needs the input 'b'"),
    ],
)
def test_inputs_that_do_not_fit_the_file_are_refused(llm_orc, arguments, error):
    llm_orc.ensemble(agent(prompt="{{ a }}{{ b }}"), inputs=TWO)
    done = llm_orc("invoke", "e.yaml", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: {error}\n")


def test_without_an_input_the_default_task_is_used(llm_orc):
    llm_orc.ensemble(agent(), default_task="the default")
    assert llm_orc("invoke", "e.yaml").stdout == "the default\n"
    assert llm_orc("invoke", "e.yaml", "another").stdout == "another\n"


def test_an_input_that_is_a_template_is_never_run_as_one(llm_orc):
    llm_orc.ensemble(agent("a"), agent("b", depends_on=["a"], prompt="{{ a }}"))
    assert llm_orc("invoke", "e.yaml", "{{ input.__class__ }}").stdout == "{{ input.__class__ }}\n"


def test_a_pipe_that_stays_silent_is_waited_for_and_said_to_be(echo):
    pipe = subprocess.PIPE
    with subprocess.Popen(
        [*LLM_ORC, "invoke", "e.yaml"], cwd=echo.folder, env=echo.environment, text=True,
        stdin=pipe, stdout=pipe, stderr=pipe,
    ) as process:  # fmt: skip
        said = process.stderr.readline()
        output, _ = process.communicate("late\n", timeout=60)
    assert said.startswith("waiting for standard input ")
    assert (process.returncode, output) == (0, "late\n")
