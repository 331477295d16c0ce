"""Files with something wrong: found by `validate`, refused by `invoke`, and never run."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from .command_line import CommandLine, Done, agent, script

A = "name: t\nagents:\n  - name: a\n"
LAUGHS = "a0: &a0 [x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 30)
)
BAD: dict[str, tuple[str | bytes, str]] = {
    "malformed": ("name: [t\nagents: 1\n", ":2:7: "),
    "tabs": ("name: t\nagents:\n\t- name: a\n", ":3:1: "),
    "duplicate-key": ("name: t\n" + A, ":2:1: the key 'name' is given twice (first at line 1, column 1)"),
    "unknown-key": (A + "    promt: x\n", ":4:5: unknown key 'promt' (did you mean 'prompt'?)"),
    "wrong-type": (A + "    temperature: hot\n", ":4:18: temperature: expected a number, got text 'hot'"),
    "unknown-dependency": (A + "    depends_on: [b]\n", ":4:18: there is no agent 'b' (agents: a)"),
    "self": (A + "    depends_on: [a]\n", ":4:18: 'a' depends on itself"),
    "cycle": (
        "name: t\nagents: [{name: a, depends_on: [b]}, {name: b, depends_on: [a]}]\n",
        ":2:32: these agents wait for each other: a -> b -> a (remove one of the dependencies)",
    ),
    "twice": (A + "  - name: a\n", ":4:11: there are two agents called 'a' (the first is on line 3)"),
    "model": (A + "    model: tiny-larg\n", ":4:12: unknown model 'tiny-larg' (did you mean 'tiny-large'?)"),
    "syntax": (A + "    prompt: '{{ input'\n", ":4:13: not a template: "),
    "variable": (A + "    prompt: '{{ inptu }}'\n", ":4:17: nothing provides 'inptu' (did you mean "),
    "output": (A + "output: b\n", ":4:9: there is no agent 'b' (agents: a)"),
    "no-agents": ("name: t\n", ":1:1: the key 'agents' is missing"),
    "bytes": (b"name: t\xff\n", ":1:8: byte 0xff is not UTF-8 text (save the file as UTF-8)"),
    "utf16": ("name: t\n".encode("utf-16"), ": the file is UTF-16 text (save it as UTF-8)"),
    "empty": ("", ":1:1: the file is empty"),
    "a-list": ("- name: t\n", ":1:1: the file is not a mapping of keys to values"),
    "laughs": (LAUGHS, ":"),
    "deep": ("name: " + "[" * 5000 + "]" * 5000, ":1:"),
    "tag": ("name: !!python/object/apply:os.system ['touch ran']\nagents: [{name: a}]\n", ":1:7: "),
    "control": ("name: a\x1b[31m\n", ":1:8: the control character U+001B cannot be part of the file"),
}  # fmt: skip
LINE = re.compile(r"^[^:]+\.yaml(:\d+:\d+)?: \S.*$")


@pytest.fixture(scope="module")
def bad(tmp_path_factory: pytest.TempPathFactory) -> CommandLine:
    """The folder with all of them."""
    llm_orc = CommandLine(tmp_path_factory.mktemp("bad"), tmp_path_factory.mktemp("home"))
    llm_orc.file(".llm-orc/config.yaml", "default_model: scripted/m\n")
    for name, (content, _) in BAD.items():
        llm_orc.file(f"{name}.yaml", content)
    return llm_orc


@pytest.fixture(scope="module")
def validated(bad: CommandLine) -> Done:
    return bad("validate", *(f"{name}.yaml" for name in BAD))


@pytest.fixture(scope="module")
def invoked(bad: CommandLine) -> dict[tuple[str, ...], Done]:
    return bad.together(("invoke", f"{name}.yaml", "x") for name in BAD)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_reported_where_it_is_bad(validated, name):
    lines = [line for line in validated.stdout.splitlines() if line.startswith(f"{name}.yaml:")]
    assert lines
    assert lines[0].startswith(f"{name}.yaml{BAD[name][1]}")
    assert all(LINE.match(line) for line in lines)


def test_validate_of_bad_files_says_how_many(validated):
    assert validated.returncode == 2
    assert re.fullmatch(rf"{len(BAD)} files checked: \d+ problems in {len(BAD)} files\n", validated.stderr)


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_is_not_run(bad, invoked, name):
    done = invoked["invoke", f"{name}.yaml", "x"]
    assert (done.returncode, done.stdout, "Traceback" in done.stderr) == (2, "", False)
    lines = done.stderr.splitlines()
    assert lines[0].startswith(f"error: {name}.yaml{BAD[name][1]}")
    assert all(line.startswith("error: ") for line in lines)
    assert "ran" not in bad.files()


@pytest.mark.parametrize(
    ("verb", "target", "said"),
    [
        ("validate", "none.yaml", "none.yaml: there is no such file"),
        ("invoke", "none.yaml", "error: there is no file none.yaml"),
        ("invoke", "sub.yaml", "error: sub.yaml is a folder, not an ensemble file"),
        ("validate", "quickstrat", "hint: did you mean 'quickstart'?"),
        ("invoke", "quickstrat", "error: no ensemble is called 'quickstrat'"),
        ("graph", "quickstrat", "error: no ensemble is called 'quickstrat'"),
    ],
)
def test_a_file_that_is_not_there_is_an_error_of_use(llm_orc, verb, target, said):
    (llm_orc.folder / "sub.yaml").mkdir()
    done = llm_orc(verb, target)
    assert (done.returncode, "Traceback" in done.stderr) == (2, False)
    assert said in done.stdout + done.stderr


def test_the_agents_of_a_bad_file_do_not_start(llm_orc):
    llm_orc.ensemble(script("s", "open('ran', 'w')"), agent("b", depends_on=["zz"]))
    assert llm_orc("invoke", "e.yaml", "x").returncode == 2
    assert not (llm_orc.folder / "ran").exists()


def test_good_files_have_no_problems(llm_orc):
    llm_orc.ensemble(agent())
    llm_orc.ensemble(agent(), file="sub/deep/f.yml")
    done = llm_orc("validate", "e.yaml", "sub", "quickstart")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "3 files checked: no problems\n")


def test_hidden_files_of_other_tools_are_not_checked(llm_orc):
    llm_orc.ensemble(agent())
    llm_orc.ensemble(agent(), file=".llm-orc/ensembles/f.yaml")
    for name in (".pre-commit-config.yaml", ".venv/lib/port.yaml", "sub/.github/ci.yml"):
        llm_orc.file(name, "repos: []\n")
    assert llm_orc("validate", ".").stderr == "2 files checked: no problems\n"


def test_one_file_with_one_problem_is_counted_as_such(llm_orc):
    llm_orc.file("e.yaml", A + "    promt: x\n")
    assert llm_orc("validate", "e.yaml").stderr == "1 file checked: 1 problem in 1 file\n"


def test_problems_are_a_json_list_on_request(llm_orc):
    llm_orc.file("e.yaml", A + "    promt: x\n")
    done = llm_orc("validate", "e.yaml", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (2, [{
        "file": "e.yaml", "line": 4, "column": 5, "message": "unknown key 'promt'",
        "hint": "did you mean 'prompt'?",
    }])  # fmt: skip


def test_without_problems_the_json_list_is_empty(llm_orc):
    llm_orc.ensemble(agent())
    done = llm_orc("validate", "e.yaml", "--json")
    assert (done.returncode, json.loads(done.stdout)) == (0, [])


@pytest.mark.parametrize(
    ("file", "content", "problem"),
    [
        ("models.yaml", "models: {m: {provider: olama}}\n", "models.yaml:1:24: unknown provider 'olama'"),
        ("config.yaml", "default_modle: x\n", "config.yaml:1:1: unknown key 'default_modle'"),
    ],
)
def test_models_and_settings_are_checked_too(llm_orc, file, content, problem):
    llm_orc.file(file, content)
    done = llm_orc("validate", file)
    assert done.returncode == 2
    assert done.stdout.startswith(problem)


def test_a_secret_in_a_file_is_refused_and_not_shown(llm_orc):
    secret = "sk-proj-abcdefghijklmnopqrstuvwxyz123456"
    llm_orc.file("e.yaml", A + f"    model: {{provider: openai, name: m, api_key: {secret}}}\n")
    done = llm_orc("validate", "e.yaml")
    assert (done.returncode, secret in done.stdout + done.stderr) == (2, False)


def test_the_examples_of_the_repository_have_no_problems(llm_orc):
    shipped = Path(__file__).parents[2] / "ensembles"
    assert llm_orc("validate", str(shipped)).returncode == 0
