"""Tools of llm agents: scripts and servers that speak MCP, called natively or written out as text."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest
import yaml

from llm_orc import Orchestrator
from llm_orc.domain.completion import Choice, Completion, ToolCall
from llm_orc.domain.events import ToolAnswered, ToolCalled
from llm_orc.errors import InvalidFile
from llm_orc.providers.scripted import Scripted

ADD = "import json, sys; a = json.load(sys.stdin)['input']; print(a['x'] + a['y'])"
NUMBERS = {"properties": {"x": {"type": "integer"}, "y": {"type": "integer"}}, "required": ["x", "y"]}
SERVER = """
import os, sys
from mcp.server import MCPServer
server = MCPServer("shop")

@server.tool()
def price(item: str) -> str:
    "The price of an item."
    if item == "moon":
        raise ValueError("the moon is not for sale")
    if item == "crash":
        os._exit(3)
    return f"{item} costs 7"

@server.tool()
def pid() -> str:
    "The server's process."
    return str(os.getpid())

server.run()
"""

pytestmark = pytest.mark.anyio


def call(tool: str, **arguments: object) -> dict[str, object]:
    return {"tool": tool, "arguments": arguments}


class Project:
    """An ensemble of one agent with tools, in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / ".llm-orc").mkdir()

    def file(self, name: str, text: str) -> None:
        (self.folder / name).write_text(text, encoding="utf-8")

    async def run(self, answers, *tools, supports=("sampling", "tools"), fan_out=None, **agent):
        model = {"provider": "scripted", "name": "m", "supports": list(supports)}
        self.file(".llm-orc/models.yaml", yaml.safe_dump({"models": {"m": model}}))
        one = {"name": "a", "model": "m", "tools": list(tools), **agent}
        agents = [one]
        if fan_out is not None:
            listed = {"name": "list", "script": f"echo '{json.dumps(fan_out)}'"}
            agents = [listed, {**one, "depends_on": ["list"], "fan_out": True}]
        self.file("e.yaml", yaml.safe_dump({"name": "e", "agents": agents}))
        provider = answers if isinstance(answers, Scripted) else Scripted(answers)
        events = []
        async with Orchestrator(self.folder, providers={"scripted": provider}) as orchestrator:
            result = await orchestrator.invoke(
                self.folder / "e.yaml", "go", observers=[lambda event: events.append(event.what)]
            )
        return result.agents["a"], provider.requests, events


@pytest.fixture
def project(tmp_path: Path) -> Project:
    made = Project(tmp_path)
    made.file("add.py", ADD)
    made.file("server.py", SERVER)
    return made


ADD_TOOL = {"script": "add.py", "description": "Adds.", "parameters": NUMBERS}
SHOP = {"mcp": f"{sys.executable} server.py"}


async def test_a_model_calls_a_tool_and_answers_with_what_it_said(project):
    agent, requests, events = await project.run([call("add", x=2, y=3), "It is 5."], ADD_TOOL)

    assert agent.output == "It is 5."
    offered = requests[0].tools[0]
    assert (offered.name, offered.description) == ("add", "Adds.")
    assert offered.parameters == {"type": "object", **NUMBERS}
    assert [message.role for message in requests[1].messages] == ["user", "assistant", "tool"]
    asked, answered = requests[1].messages[1:]
    assert asked.tool_calls[0].arguments == {"x": 2, "y": 3}
    assert (answered.content, answered.tool_call_id) == ("5", asked.tool_calls[0].id)
    called, ended = (e for e in events if isinstance(e, ToolCalled | ToolAnswered))
    assert (called.tool, called.arguments, called.call) == ("add", {"x": 2, "y": 3}, 1)
    assert (ended.output, ended.error, ended.call) == ("5", None, 1)


async def test_every_call_of_a_model_counts_as_usage(project):
    agent, requests, _ = await project.run([call("add", x=2, y=3), "It is 5."], ADD_TOOL)

    assert agent.effort.attempts == len(requests) == 2
    assert agent.effort.usage.output_tokens == 3


async def test_calls_that_are_wanted_together_run_together_and_keep_their_order(project):
    both = Completion(choices=(Choice(text="", finish="tool_calls", tool_calls=(
        ToolCall("one", "add", {"x": 1, "y": 1}), ToolCall("two", "add", {"x": 2, "y": 2}),
    )),))  # fmt: skip
    _, requests, _ = await project.run([both, "done"], ADD_TOOL)

    assert [(m.tool_call_id, m.content) for m in requests[1].messages[2:]] == [("one", "2"), ("two", "4")]


async def test_a_failing_tool_is_told_to_the_model_and_does_not_fail_the_agent(project):
    agent, requests, events = await project.run([call("add", x=2), "I cannot."], ADD_TOOL)

    assert agent.output == "I cannot."
    assert requests[1].messages[-1].content.endswith("add.py ended with exit code 1: KeyError: 'y'")
    assert next(e for e in events if isinstance(e, ToolAnswered)).error.kind == "script_failed"


async def test_a_tool_that_is_not_there_is_told_to_the_model(project):
    _, requests, _ = await project.run([call("sub"), "no"], ADD_TOOL)

    assert requests[1].messages[-1].content == "error: there is no tool 'sub'; there are add"


async def test_a_slow_tool_ends_at_its_timeout(project):
    slow = {
        "name": "wait",
        "script": f"{sys.executable} -c 'import time; time.sleep(60)'",
        "timeout_seconds": 0.2,
    }
    _, requests, _ = await project.run([call("wait", input=""), "no"], slow)

    assert requests[1].messages[-1].content == "error: the tool gave no answer within 0.2 s"


async def test_a_model_that_never_stops_calling_is_told_once_and_then_fails(project):
    agent, requests, events = await project.run([call("add", x=1, y=1)], ADD_TOOL, max_tool_calls=2)

    assert agent.cause.kind == "tool_failed"
    assert agent.cause.message == "no answer after 2 tool calls; the last call wanted was 'add'"
    assert len([e for e in events if isinstance(e, ToolCalled)]) == 2
    assert len(requests) == 3


async def test_calls_beyond_the_limit_are_answered_but_not_made(project):
    three = Completion(choices=(Choice(text="", finish="tool_calls", tool_calls=tuple(
        ToolCall(str(n), "add", {"x": n, "y": n}) for n in range(3)
    )),))  # fmt: skip
    agent, requests, events = await project.run([three, "done"], ADD_TOOL, max_tool_calls=2)

    assert agent.output == "done"
    assert len([e for e in events if isinstance(e, ToolCalled)]) == 2
    assert requests[1].messages[-1].content.startswith("error: no calls of tools are left")


async def test_a_script_given_as_text_takes_one_text_and_describes_itself(project):
    project.file(
        "shout.py", '"""Says it loud."""\nimport json, sys\nprint(json.load(sys.stdin)["input"].upper())\n'
    )
    _, requests, _ = await project.run([call("shout", input="hi"), "done"], "shout.py")

    assert (requests[0].tools[0].name, requests[0].tools[0].description) == ("shout", "Says it loud.")
    assert requests[1].messages[-1].content == "HI"


async def test_what_a_tool_prints_without_end_is_cut_for_the_model(project):
    loud = {"name": "loud", "script": f"{sys.executable} -c 'print(\"x\" * 300000)'"}
    _, requests, _ = await project.run([call("loud", input=""), "no"], loud)

    content = requests[1].messages[-1].content
    assert len(content) < 101_000
    assert content.endswith("200,000 more characters are left out")


class TestText:
    """Models that have no tool calls of their own."""

    async def test_the_call_and_the_answer_are_read_from_the_text(self, project):
        said = 'Thought: add.\nAction: add\nAction Input: {"x": 2, "y": 3}\nObservation: 99\nFinal Answer: 99'
        agent, requests, events = await project.run(
            [said, "Final Answer: It is 5."], ADD_TOOL, supports=["sampling"], system_prompt="Be kind."
        )

        assert agent.output == "It is 5."
        assert requests[0].tools == ()
        assert (
            requests[0].messages[0].content.startswith("Be kind.\n\nYou can use these tools:\n- add: Adds.")
        )
        assert requests[0].sampling.stop == ("Observation:",)
        assert requests[1].messages[-1].content == "Observation: 5"
        assert "99" not in requests[1].messages[-2].content
        assert [e.tool for e in events if isinstance(e, ToolCalled)] == ["add"]

    async def test_the_strategy_react_writes_calls_out_for_any_model(self, project):
        said = '**Action:** `add`\n**Action Input:** ```json\n{"x": 2, "y": 3}\n```'
        agent, requests, _ = await project.run(
            [said, "It is 5."], ADD_TOOL, strategy={"type": "react", "max_steps": 1}
        )

        assert (agent.output, requests[0].tools) == ("It is 5.", ())
        assert requests[1].messages[-1].content.endswith("answer now with what you have")

    async def test_arguments_that_are_not_json_are_told_to_the_model(self, project):
        _, requests, events = await project.run(
            ["Action: add\nAction Input: two and three", "Final Answer: 5"], ADD_TOOL, supports=["sampling"]
        )

        assert requests[1].messages[-1].content == "Observation: error: Action Input must be a JSON object"
        assert not [e for e in events if isinstance(e, ToolCalled)]

    async def test_the_only_argument_may_be_given_alone(self, project):
        project.file("shout.py", 'import json, sys\nprint(json.load(sys.stdin)["input"].upper())\n')
        _, requests, _ = await project.run(
            ["Action: shout\nAction Input: hi there", "Final Answer: ok"], "shout.py", supports=["sampling"]
        )

        assert requests[1].messages[-1].content == "Observation: HI THERE"

    async def test_an_answer_that_must_be_json_is_checked(self, project):
        agent, _, _ = await project.run(
            ['Action: add\nAction Input: {"x": 2, "y": 3}', 'Final Answer: {"n": 5}'], ADD_TOOL,
            supports=["sampling"], output_schema={"type": "object", "required": ["n"]},
        )  # fmt: skip

        assert agent.output == {"n": 5}


class TestMcp:
    """Servers that speak the Model Context Protocol."""

    async def test_the_tools_of_a_server_are_offered_and_called(self, project):
        agent, requests, _ = await project.run([call("price", item="tea"), "7"], SHOP)

        assert agent.output == "7"
        assert {tool.name: tool.description for tool in requests[0].tools} == {
            "price": "The price of an item.",
            "pid": "The server's process.",
        }
        assert requests[1].messages[-1].content == "tea costs 7"

    async def test_one_tool_of_a_server_can_be_chosen(self, project):
        _, requests, _ = await project.run(["no"], {**SHOP, "name": "price", "description": "Prices."})

        assert [(tool.name, tool.description) for tool in requests[0].tools] == [("price", "Prices.")]

    async def test_what_a_tool_of_a_server_raises_is_told_to_the_model(self, project):
        agent, requests, _ = await project.run([call("price", item="moon"), "no"], SHOP)

        assert agent.output == "no"
        assert requests[1].messages[-1].content == "error: Error executing tool price"

    async def test_one_process_serves_the_whole_run_and_ends_with_it(self, project):
        pids = set()

        def answer(request):
            last = request.messages[-1]
            if last.role == "tool":
                pids.add(int(last.content))
                return "ok"
            return call("pid")

        agent, _, _ = await project.run(Scripted(answer), SHOP, fan_out=[1, 2, 3])

        assert agent.output == ["ok", "ok", "ok"]
        (pid,) = pids
        assert not _alive(pid)

    async def test_a_server_that_dies_is_told_to_the_model_and_started_again(self, project):
        answers = [call("price", item="crash"), call("price", item="tea"), "ok"]
        agent, requests, _ = await project.run(answers, SHOP)

        assert agent.output == "ok"
        assert requests[1].messages[-1].content.startswith("error: the MCP server")
        assert requests[2].messages[-1].content == "tea costs 7"

    async def test_a_server_that_does_not_start_fails_the_agent_with_its_last_words(self, project):
        project.file("broken.py", "raise SystemExit('no licence')")
        agent, requests, _ = await project.run(["no"], {"mcp": f"{sys.executable} broken.py"})

        assert (agent.cause.kind, requests) == ("tool_failed", [])
        assert agent.cause.message.endswith("does not start: no licence")

    async def test_a_tool_that_the_server_does_not_have_fails_the_agent(self, project):
        agent, _, _ = await project.run(["no"], {**SHOP, "name": "colour"})

        assert "has no tool 'colour'" in agent.cause.message
        assert agent.cause.hint == "its tools: price, pid"


@pytest.mark.parametrize(
    ("tool", "said"),
    [
        ({"description": "x"}, "a tool is a 'script' or an 'mcp' server"),
        ("nowhere.py", "there is no script 'nowhere.py'"),
        ({"script": "nowhere.py"}, "there is no script 'nowhere.py'"),
        ({"mcp": "no-such-program-here"}, "there is no program 'no-such-program-here'"),
        ({"mcp": "cat", "script": "add.py"}, "'script' has no meaning beside 'mcp'"),
        ({"script": "add.py", "name": "a b"}, "'a b' cannot be the name of a tool"),
        ({"script": "add.py", "parameters": {"type": "array"}}, "the arguments of a tool are an object"),
        ({"script": "add.py", "parameters": {"properties": 3}}, "properties"),
        ({"skript": "add.py"}, "unknown key 'skript'"),
    ],
)  # fmt: skip
async def test_a_wrong_tool_is_a_problem_of_the_file(project, tool, said):
    with pytest.raises(InvalidFile) as caught:
        await project.run(["x"], tool)

    assert any(said in problem.message and problem.line for problem in caught.value.problems), str(
        caught.value
    )


async def test_two_tools_of_one_name_are_a_problem_of_the_file(project):
    with pytest.raises(InvalidFile, match="two tools are named 'add'"):
        await project.run(["x"], "add.py", "add.py")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
