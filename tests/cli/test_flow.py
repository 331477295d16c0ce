"""How data flows, as a user sees it: lists, branches, parts of outputs."""

from __future__ import annotations

import json
from typing import Any

import pytest

from .command_line import CommandLine, Done, agent, failing, script

LIST = script("list", "print([1, 2, 3])")
KEYED = script("list", "import json; print(json.dumps(dict(topics=['a', 'b'], other=dict(n=[7]))))")
UNLESS_TWO = "import json, sys; n = json.load(sys.stdin)['input']; n == 2 and sys.exit('no twos'); print(n)"
YES = agent("yes", "Y", when="input == 'yes'")
NO = agent("no", "N", when="input != 'yes'")


def each(over: Any, **keys: Any) -> dict[str, Any]:
    return agent("each", prompt="<{{ item }}>", depends_on=["list"], fan_out=over, **keys)


def picky(**spec: Any) -> list[dict[str, Any]]:
    """A fan-out whose second instance fails."""
    return [LIST, script("each", UNLESS_TWO, depends_on=["list"], fan_out={"over": "list", **spec})]


def join(*needs: Any, name: str = "join", **keys: Any) -> dict[str, Any]:
    return agent(name, depends_on=list(needs), **keys)


WORKS: dict[str, tuple[list[dict[str, Any]], Any]] = {
    "a list": ([LIST, each(True)], ["<1>", "<2>", "<3>"]),
    "an empty list": ([script("list", "print([])"), each(True), join("each", prompt="{{ each }}")], "[]"),
    "a list by its path": ([KEYED, each("list.other.n")], ["<7>"]),
    "a list in a text": ([agent("list", '["a"]'), each(True)], ["<a>"]),
    "a list under a key": ([KEYED, each(True, input_key="topics")], ["<a>", "<b>"]),
    "items under a name of their own": (
        [LIST, agent("each", prompt="{{ n * 2 }}", depends_on=["list"], fan_out={"over": "list", "as": "n"})],
        ["2", "4", "6"],
    ),
    "items that are objects": (
        [script("list", "print('[{\\\"n\\\": 1}]')"), agent("each", prompt="{{ item.n + 1 }}",
         depends_on=["list"], fan_out=True)], ["2"],
    ),
    "a list of lists": (
        [script("list", "print([[1], [2, 3]])"), {**each(True), "prompt": "{{ item | length }}"}],
        ["1", "2"],
    ),
    "one at a time": ([LIST, each({"over": "list", "max_parallel": 1})], ["<1>", "<2>", "<3>"]),
    "a failing instance left out": (picky(on_item_failure="skip"), [1, 3]),
    "a failing instance as null": (picky(on_item_failure="null"), [1, None, 3]),
    "enough that succeeded": (picky(on_item_failure="skip", min_success=0.6), [1, 3]),
    "a part of an output": ([KEYED, join("list", input_key="other.n[0]")], "7"),
    "a part of an output in a prompt": (
        [KEYED, join("list", input_key="topics", prompt="{{ input[1] }} of {{ list.topics }}")],
        'b of ["a", "b"]',
    ),
    "a part of an output before the others": (
        [KEYED, agent("b", "B"), join("list", "b", input_key="other")], '{"n": [7]}\n\n## b\nB',
    ),
    "input and dependencies": ([agent("a", "A"), join("a")], "yes\n\n## a\nA"),
    "dependencies alone": ([agent("a", "A"), join("a", input_scope="dependencies")], "## a\nA"),
    "dependencies alone, as upstream says it": ([agent("a", "A"), join("a", input_scope="upstream")],
                                                "## a\nA"),
    "the input alone": ([agent("a", "A"), join("a", input_scope="input")], "yes"),
    "the input alone, as upstream says it": ([agent("a", "A"), join("a", input_scope="original")], "yes"),
    "branches that join again": ([YES, NO, join("yes", "no", prompt="{{ yes or no }} {{ no }}")], "Y null"),
    "a join that has no prompt": ([YES, NO, join("yes", "no")], "yes\n\n## yes\nY"),
    "a branch of several agents": (
        [YES, NO, join("no", name="later"), join("yes", "later", prompt="{{ yes }}{{ later }}")], "Ynull",
    ),
    "a condition on a branch that was not taken": (
        [YES, NO, join("yes", "no", when="not exists(no.label) and no != 'N'", prompt="ran")], "ran",
    ),
    "a condition on a text that has no keys": (
        [agent("a", "text"), agent("b", "B"), join("a", name="c", when="a.label == 'x'"),
         join("b", "c", prompt="{{ b }}{{ c }}")], "Bnull",
    ),
    "dependencies as objects": ([YES, join({"agent_name": "yes"}, prompt="{{ yes }}")], "Y"),
    "an optional dependency that fails": (
        [failing("a", on_failure="skip"), join({"agent": "a", "optional": True}, prompt="{{ a or 'none' }}")],
        "none",
    ),
    "a dependency whose condition holds": (
        [YES, join({"agent_name": "yes", "condition": "yes == 'Y'"}, prompt="{{ yes }}")], "Y",
    ),
    "a dependency whose condition does not hold": (
        [YES, join({"agent": "yes", "condition": "yes == 'N'"}, name="a"),
         join("yes", "a", prompt="{{ a }}")], "null",
    ),
    "a condition here and one there": (
        [YES, join({"agent": "yes", "condition": "yes == 'Y' or false"}, when="input == 'no'", name="a"),
         join("yes", "a", prompt="{{ a }}")], "null",
    ),
    "templates of a model": (
        [agent("a", "{{ 7 * 7 }}{% raw %}{{ input }}"), join("a", prompt="{{ a }}", name="b"),
         join("b", prompt="{{ b | upper }}", name="c"), join("c", input_scope="dependencies")],
        "## c\n{{ 7 * 7 }}{% RAW %}{{ INPUT }}",
    ),
    "templates in a list": (
        [script("list", "import json; print(json.dumps(['{{ input }}']))"),
         agent("each", depends_on=["list"], fan_out=True)], ["{{ input }}"],
    ),
}  # fmt: skip
FAILS: dict[str, tuple[list[dict[str, Any]], str, str]] = {
    "a text": ([agent("list", "[1, 2"), each(True)], "fan_out needs a list, and 'list' is a text",
               "with output_format: json, a model's answer is read as JSON"),
    "an object": ([KEYED, each("list.other")], "fan_out needs a list, and 'list.other' is an object", ""),
    "nothing": ([KEYED, each("list.none")], "fan_out needs a list, and 'list.none' is nothing", ""),
    "null": ([script("list", "print('null')"), each(True)], "fan_out needs a list, and 'list' is nothing",
             ""),
    "a key that is an object": ([KEYED, each(True, input_key="other")],
                                "fan_out needs a list, and 'input_key' is an object", ""),
    "a failing instance": (picky(), "item 1 of 3: script ", ""),
    "too many failing instances": (picky(on_item_failure="null", min_success=0.7),
                                   "1 of 3 items failed; item 1 of 3: ", ""),
    "a key that is not there": ([KEYED, join("list", name="each", input_key="topic")],
                                "input_key: the output of 'list' has no 'topic'", "it has 'topics', 'other'"),
    "a key of a text": ([agent("list", "no JSON"), join("list", name="each", input_key="topic")],
                        "input_key: the output of 'list' has no 'topic'", "it is a text"),
    "a place beyond the end": ([LIST, join("list", name="each", input_key="[3]")],
                               "input_key: the output of 'list' has no '[3]'", "it is a list"),
    "a value that is not there": ([LIST, join("list", name="each", prompt="{{ list.key }}")],
                                  "the prompt cannot be rendered: ", ""),
}  # fmt: skip


def ran(folder: CommandLine, ensembles: dict[str, list[dict[str, Any]]]) -> dict[str, Done]:
    """Each of these ensembles, run on the input `yes`."""
    commands = {}
    for name, agents in ensembles.items():
        file = folder.ensemble(*agents, file=f"{name}.yaml")
        commands[name] = ("invoke", file, "yes", "--quiet")
    done = folder.together(commands.values())
    return {name: done[command] for name, command in commands.items()}


@pytest.fixture(scope="module")
def works(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    folder = CommandLine(tmp_path_factory.mktemp("works"), tmp_path_factory.mktemp("home"))
    return ran(folder, {name: agents for name, (agents, _) in WORKS.items()})


@pytest.fixture(scope="module")
def fails(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Done]:
    folder = CommandLine(tmp_path_factory.mktemp("fails"), tmp_path_factory.mktemp("home"))
    return ran(folder, {name: agents for name, (agents, _, _) in FAILS.items()})


@pytest.mark.parametrize("name", WORKS)
def test_a_flow_has_the_output_that_the_manual_promises(works, name):
    done, output = works[name], WORKS[name][1]
    assert (done.returncode, done.stderr) == (0, "")
    printed = done.stdout.removesuffix("\n")
    assert (printed if isinstance(output, str) else json.loads(printed)) == output


@pytest.mark.parametrize("name", FAILS)
def test_a_flow_that_cannot_go_on_is_one_clear_line(fails, name):
    done, (_, error, hint) = fails[name], FAILS[name]
    assert (done.returncode, done.stdout) == (1, "")
    first, *rest = done.stderr.splitlines()
    assert first.startswith(f"error: agent 'each': {error}")
    assert rest == ([f"hint: {hint}"] if hint else [])
