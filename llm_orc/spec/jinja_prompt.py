"""The compilation of prompts that need Jinja: their includes, and the names that they read."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from jinja2 import DictLoader, Template, TemplateError, TemplateSyntaxError, meta, nodes

from llm_orc.errors import InvalidFile
from llm_orc.spec.document import ReadText, read_text
from llm_orc.spec.nearest import did_you_mean
from llm_orc.spec.redaction import shown
from llm_orc.spec.sandbox import Sandbox
from llm_orc.spec.template_fault import TemplateFault

_DEFAULTS = frozenset({"default", "d"})
_DEFINED = frozenset({"defined", "undefined"})
_DEEPEST = 100
"""Levels of blocks and expressions. Jinja takes a time that grows with their cube."""

_TOO_DEEP = (RecursionError, SyntaxError, MemoryError)
"""What Python says of a template, or of the code that Jinja makes of it, that is too many levels deep."""

_UNKNOWN = re.compile(r"No (filter|test) named '(.*)'")


def compile_jinja(
    source: str, folder: Path, read: ReadText = read_text
) -> tuple[Template, frozenset[str], frozenset[str]]:
    """The template, the names that it reads, and those of them that may be missing."""
    files: dict[str, str] = {}
    names, optional = _names(source, folder, "", files, read)
    environment = _environment()
    if files:
        environment = environment.overlay(loader=DictLoader(files))
    try:
        template = environment.from_string(source)
    except (TemplateError, *_TOO_DEEP) as error:
        raise _fault(error, "") from error
    return template, frozenset(names), frozenset(optional)


@cache
def _environment() -> Sandbox:
    return Sandbox()


def _names(
    source: str, folder: Path, file: str, files: dict[str, str], read: ReadText
) -> tuple[set[str], set[str]]:
    try:
        tree = _environment().parse(source)
        _refuse_deep(tree)
        names = meta.find_undeclared_variables(tree) - _environment().globals.keys()
    except (TemplateError, *_TOO_DEEP) as error:
        raise _fault(error, file) from error
    optional = _optional(tree)
    given = {node.name for node in tree.find_all(nodes.Name) if node.ctx in ("store", "param")}
    for node in tree.find_all((nodes.Include, nodes.Extends, nodes.Import, nodes.FromImport)):
        for included in _included(node, file):
            if included in files:
                continue
            files[included] = _text_of(included, node, folder, file, read)
            inner, inner_optional = _names(files[included], folder, included, files, read)
            names |= inner - given
            optional |= inner_optional
    return names, optional


def _refuse_deep(tree: nodes.Template) -> None:
    level: list[nodes.Node] = [tree]
    for _ in range(_DEEPEST):
        level = [child for node in level for child in node.iter_child_nodes()]
        if not level:
            return
    raise RecursionError


def _optional(tree: nodes.Template) -> set[str]:
    tests = (node.node for node in tree.find_all(nodes.Test) if node.name in _DEFINED)
    filters = (node.node for node in tree.find_all(nodes.Filter) if node.name in _DEFAULTS)
    return {node.name for node in (*tests, *filters) if isinstance(node, nodes.Name)}


def _included(node: nodes.Node, file: str) -> list[str]:
    wanted = getattr(node, "template", None)
    choices = wanted.items if isinstance(wanted, nodes.List | nodes.Tuple) else [wanted]
    found = [choice.value for choice in choices if isinstance(choice, nodes.Const)]
    if len(found) != len(choices) or not all(isinstance(name, str) for name in found):
        raise TemplateFault(
            "what is included must be named by a text",
            line=node.lineno,
            file=file,
            hint="write the name in quotes",
        )
    return found


def _text_of(name: str, node: nodes.Node, folder: Path, file: str, read: ReadText) -> str:
    home = folder.resolve()
    path = (home / name).resolve()
    if not path.is_relative_to(home) or Path(name).is_absolute() or ".." in Path(name).parts:
        message = f"{name!r} is not in the ensemble's folder"
        raise TemplateFault(message, line=node.lineno, file=file, hint="includes cannot leave it")
    try:
        return read(path)
    except InvalidFile as error:
        said = error.problems[0].message
        raise TemplateFault(f"{name!r} cannot be included: {said}", line=node.lineno, file=file) from error


def _fault(error: Exception, file: str) -> TemplateFault:
    if not isinstance(error, TemplateError):
        return TemplateFault("the template is nested too deeply", file=file)
    said = str(error.message)
    line = error.lineno if isinstance(error, TemplateSyntaxError) else 1
    unknown = _UNKNOWN.match(said)
    if unknown is not None:
        kind, name = unknown.groups()
        known = _environment().filters if kind == "filter" else _environment().tests
        hint = did_you_mean(name, known)
        return TemplateFault(f"there is no {kind} {shown(name)}", line=line, file=file, hint=hint)
    return TemplateFault(f"not a template: {said.rstrip('.')}", line=line, file=file)
