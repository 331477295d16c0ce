"""The tools of one agent: which are offered, and what a call of one comes to."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from time import perf_counter

import anyio

from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Tool, ToolCall
from llm_orc.domain.ensemble import Llm, McpTools, ScriptTool
from llm_orc.domain.events import ScriptLogged, ToolAnswered, ToolCalled
from llm_orc.domain.json import JsonObject
from llm_orc.errors import OrcError, ToolFailed
from llm_orc.run.attempt import Attempt, cause_of
from llm_orc.run.calls import Calls
from llm_orc.run.mcp_servers import McpServers
from llm_orc.run.script import run_script
from llm_orc.run.stream import EventStream

MAX_OUTPUT = 100_000
"""Characters of a tool's output that a model is shown."""
_SECONDS = 60.0

Use = Callable[[JsonObject], Awaitable[str]]


class Toolbox:
    """Calls tools for one agent. A tool that fails is no failure of the agent: the model is told."""

    def __init__(self, uses: Mapping[str, tuple[Tool, Use]], attempt: Attempt, calls: Calls) -> None:
        self.offered = tuple(tool for tool, _ in uses.values())
        self._uses = uses
        self._attempt = attempt
        self._calls = calls

    async def call(self, call: ToolCall) -> str:
        """What the tool says, or what went wrong; at most `MAX_OUTPUT` characters."""
        attempt, emit = self._attempt, self._calls.emit
        attempt.tool_calls += 1
        number = attempt.tool_calls
        emit(ToolCalled(agent=attempt.name, call=number, tool=call.name, arguments=call.arguments))
        began = perf_counter()
        failures: list[Cause] = []
        given: JsonObject = {"tool": call.name, "arguments": call.arguments}
        output = str(await self._calls.work("tool", attempt, given, partial(self._tried, call, failures)))
        if len(output) > MAX_OUTPUT:
            output = f"{output[:MAX_OUTPUT]}\n… {len(output) - MAX_OUTPUT:,} more characters are left out"
        emit(ToolAnswered(
            agent=attempt.name, call=number, tool=call.name, output=output,
            error=failures[0] if failures else None, duration_s=perf_counter() - began,
        ))  # fmt: skip
        return output

    async def _tried(self, call: ToolCall, failures: list[Cause]) -> str:
        try:
            return await self._use(call)
        except OrcError as failed:
            failures.append(cause_of(failed))
            return f"error: {failed.message}"

    async def _use(self, call: ToolCall) -> str:
        found = self._uses.get(call.name)
        if found is None:
            raise ToolFailed(f"there is no tool {call.name!r}; there are {', '.join(self._uses)}")
        return await found[1](call.arguments)


async def toolbox(llm: Llm, attempt: Attempt, calls: Calls, servers: McpServers) -> Toolbox | None:
    """The agent's tools, None when it has none. Raises `ToolFailed` for a server that does not start."""
    if not llm.tools:
        return None
    uses: dict[str, tuple[Tool, Use]] = {}
    for source in llm.tools:
        match source:
            case ScriptTool(tool=tool):
                uses[tool.name] = (tool, partial(_run, source, attempt, calls.emit))
            case McpTools(timeout_seconds=seconds):
                for tool in await servers.tools(source):
                    if tool.name in uses:
                        raise ToolFailed(
                            f"two tools are named {tool.name!r}", hint="choose one with 'name' beside 'mcp'"
                        )
                    uses[tool.name] = (tool, partial(_ask, servers, source, tool.name, seconds or _SECONDS))
    return Toolbox(uses, attempt, calls)


async def _run(source: ScriptTool, attempt: Attempt, emit: EventStream, arguments: JsonObject) -> str:
    """A tool's script is given what a script agent is: its input are the arguments."""
    given = arguments.get("input") if source.bare else arguments
    seconds = source.timeout_seconds or _SECONDS
    with anyio.move_on_after(seconds):
        output, log = await run_script(source.script, given, {})
        if log:
            emit(ScriptLogged(agent=attempt.name, text=log))
        return output if isinstance(output, str) else json.dumps(output, ensure_ascii=False)
    raise ToolFailed(f"the tool gave no answer within {seconds:g} s")


async def _ask(
    servers: McpServers, source: McpTools, name: str, seconds: float, arguments: JsonObject
) -> str:
    with anyio.move_on_after(seconds):
        return await servers.call(source, name, arguments)
    raise ToolFailed(f"the tool gave no answer within {seconds:g} s")
