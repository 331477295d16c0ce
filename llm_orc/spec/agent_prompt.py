"""An agent's prompts: read, compiled, and held against the variables that they will be given."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from llm_orc.domain.ensemble import variable_name
from llm_orc.errors import InvalidFile, Problem
from llm_orc.spec import fields
from llm_orc.spec.document import Where
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.redaction import redacted, shown
from llm_orc.spec.scope import Entry
from llm_orc.spec.template import JinjaPrompt, PlainPrompt, compile_prompt
from llm_orc.spec.template_fault import TemplateFault

_ALWAYS = frozenset({"input", "dependencies", "parameters"})
_TAG = re.compile(r"\{\{.*?\}\}|\{%.*?%\}", re.DOTALL)


@dataclass(frozen=True, slots=True)
class _Source:
    """A template's text and where it is from: the ensemble file, or a file of its own."""

    entry: Entry
    where: Where
    text: str
    file: Path | None

    def report(self, line: int, message: str, hint: str = "", *, word: str = "") -> None:
        snippet, offset = "", 0
        if word:
            line, snippet, offset = _first_use(self.text, word)
        report = self.entry.scope.report
        if self.file is None:
            report.add_at(report.document.within(self.where, line, snippet, offset), message, hint)
            return
        lines = self.text.split("\n")
        written = lines[min(line, len(lines)) - 1]
        column = max(written.find(snippet), 0) + offset if snippet else len(written) - len(written.lstrip())
        report.add_other(Problem(
            file=str(self.file), line=line, column=column + 1, message=redacted(message), hint=redacted(hint)
        ))  # fmt: skip


def read_prompt(entry: Entry) -> PlainPrompt | JinjaPrompt | None:
    """The agent's prompt; None when it has none, or when it is wrong, which is reported."""
    source = _source(entry, "prompt")
    return None if source is None else _compiled(entry, source)


def read_prompt_at(entry: Entry, where: Where, text: str) -> PlainPrompt | JinjaPrompt | None:
    """The same for a text that stands elsewhere in the file."""
    return _compiled(entry, _Source(entry, where, text.rstrip("\n"), None))


def _compiled(entry: Entry, source: _Source) -> PlainPrompt | JinjaPrompt | None:
    parameters = {"parameters": fields.mapping(entry.own, "parameters")}
    try:
        prompt = compile_prompt(source.text, entry.scope.folder, parameters, entry.scope.read)
    except TemplateFault as fault:
        if fault.file:
            message = f"in the included {shown(fault.file)}, line {fault.line}: {fault.message}"
            source.report(1, message, fault.hint, word=fault.file)
        else:
            source.report(fault.line, fault.message, fault.hint)
        return None
    _check_variables(entry, source, prompt)
    return prompt


def read_system_prompt(entry: Entry, of_profile: str) -> str:
    """Literal text: the agent's, else the defaults', else its profile's."""
    own = _source(entry, "system_prompt")
    if own is not None:
        return own.text
    return fields.text(entry.scope.defaults, "system_prompt", of_profile).rstrip("\n")


def _source(entry: Entry, key: str) -> _Source | None:
    file_key = f"{key}_file"
    if key in entry.own and file_key in entry.own:
        entry.add(file_key, f"'{key}' and '{file_key}' are both given", "keep one of them", on_key=True)
        return None
    if file_key in entry.own:
        return _from_file(entry, file_key)
    if key not in entry.own:
        return None
    return _Source(entry, entry.place(key), fields.text(entry.own, key).rstrip("\n"), None)


def _from_file(entry: Entry, key: str) -> _Source | None:
    name, folder = fields.text(entry.own, key), entry.scope.folder
    if "\0" in name or not (folder / name).resolve().is_relative_to(folder.resolve()):
        entry.add(key, f"{shown(name)} is not in the ensemble's folder", "move it there")
        return None
    try:
        text = entry.scope.read(folder / name).rstrip("\n")
        return _Source(entry, entry.place(key), text, folder / name)
    except InvalidFile as error:
        problem = error.problems[0]
        entry.add(key, f"{shown(name)}: {problem.message}", problem.hint)
        return None


def _check_variables(entry: Entry, source: _Source, prompt: PlainPrompt | JinjaPrompt) -> None:
    scope = entry.scope
    if entry.is_broken("depends_on") or scope.is_broken("inputs"):
        return
    of_agents = {variable_name(name): name for name in entry.depends_on}
    given = _ALWAYS | of_agents.keys() | set(scope.inputs) | set(_items(entry))
    for name in sorted(prompt.names - given - prompt.optional):
        source.report(1, f"nothing provides {shown(name)}", _missing_hint(entry, name, given), word=name)
    for name in sorted(prompt.names & of_agents.keys() & (_ALWAYS | set(scope.inputs))):
        hint = f"rename the agent, or write dependencies[{of_agents[name]!r}]"
        source.report(1, f"{shown(name)} is both an input and an agent", hint, word=name)


def _items(entry: Entry) -> Iterator[str]:
    """What `fan_out` adds."""
    if entry.merged.get("fan_out"):
        yield "item"
        yield fields.text(fields.mapping(entry.merged, "fan_out"), "as", "item")


def _missing_hint(entry: Entry, name: str, given: frozenset[str] | set[str]) -> str:
    for agent in entry.scope.agents:
        if variable_name(agent) == name:
            own = agent == entry.name
            return "an agent cannot read its own output" if own else f"add {agent!r} to depends_on"
    return did_you_mean(name, given, otherwise=listed(given, what="variables"))


def _first_use(text: str, word: str) -> tuple[int, str, int]:
    """The line of a template that first reads a name, the code on that line, and the name's place in it."""
    whole = re.compile(rf"(?<!\w){re.escape(word)}(?!\w)")
    for tag in _TAG.finditer(text):
        found = whole.search(tag[0])
        if found:
            before = tag[0].rfind("\n", 0, found.start()) + 1
            snippet = tag[0][before:].split("\n")[0]
            line = text.count("\n", 0, tag.start() + found.start()) + 1
            return line, snippet, found.start() - before
    return 1, "", 0
