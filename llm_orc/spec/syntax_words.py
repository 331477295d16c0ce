"""The YAML parser's errors in words that say what to do."""

from __future__ import annotations

import yaml

from llm_orc.errors import Problem

_WORDS = {
    "mapping values are not allowed": ("a ':' is not expected here", "put text that contains ': ' in quotes"),
    "could not find expected ':'": ("a key without ':'", "write 'key: value'"),
    "did not find expected key": ("a key is expected here", "check the indentation"),
    "did not find expected '-' indicator": ("a '-' is expected here", "check the indentation"),
    "block sequence entries are not allowed": ("a list cannot start here", "start it on a line of its own"),
    "expected <block end>": ("this does not belong here", "check the indentation"),
    "did not find expected ',' or ']'": ("',' or ']' is expected here", "close the list with ']'"),
    "did not find expected ',' or '}'": ("',' or '}' is expected here", "put text with '{' in quotes"),
    "found unexpected end of stream": ("a quote is opened here and never closed", "close it"),
    "found unknown escape character": ("this escape is unknown", "double the '\\', or use single quotes"),
    "found invalid Unicode character": ("this escape is not a character", "write the character itself"),
    "found a tab character": ("a tab is used for indentation", "use spaces"),
    "did not find expected node content": ("a value is expected here", "close the list, or use quotes"),
}  # fmt: skip


def syntax_problem(error: yaml.YAMLError, text: str, name: str) -> Problem:
    """The problem that an error of the YAML parser stands for."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return Problem(file=name, line=1, column=1, message="the file is not YAML text")
    said = str(getattr(error, "problem", "") or "")
    opened = getattr(error, "context_mark", None)
    if opened is not None and "end of stream" in said:
        mark = opened
    lines = text.rstrip().split("\n")
    line, column = mark.line + 1, mark.column + 1
    if line > len(lines):
        line, column = len(lines), len(lines[-1]) + 1
    message, hint = _in_words(said, lines[line - 1][column - 1 : column])
    return Problem(file=name, line=line, column=column, message=message, hint=hint)


def _in_words(said: str, character: str) -> tuple[str, str]:
    if character == "\t":
        return "a tab is used for indentation", "use spaces"
    if "cannot start any token" in said:
        return f"text cannot start with {character!r}", "put it in quotes"
    return next((words for start, words in _WORDS.items() if start in said), (f"not YAML: {said}", ""))
