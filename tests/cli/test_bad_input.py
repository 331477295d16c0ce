"""What scripts, models and users must not be able to do: each is one clear line and leaves nothing behind."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import pytest

from .command_line import LLM_ORC, CommandLine, Done, agent, appeared, gone, script

MB = 1024
"""One megabyte in the unit of `ru_maxrss` (kilobytes)."""
FLOOD = "import os\nblock = bytes(1 << 20)\nfor _ in range(1024):\n    os.write(1, block)\n"
FORKS = 'for n in 1 2 3; do sleep 3600 & pids="$pids $!"; done\necho $$ $pids'
HANGS = f"{FORKS} > pids\nwait\n"
NO_PYTHON = ["{{ input.__class__ }}", "{{ input | attr('__class__') }}", "{{ input['__class__'] }}",
             "{{ ''.join.__globals__ }}", "{{ self.__init__ }}", "{{ dependencies.__class__ }}",
             "{% set x = parameters.__class__ %}{{ x }}", "{{ '{0.__class__}'.format(input) }}"]  # fmt: skip


def failed(done: Done, who: str) -> str:
    """The one line that says why an agent failed, without its beginning."""
    assert (done.returncode, done.stdout) == (1, ""), done.stderr
    error, *hints = done.stderr.splitlines()
    assert error.startswith(f"error: agent {who!r}: ")
    assert len(hints) <= 1
    assert all(hint.startswith("hint: ") for hint in hints)
    return error.removeprefix(f"error: agent {who!r}: ")


def invoke(llm_orc: CommandLine, *agents: dict[str, Any], **keys: Any) -> Done:
    return llm_orc("invoke", llm_orc.ensemble(*agents, **keys), "x", "--quiet")


def python(llm_orc: CommandLine, code: str, **keys: Any) -> dict[str, Any]:
    """An agent that is a program in a file."""
    llm_orc.file("program.py", code)
    return {"name": "a", "script": "program.py", **keys}


def test_a_gigabyte_of_output_is_cut_off_and_never_held(llm_orc):
    llm_orc.ensemble(python(llm_orc, FLOOD))
    measured = (
        "import resource, subprocess, sys; "
        f"done = subprocess.run({[*LLM_ORC, 'invoke', 'e.yaml', '--quiet']!r}); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss); sys.exit(done.returncode)"
    )
    done = subprocess.run(
        [sys.executable, "-c", measured], cwd=llm_orc.folder, env=llm_orc.environment, text=True,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    peak = int(done.stdout)
    assert done.returncode == 1
    assert done.stderr.startswith("error: agent 'a': script program.py printed more than 10,000,000 bytes\n")
    assert peak < 150 * MB


def test_what_a_script_forks_ends_with_it_and_holds_nothing_up(llm_orc):
    llm_orc.file("forks.sh", FORKS)
    done = invoke(llm_orc, {"name": "a", "script": "forks.sh"})
    pids = done.stdout.split()
    assert (done.returncode, len(pids)) == (0, 4)
    assert all(gone(int(pid)) for pid in pids)


def test_a_hanging_script_ends_with_its_children_at_its_timeout(llm_orc):
    llm_orc.file("hangs.sh", HANGS)
    done = invoke(llm_orc, {"name": "a", "script": "hangs.sh", "timeout_seconds": 2})
    assert failed(done, "a") == "no answer within 2 s"
    assert all(gone(int(pid)) for pid in appeared(llm_orc.folder / "pids").split())


def test_a_thousand_items_are_answered_in_their_order(llm_orc):
    each = agent("b", prompt="{{ item }}", depends_on=["a"], fan_out=True)
    done = invoke(llm_orc, script("a", "print(list(range(1_000)))"), each)
    assert (done.returncode, done.stderr) == (0, "")
    assert json.loads(done.stdout) == [str(n) for n in range(1_000)]


@pytest.mark.parametrize(
    "printed",
    ["[NaN]", '{"a": Infinity}', "[1e999]", r'["\ud800"]', "[" * 100_000, "[" * 500 + "]" * 500, "1" * 5000],
    ids=["nan", "infinity", "huge", "half a character", "open", "deep", "digits"],
)
def test_json_that_is_none_is_text_for_all_that_follow(llm_orc, printed):
    llm_orc.file("printed", printed)
    agents = [
        script("a", "print(open('printed').read())"),
        script("b", "import json, sys; print(json.load(sys.stdin)['dependencies']['a'])", depends_on=["a"]),
        agent("c", depends_on=["b"], prompt="{{ b }}"),
    ]
    llm_orc.ensemble(*agents)
    done = llm_orc("invoke", "e.yaml", "--output-format", "json")
    assert (done.returncode, done.stderr) == (0, "")
    result = json.loads(done.stdout, parse_constant=pytest.fail)
    assert [result["agents"][name]["output"] for name in "abc"] == [printed] * 3


@pytest.mark.parametrize("answer", ["[NaN]", "[" * 100_000, r'"\ud800"', "", "Sure! {"])
def test_an_answer_that_should_be_json_and_is_none_fails_its_agent(llm_orc, answer):
    done = invoke(llm_orc, agent("a", answer, output_format="json"))
    assert failed(done, "a").startswith("the answer is not JSON: ")


@pytest.mark.parametrize("prompt", NO_PYTHON)
def test_a_template_reaches_nothing_of_python(llm_orc, prompt):
    said = failed(invoke(llm_orc, agent("a", prompt=prompt)), "a")
    assert said.startswith("the prompt cannot be rendered: ")
    assert "__" in said


def test_a_condition_reaches_nothing_of_python(llm_orc):
    never = agent("b", "ran", when="exists(input.__class__) or exists(input['__class__'])", depends_on=["a"])
    done = invoke(llm_orc, agent("a", "A"), never, output=["a", "b"])
    assert (done.returncode, done.stdout) == (0, "a:\nA\n")
    called = invoke(llm_orc, agent("a", when="__import__('os').system('touch ran')"))
    assert (called.returncode, "not part of the language of conditions" in called.stderr) == (2, True)
    assert "ran" not in llm_orc.files()


def test_ensembles_that_hold_each_other_are_found_before_anything_runs(llm_orc):
    for name, held in (("one", "two"), ("two", "three"), ("three", "one")):
        body = {"name": "a", "ensemble": held} if name != "two" else {"name": "a", "loop": {"body": held}}
        llm_orc.ensemble(script("s", "open('ran', 'w')"), body, file=f"{name}.yaml")
    circle = "these ensembles hold each other: one -> two -> three -> one (break the circle)"
    checked = llm_orc("validate", "one.yaml")
    assert (checked.returncode, checked.stdout.count("\n"), circle in checked.stdout) == (2, 1, True)
    done = llm_orc("invoke", "one.yaml", "x")
    assert (done.returncode, done.stdout, circle in done.stderr) == (2, "", True)
    assert "ran" not in llm_orc.files()


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"not": {}}, "this is a value that is excluded"),
        ({"type": "object", "required": ["n"]}, "the key 'n' is missing"),
        ({"type": "object", "additionalProperties": False}, "unknown key 'a'"),
        ({"allOf": [{"type": "object"}, {"type": "array"}]}, "expected a list"),
    ],
)
def test_a_schema_that_no_answer_satisfies_fails_after_one_repair(llm_orc, schema, said):
    llm_orc.ensemble(agent("a", '{"a": 1}', output_schema=schema))
    done = llm_orc("invoke", "e.yaml", "x", "--output-format", "json")
    [failure] = json.loads(done.stdout)["agents"].values()
    assert (done.returncode, failure["status"], failure["attempts"]) == (1, "failed", 2)
    assert failure["error"]["kind"] == "answer_rejected"
    assert failure["error"]["message"].startswith("the answer does not satisfy output_schema: ")
    assert said in failure["error"]["message"]


@pytest.mark.parametrize("arguments", [[b"a\xff"], [b"--var", b"input=a\xff"]])
def test_an_argument_that_is_no_text_is_an_error_of_use(llm_orc, arguments):
    llm_orc.ensemble(script("a", "print('ran')"))
    done = subprocess.run(
        [*LLM_ORC, "invoke", "e.yaml", *arguments], cwd=llm_orc.folder, env=llm_orc.environment,
        stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, b"")
    assert b"is not UTF-8 text\nhint: " in done.stderr


def test_names_that_no_file_system_takes_are_problems_of_the_file(llm_orc):
    long, zero = "a" * 5000, "a\0b"
    parts = [{"name": "a", "ensemble": long}, {"name": "b", "loop": {"body": long}},
             {"name": "c", "script": f"{long}.py"}, {"name": "d", "script": zero},
             {"name": "e", "ensemble": zero}, agent("f", prompt_file=long)]  # fmt: skip
    done = llm_orc("validate", llm_orc.ensemble(*parts))
    assert (done.returncode, len(done.stdout.splitlines())) == (2, 6)
    assert "6 problems in 1 file" in done.stderr
