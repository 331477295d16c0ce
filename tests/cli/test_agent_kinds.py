"""Each kind of agent, from the file to the result."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .command_line import CommandLine, Done, agent, script, served

COUNT = """
import json, sys
given = json.load(sys.stdin)
print(json.dumps({"input": given["input"], "factor": given["parameters"]["factor"], **given["dependencies"]}))
"""
TWO_INPUTS = {"text": {"type": "string"}, "tone": {"type": "string", "default": "plain"}}


def output(done: Done) -> Any:
    """What was printed, which is JSON."""
    assert (done.returncode, done.stderr) == (0, "")
    return json.loads(done.stdout)


def invoke(llm_orc: CommandLine, *agents: dict[str, Any], text: str = "x", **keys: Any) -> Done:
    return llm_orc("invoke", llm_orc.ensemble(*agents, **keys), text, "--quiet")


@pytest.mark.parametrize("place", ["scripts", ".llm-orc", ".llm-orc/scripts"])
def test_a_script_is_a_file_of_the_project_or_of_its_folder_of_scripts(llm_orc, place):
    llm_orc.file(f"{place}/count.py", COUNT)
    name = "scripts/count.py" if place == "scripts" else "count.py"
    counted = {"name": "count", "script": name, "parameters": {"factor": 1e3}, "depends_on": ["a"]}
    done = invoke(llm_orc, agent("a", '{"n": 1}', output_format="json"), counted)
    assert output(done) == {"input": "x", "factor": 1000.0, "a": {"n": 1}}


def test_a_command_line_may_start_with_a_script_and_shows_its_arguments(llm_orc):
    llm_orc.file("scripts/args.py", "import json, sys; print(json.dumps(sys.argv[1:]))")
    done = invoke(llm_orc, {"name": "a", "script": "scripts/args.py one 'two words' $HOME *"})
    assert output(done) == ["one", "two words", "$HOME", "*"]


def test_a_script_runs_in_the_folder_of_the_project(llm_orc):
    llm_orc.file(".llm-orc/config.yaml", "concurrency: 1\n")
    llm_orc.ensemble(script("a", "import os; print(os.getcwd())"), file="ensembles/deep/e.yaml")
    assert llm_orc("invoke", "deep/e").stdout.strip() == str(llm_orc.folder)


def test_the_log_of_a_script_is_no_part_of_its_output(llm_orc):
    code = "import sys; print('note', file=sys.stderr); print('out')"
    llm_orc.ensemble(script("a", code))
    done = llm_orc("invoke", "e.yaml", "--verbose")
    assert (done.stdout, "note" in done.stderr) == ("out\n", True)


def test_an_ensemble_gets_what_its_agent_sees_as_its_only_input(llm_orc):
    llm_orc.ensemble(agent("inner"), file="part.yaml")
    part = {"name": "part", "ensemble": "part.yaml", "depends_on": ["first"]}
    done = invoke(llm_orc, agent("first", "1st"), part)
    assert done.stdout == "x\n\n## first\n1st\n"


def test_an_ensemble_with_several_inputs_takes_them_by_name(llm_orc):
    inner = agent("inner", prompt="{{ text }} in {{ tone }}")
    llm_orc.ensemble(inner, file="part.yaml", inputs=TWO_INPUTS)
    part = {"name": "part", "ensemble": "part.yaml", "depends_on": ["tone"], "input_scope": "dependencies"}
    done = invoke(llm_orc, agent("tone", "red"), part, inputs={"text": {"type": "string"}})
    assert done.stdout == "x in red\n"


def test_an_ensemble_that_misses_an_input_says_which(llm_orc):
    llm_orc.ensemble(agent("inner", prompt="{{ text }}"), file="part.yaml", inputs=TWO_INPUTS)
    done = invoke(llm_orc, {"name": "part", "ensemble": "part.yaml"})
    assert (done.returncode, done.stderr) == (1, "error: agent 'part': ensemble 'e' needs the input 'text'\n")


NUMBER = {"n": {"type": "integer", "maximum": 9}}


@pytest.mark.parametrize(
    ("made", "said"),
    [
        ("7", ""),
        ("70", "error: agent 'part': input 'n' of ensemble 'e': expected at most 9, got the number 70\n"),
        (
            "many",
            "error: agent 'part': input 'n' of ensemble 'e': expected a whole number, got text 'many'\n",
        ),
    ],
)
def test_what_an_ensemble_is_given_satisfies_its_schema(llm_orc, made, said):
    llm_orc.ensemble(agent("inner", prompt="{{ n + 1 }}"), file="part.yaml", inputs=NUMBER)
    part = {"name": "part", "ensemble": "part.yaml", "depends_on": ["n"], "input_scope": "dependencies"}
    done = invoke(llm_orc, agent("n", made), part)
    assert (done.stdout, done.stderr) == ("" if said else "8\n", said)


def test_what_a_loop_carries_satisfies_the_schema_of_its_body(llm_orc):
    llm_orc.ensemble(
        agent("inner", '{"n": "many"}'), file="part.yaml", inputs={**NUMBER, "m": {"default": 1}}
    )
    loop = {"body": "part.yaml", "until": "false", "max_iterations": 3, "carry": ["n"]}
    done = invoke(llm_orc, {"name": "turns", "loop": loop}, inputs={"n": {"type": "integer"}}, text="1")
    assert "agent 'turns': input 'n' of ensemble 'e': expected a whole number" in done.stderr


def test_an_ensemble_runs_once_per_item(llm_orc):
    llm_orc.ensemble(agent("inner", prompt="<{{ input }}>"), file="part.yaml")
    part = {"name": "part", "ensemble": "part.yaml", "depends_on": ["list"], "fan_out": True}
    assert output(invoke(llm_orc, script("list", "print([1, 2])"), part)) == ["<1>", "<2>"]


def test_usage_of_an_ensemble_within_counts_and_its_agents_are_events(llm_orc):
    llm_orc.ensemble(agent("inner", "three words here"), file="part.yaml")
    llm_orc.ensemble({"name": "part", "ensemble": "part.yaml"})
    lines = llm_orc("invoke", "e.yaml", "x", "--output-format", "jsonl").stdout.splitlines()
    events = [json.loads(line) for line in lines]
    assert {event.get("agent") for event in events} == {None, "part", "part/inner"}
    assert events[-1]["agents"]["part"]["usage"] == {"input_tokens": 1, "output_tokens": 3}


def test_a_loop_hands_its_output_on_until_the_condition_holds(llm_orc):
    double = "import json, sys; print(json.dumps({'n': 2 * json.load(sys.stdin)['input']}))"
    llm_orc.ensemble(script("double", double), file="body.yaml", inputs={"n": {"type": "integer"}})
    settings = {"body": "body.yaml", "until": "n > 20", "carry": "n"}
    done = invoke(llm_orc, {"name": "l", "loop": settings}, text="3", inputs={"n": {"type": "integer"}})
    assert output(done) == {"n": 24}


def test_a_loop_without_a_condition_runs_all_of_its_rounds(llm_orc):
    llm_orc.ensemble(agent("body", prompt="{{ input }}+"), file="body.yaml")
    settings = {"body": "body.yaml", "max_iterations": 3, "carry": {"input": "output"}}
    assert invoke(llm_orc, {"name": "l", "loop": settings}).stdout == "x+++\n"


def test_a_loop_that_never_ends_is_ended_and_may_have_a_default(llm_orc):
    llm_orc.ensemble(agent("body"), file="body.yaml")
    endless = {"name": "l", "loop": {"body": "body.yaml", "until": "false", "max_iterations": 1000}}
    done = invoke(llm_orc, endless)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: agent 'l': 'false' did not hold after 1000 rounds\n"
        "hint: raise max_iterations, or give on_failure a default\n"
    )
    shorter = {**endless, "loop": {**endless["loop"], "max_iterations": 3}}
    assert invoke(llm_orc, {**shorter, "on_failure": {"default": "gave up"}}).stdout == "gave up\n"


@pytest.fixture(scope="module")
def parts(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """A folder with ensembles to choose from, and things that are none."""
    llm_orc = CommandLine(tmp_path_factory.mktemp("parts"), tmp_path_factory.mktemp("home"))
    for name in ("one", "two", "sub/deep", "../outside"):
        llm_orc.ensemble(agent("a", f"ran {name}"), file=f"{name}.yaml")
    llm_orc.file("broken.yaml", "name: broken\nagents: [{name: a, promt: x}, {name: a}]\n")
    llm_orc.file("secrets.txt", "name: [of a friend\n")
    llm_orc.file("plain", "name: [of a friend\n")
    return llm_orc


def dispatched(folder: CommandLine, chosen: str, spec: Any, *flags: str) -> Done:
    file = folder.ensemble(agent("pick", chosen), {"name": "go", "dispatch": spec, "depends_on": ["pick"]})
    return folder("invoke", file, "x", "--quiet", *flags)


@pytest.mark.parametrize(
    ("chosen", "spec", "ran"),
    [
        ("two", "pick", "two"),
        ("two", "${pick}", "two"),
        (" two\n", "pick", "two"),
        ("sub/deep", "pick", "sub/deep"),
        ("two", {"from": "pick", "allow": ["one", "two"]}, "two"),
        ("three", {"from": "pick", "allow": ["one"], "default": "one"}, "one"),
        ("three", {"from": "pick", "default": "one"}, "one"),
        ("two", {"from": "pick", "default": "one"}, "two"),
        ('{"way": "one"}', "${pick.way}", "one"),
    ],
)
@pytest.mark.parametrize("flags", [[], ["--seed", "7"]], ids=["plain", "seeded"])
def test_a_dispatch_runs_the_ensemble_that_was_named(parts, chosen, spec, ran, flags):
    done = dispatched(parts, chosen, spec, *flags)
    assert (done.returncode, done.stdout) == (0, f"ran {ran}\n"), done.stderr


@pytest.mark.parametrize(
    "chosen",
    ["../outside", "../outside.yaml", "one/../../outside", "/etc/passwd", "~/x", ".", "", "one.yaml", "plain",
     "secrets.txt", "nowhere", "a" * 300, "{{ input }}", '["one"]', "12"],
)  # fmt: skip
def test_a_dispatch_to_what_is_no_name_of_an_ensemble_is_refused(parts, chosen):
    done = dispatched(parts, chosen, "pick")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith("error: agent 'go': dispatch: pick is ")
    assert done.stderr.endswith(", which is the name of no ensemble\n")


def test_a_dispatch_to_what_the_file_does_not_allow_is_refused(parts):
    done = dispatched(parts, "../outside", {"from": "pick", "allow": ["one", "two"]})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == (
        "error: agent 'go': dispatch: pick is '../outside', which is not allowed\nhint: allowed: one, two\n"
    )


@pytest.mark.parametrize(
    ("chosen", "error", "hint"),
    [
        ("broken", "'broken' cannot be run: ", "hint: llm-orc validate broken\n"),
        ("e", "these ensembles hold each other: e -> e\n", "hint: break the circle\n"),
    ],
)
def test_a_dispatch_to_an_ensemble_that_cannot_be_run_says_why(parts, chosen, error, hint):
    done = dispatched(parts, chosen, {"from": "pick", "default": "one"})
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"error: agent 'go': dispatch: {error}")
    assert done.stderr.endswith(hint)


def test_a_seed_reaches_any_ensemble_that_is_chosen(llm_orc, faulty_server):
    llm_orc.ensemble(served(faulty_server.openai_url), file="part.yaml")
    llm_orc.ensemble(agent("pick", "part"), {"name": "go", "dispatch": "pick", "depends_on": ["pick"]})
    assert llm_orc("invoke", "e.yaml", "x", "--seed", "7").returncode == 0
    assert [body.get("seed") for body in faulty_server.bodies] == [7]
