"""Servers that speak the Model Context Protocol (modelcontextprotocol.io), one process each, for one run."""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from collections import defaultdict
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, TYPE_CHECKING, TypeAlias

import anyio
from anyio.abc import TaskGroup, TaskStatus

from llm_orc.domain.completion import Tool
from llm_orc.domain.ensemble import McpTools
from llm_orc.domain.json import JsonObject
from llm_orc.errors import NotAvailable, ToolFailed

if TYPE_CHECKING:
    from mcp import Client

_START_SECONDS = 30.0

Key: TypeAlias = tuple[tuple[str, ...], str]


class McpServers:
    """Starts a server when its tools are first needed; all agents of the run share it."""

    def __init__(self, tasks: TaskGroup) -> None:
        self._tasks = tasks
        self._clients: dict[Key, Client] = {}
        self._offered: dict[Key, tuple[Tool, ...]] = {}
        self._starting: defaultdict[Key, anyio.Lock] = defaultdict(anyio.Lock)

    async def tools(self, source: McpTools) -> tuple[Tool, ...]:
        """What the server offers. Raises `ToolFailed`, and `NotAvailable` without the package `mcp`."""
        key = (source.command, source.directory)
        await self._client(key)
        offered = self._offered[key]
        if not source.only:
            return offered
        for tool in offered:
            if tool.name == source.only:
                described = source.description or tool.description
                return (Tool(name=tool.name, description=described, parameters=tool.parameters),)
        names = ", ".join(tool.name for tool in offered) or "none"
        raise ToolFailed(f"{_shown(key)} has no tool {source.only!r}", hint=f"its tools: {names}")

    async def call(self, source: McpTools, name: str, arguments: JsonObject) -> str:
        """What the tool says. Raises `ToolFailed` with what went wrong."""
        from mcp import MCPError

        key = (source.command, source.directory)
        client = await self._client(key)
        try:
            result = await client.call_tool(name, dict(arguments))
        except (MCPError, anyio.ClosedResourceError, anyio.BrokenResourceError) as error:
            # A server that ended is started again by the next call.
            self._clients.pop(key, None)
            raise ToolFailed(f"{_shown(key)}: {error}") from error
        texts = [getattr(part, "text", f"[{part.type}]") for part in result.content]
        if not texts and result.structured_content is not None:
            texts = [json.dumps(result.structured_content, ensure_ascii=False)]
        text = "\n".join(texts)
        if result.is_error:
            raise ToolFailed(text or f"{_shown(key)} says that the call failed")
        return text

    async def _client(self, key: Key) -> Client:
        async with self._starting[key]:
            if key not in self._clients:
                await self._tasks.start(self._serve, key)
        return self._clients[key]

    async def _serve(self, key: Key, *, task_status: TaskStatus[None]) -> None:
        """Hold the server until the run ends."""
        try:
            from mcp import Client
            from mcp.client.stdio import StdioServerParameters, stdio_client
        except ModuleNotFoundError as error:
            raise NotAvailable(
                "tools of MCP servers need the package 'mcp'", hint="pip install 'llm-orc[mcp]'"
            ) from error
        (program, *rest), directory = key
        ready = False
        with tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace") as log:
            parameters = StdioServerParameters(
                command=program, args=rest, cwd=directory, env=dict(os.environ)
            )
            try:
                with anyio.fail_after(_START_SECONDS) as limit:
                    async with Client(stdio_client(parameters, errlog=log)) as client:
                        listed = await client.list_tools()
                        limit.deadline = float("inf")
                        self._clients[key] = client
                        self._offered[key] = tuple(
                            Tool(
                                name=tool.name,
                                description=tool.description or "",
                                parameters=tool.input_schema,
                            )
                            for tool in listed.tools
                        )
                        ready = True
                        task_status.started()
                        await anyio.sleep_forever()
            except Exception as error:
                # The server is not ours, and neither is what its end raises: once it was ready, its
                # calls say what went wrong.
                if not ready:
                    raise ToolFailed(
                        f"{_shown(key)} does not start{_reason(error, log)}",
                        hint="run the command by hand: it must speak MCP over its standard streams",
                    ) from error


@asynccontextmanager
async def mcp_servers() -> AsyncIterator[McpServers]:
    """Every server that was started has ended when the block is left."""
    async with anyio.create_task_group() as tasks:
        yield McpServers(tasks)
        tasks.cancel_scope.cancel()


def _shown(key: Key) -> str:
    return f"the MCP server {shlex.join(key[0])!r}"


def _reason(error: BaseException, log: IO[str]) -> str:
    """The last line that the server wrote to its standard error, else the error's."""
    log.seek(0)
    lines = [line.strip() for line in log.read()[-10_000:].splitlines() if line.strip()]
    if lines:
        return f": {lines[-1][:300]}"
    if isinstance(error, TimeoutError):
        return f" within {_START_SECONDS:g} s"
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f": {error}" if str(error) else ""
