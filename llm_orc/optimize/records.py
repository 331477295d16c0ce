"""The records of a text file of rows: lines of JSON, a JSON list, or CSV."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_orc.domain.json import JsonObject, JsonValue, parse_json
from llm_orc.errors import InvalidFile, Problem

_SHOWN = 20


@dataclass(frozen=True, slots=True)
class Record:
    """One row as the file has it, and where it begins: a line, or for a file without lines a row, from 1."""

    line: int
    value: JsonObject


def json_records(text: str, path: Path) -> list[Record]:
    """One object per line, or a JSON list of objects. Raises `InvalidFile` with every bad line."""
    if text.lstrip().startswith("["):
        return _list_records(text, path)
    records, problems = [], []
    # Not splitlines(): JSON may hold U+2028 and others that it takes for the end of a line.
    for number, line in enumerate(text.split("\n"), start=1):
        if not line.strip():
            continue
        try:
            value = parse_json(line)
        except ValueError as error:
            problems.append(_not_json(path, error, number))
            continue
        if isinstance(value, Mapping):
            records.append(Record(number, value))
        else:
            problems.append(_problem(path, number, "this line is not an object", _WRITE))
    return _or_raise(records, problems)


def csv_records(text: str, path: Path) -> list[Record]:
    """A row per record, all values text; `agents.NAME` columns are an object. Raises `InvalidFile`."""
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter="\t" if path.suffix == ".tsv" else ",", strict=True
    )
    records, problems = [], []
    try:
        names = [name.strip() for name in next(reader, [])]
        if not all(names) or len(set(names)) < len(names):
            message = "the first line has to name every column, each once"
            raise InvalidFile((_problem(path, 1, message, f"it has: {', '.join(names)}"),))
        for line, cells in _numbered(reader):
            if len(cells) == len(names):
                records.append(Record(line, _nested(dict(zip(names, cells, strict=True)))))
            elif cells:
                problems.append(_problem(path, line, f"{len(cells)} cells for {len(names)} columns"))
    except csv.Error as error:
        problems.append(_problem(path, reader.line_num, f"this is not CSV: {error}"))
    return _or_raise(records, problems)


_WRITE = 'write {"input": ..., "expected": ...}'


def _list_records(text: str, path: Path) -> list[Record]:
    try:
        values = parse_json(text)
    except ValueError as error:
        raise InvalidFile((_not_json(path, error),)) from error
    assert isinstance(values, list)
    problems = [
        Problem(file=str(path), message=f"row {number} is not an object", hint=_WRITE)
        for number, value in enumerate(values, start=1)
        if not isinstance(value, Mapping)
    ]
    return _or_raise([Record(number, value) for number, value in enumerate(values, 1)], problems)


def _numbered(reader: Iterator[list[str]]) -> Iterator[tuple[int, list[str]]]:
    """Each record with the line that it begins on: a cell may hold line breaks."""
    begin = reader.line_num + 1  # type: ignore[attr-defined] # a csv.reader has it
    for cells in reader:
        yield begin, cells
        begin = reader.line_num + 1  # type: ignore[attr-defined]


def _nested(cells: dict[str, str]) -> JsonObject:
    agents = {name[len("agents.") :]: cell for name, cell in cells.items() if name.startswith("agents.")}
    plain: dict[str, JsonValue] = {n: cell for n, cell in cells.items() if not n.startswith("agents.")}
    return {**plain, "agents": agents} if agents else plain


def shortened(problems: Sequence[Problem]) -> tuple[Problem, ...]:
    """In the order of the file, the first of many and how many more there are."""
    found = sorted(problems)
    if len(found) <= _SHOWN:
        return tuple(found)
    return (*found[:_SHOWN], Problem(file=found[0].file, message=f"and {len(found) - _SHOWN} more"))


def _or_raise(records: list[Record], problems: list[Problem]) -> list[Record]:
    if problems:
        raise InvalidFile(shortened(problems))
    return records


def _problem(path: Path, line: int, message: str, hint: str = "") -> Problem:
    return Problem(file=str(path), line=line, column=1 if line else 0, message=message, hint=hint)


def _not_json(path: Path, error: ValueError, line: int = 0) -> Problem:
    """Where a line, or the file where none is given, is not JSON."""
    what = "this line is not JSON" if line else "this is not JSON"
    if isinstance(error, json.JSONDecodeError):
        return Problem(
            file=str(path), line=line or error.lineno, column=error.colno, message=f"{what}: {error.msg}"
        )
    return _problem(path, line, f"{what}: {str(error).splitlines()[0]}")
