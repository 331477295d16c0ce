"""From `tools:` to the tools of an agent: programs, and servers that speak MCP."""

from __future__ import annotations

import ast
import re
import shlex
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from llm_orc.domain.completion import Tool
from llm_orc.domain.ensemble import McpTools, Script, ScriptTool, ToolSource
from llm_orc.domain.json import JsonObject
from llm_orc.spec import fields
from llm_orc.spec.document import Where
from llm_orc.spec.json_schema import as_schema, schema_faults
from llm_orc.spec.redaction import shown
from llm_orc.spec.scope import Entry
from llm_orc.spec.script_agent import command_of

_ANY_TEXT: JsonObject = {
    "type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"],
}  # fmt: skip
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_READ = 20_000


def read_tools(entry: Entry) -> tuple[ToolSource, ...]:
    """The agent's tools, without those that something is wrong with, which is reported."""
    if entry.is_broken("tools"):
        return ()
    found: list[ToolSource] = []
    names: set[str] = set()
    for index, value in enumerate(fields.entries(entry.merged, "tools")):
        where = (*entry.place("tools"), index)
        given = {"script": value} if isinstance(value, str) else as_schema(value)
        at = where if isinstance(value, str) else (*where, "script")
        source = _mcp(entry, given, where) if "mcp" in given else _script(entry, given, where, at)
        if isinstance(source, ScriptTool):
            if source.tool.name in names:
                entry.scope.report.add(where, f"two tools are named {shown(source.tool.name)}")
            names.add(source.tool.name)
        if source is not None:
            found.append(source)
    return tuple(found)


def _mcp(entry: Entry, given: JsonObject, where: Where) -> McpTools | None:
    add = partial(entry.scope.report.add, (*where, "mcp"))
    for key in ("script", "parameters"):
        if key in given:
            add(f"{key!r} has no meaning beside 'mcp'", "the server says what its tools take")
            return None
    command = command_of(entry.scope, fields.text(given, "mcp").strip(), add, what="the MCP server")
    if command is None:
        return None
    return McpTools(
        command=command,
        directory=str(entry.scope.project),
        only=fields.text(given, "name"),
        description=fields.text(given, "description"),
        timeout_seconds=fields.number(given, "timeout_seconds"),
    )


def _script(entry: Entry, given: JsonObject, where: Where, at: Where) -> ScriptTool | None:
    report = entry.scope.report
    text = fields.text(given, "script").strip()
    if not text:
        report.add(where, "a tool is a 'script' or an 'mcp' server", "give one of them")
        return None
    command = command_of(entry.scope, text, partial(report.add, at), what="the script")
    if command is None:
        return None
    name = fields.text(given, "name") or re.sub(r"[^A-Za-z0-9_-]", "_", _stem(text))[:64]
    if not _NAME.fullmatch(name):
        report.add((*where, "name"), f"{shown(name)} cannot be the name of a tool",
                   "letters, digits, '_' and '-', at most 64")  # fmt: skip
        return None
    parameters = fields.mapping(given, "parameters")
    for fault in schema_faults(parameters):
        report.add((*where, "parameters", *fault.where), fault.message, fault.hint, key=fault.key)
    if parameters and parameters.get("type", "object") != "object":
        report.add((*where, "parameters", "type"), "the arguments of a tool are an object")
    return ScriptTool(
        tool=Tool(
            name=name,
            description=fields.text(given, "description") or _described(command) or f"The program {name}.",
            parameters={"type": "object", **parameters} if parameters else _ANY_TEXT,
        ),
        script=Script(command=command, directory=str(entry.scope.project)),
        timeout_seconds=fields.number(given, "timeout_seconds"),
        bare=not parameters,
    )


def _stem(text: str) -> str:
    words = shlex.split(text)
    return Path(words[-1] if len(words) > 1 and words[0].startswith("python") else words[0]).stem


def _described(command: tuple[str, ...]) -> str:
    """What a script says of itself: the first line of its docstring, or its first comment."""
    for word in command:
        file = Path(word)
        if file.suffix and file.is_file():
            return next(_sayings(file), "")
    return ""


def _sayings(file: Path) -> Iterator[str]:
    text = file.read_text(encoding="utf-8", errors="replace")[:_READ]
    if file.suffix == ".py":
        try:
            docstring = ast.get_docstring(ast.parse(text))
        except (SyntaxError, ValueError):
            docstring = None
        if docstring:
            yield docstring.splitlines()[0].strip()
    for line in text.splitlines():
        if line.startswith(("# ", "// ")):
            yield line.lstrip("#/ ").strip()
