"""An agent's worked examples: those that are in the ensemble file, or a file that they are chosen from."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path

from llm_orc.domain.json import JsonObject, JsonValue, parse_json
from llm_orc.domain.model import Model
from llm_orc.domain.wording import Demo, Nearest, Prompt
from llm_orc.errors import InvalidFile, Problem
from llm_orc.spec import fields
from llm_orc.spec.agent_models import resolved
from llm_orc.spec.document import read_text
from llm_orc.spec.providers import has_embeddings
from llm_orc.spec.redaction import has_secret, shown
from llm_orc.spec.scope import Entry

MAX_BYTES = 64 << 20
SHOWN = 10
"""Bad lines of one file that are reported."""
USUAL_K = 3
_SHAPE = 'each line is {"inputs": {...}, "output": ...}'
_ALWAYS = frozenset({"input", "parameters"})

Prompts = Sequence[Prompt | None]


def read_demos(entry: Entry, prompts: Prompts) -> tuple[Demo, ...]:
    """The worked examples that are in the file; each must have what the prompts read."""
    demos = []
    listing = entry.own.get("demos")
    for index, demo in enumerate(listing if isinstance(listing, list) else []):
        if not isinstance(demo, dict):
            continue
        given = fields.mapping(demo, "inputs")
        for message in _missing(given, prompts):
            entry.scope.report.add(entry.where("demos", index, "inputs"), message)
        demos.append(Demo(inputs=given, output=fields.text(demo, "output")))
    return tuple(demos)


def read_nearest(entry: Entry, prompts: Prompts) -> Nearest | None:
    """The worked examples of a file, of which the nearest are shown; what is wrong with it is reported."""
    own = entry.own.get("demos")
    if not isinstance(own, dict):
        return None
    rows: dict[tuple[str, str], tuple[int, Demo]] = {}
    for line, demo in _from_file(entry, own, prompts):
        # The same example twice would be shown twice.
        rows.setdefault((repr(demo.inputs), demo.output), (line, demo))
    return Nearest(
        demos=tuple(demo for _, demo in rows.values()),
        lines=tuple(line for line, _ in rows.values()),
        k=fields.integer(own, "k") or USUAL_K,
        names=_compared(prompts),
        embedding=_embedding(entry, own),
    )


def _from_file(entry: Entry, own: JsonObject, prompts: Prompts) -> list[tuple[int, Demo]]:
    """The rows of the file with their lines; of bad ones the first few are reported."""
    report, name = entry.scope.report, fields.text(own, "file")
    # As the user called the ensemble's own file.
    file = str(Path(report.document.name).parent / name)
    rows: list[tuple[int, Demo]] = []
    bad: list[Problem] = []
    for number, line in _lines(entry, entry.scope.folder / name):
        found = _row(line, prompts)
        if isinstance(found, Demo):
            rows.append((number, found))
        else:
            message, hint = found
            bad.append(Problem(file=file, line=number, column=1, message=message, hint=hint))
    for problem in bad[:SHOWN]:
        report.add_other(problem)
    if len(bad) > SHOWN:
        where = entry.where("demos", "file")
        report.add(where, f"{len(bad)} lines of {shown(name)} are wrong: the first {SHOWN} are listed")
    return rows


def _lines(entry: Entry, path: Path) -> Iterator[tuple[int, str]]:
    """The lines that are not empty, from 1; a file that has none or cannot be read is reported."""
    scope, at = entry.scope, entry.where("demos", "file")
    if not any(path.resolve().is_relative_to(near.resolve()) for near in (scope.folder, scope.project)):
        scope.report.add(at, f"{shown(str(path))} is neither in the ensemble's folder nor in the project")
        return
    try:
        text = read_text(path, MAX_BYTES)
    except InvalidFile as error:
        problem = error.problems[0]
        if problem.line:
            scope.report.add_other(problem)
        else:
            scope.report.add(at, f"{shown(path.name)}: {problem.message}", problem.hint)
        return
    if not text.strip():
        scope.report.add(at, f"{shown(path.name)} has no rows", _SHAPE)
    for number, line in enumerate(text.split("\n"), start=1):
        if line.strip():
            yield number, line


def _row(line: str, prompts: Prompts) -> Demo | tuple[str, str]:
    """The example on a line; or what is wrong with it, and a hint."""
    try:
        row = parse_json(line)
    except ValueError:
        return "this line is not JSON", "write one JSON object per line"
    if not isinstance(row, dict):
        return "this line is not a JSON object", _SHAPE
    for key in ("inputs", "output"):
        if row.get(key) is None:
            return f"this row has no {key!r}", _SHAPE
    given, output = row["inputs"], row["output"]
    if not isinstance(given, dict):
        return "'inputs' is not an object", _SHAPE
    if has_secret(line):
        return "this looks like a secret, which cannot be kept in a file", "take it out"
    missing = next(_missing(given, prompts), None)
    if missing is not None:
        return missing, ""
    return Demo(inputs=given, output=output if isinstance(output, str) else _as_json(output))


def _as_json(value: JsonValue) -> str:
    return json.dumps(value, ensure_ascii=False)


def _missing(given: JsonObject, prompts: Prompts) -> Iterator[str]:
    """What is said of variables that a prompt needs and an example does not have."""
    wanted = (prompt.names - prompt.optional for prompt in prompts if prompt is not None)
    for name in sorted(frozenset().union(*wanted) - _ALWAYS - given.keys()):
        yield f"this example has no {shown(name)}, which the prompt reads"


def _compared(prompts: Prompts) -> tuple[str, ...]:
    """The variables that the prompts read; none where one of them is the input as it is."""
    if None in prompts:
        return ()
    read = frozenset().union(*(prompt.names for prompt in prompts if prompt is not None))
    return tuple(sorted(read - {"parameters", "dependencies"}))


def _embedding(entry: Entry, own: JsonObject) -> Model | None:
    wanted, at = own.get("embedding_model"), entry.where("demos", "embedding_model")
    if not isinstance(wanted, str | dict):
        return None
    model = resolved(entry, wanted, at)
    if model is not None and not has_embeddings(model.provider):
        hint = (
            "name one of an OpenAI-compatible server or of Ollama, or leave it out: then words are compared"
        )
        entry.scope.report.add(at, f"provider {model.provider!r} has no embedding models", hint)
    return model
