"""Rows with known answers: read from files, told apart by what they ask, split without leaks."""

from __future__ import annotations

import hashlib
import json
import unicodedata
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.errors import InvalidFile, NotFound, Problem, UsageFailed
from llm_orc.optimize.records import Record, csv_records, json_records, shortened

ANSWERS = ("expected", "answer", "label", "target", "output")
"""Columns that hold the answer where the user names none; the first that is there."""
QUESTIONS = ("input", "question", "text", "prompt")
"""Columns that stand for the only input of an ensemble that calls it something else; the first that is
there."""
_OWN = {"id", "agents"}
_ID = 12


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """One case. `expected` is None where there is no known answer; several right ones are a list.

    `labels` says what single agents should answer, by name. `source` is the file and line.
    """

    id: str
    inputs: JsonObject
    expected: JsonValue = None
    labels: Mapping[str, JsonValue] = field(default_factory=dict)
    source: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Split:
    """Rows to learn from, to choose by, and to judge with. `leaked` are held-out rows that ask what one of
    the others asks: they prove nothing, and are not among the held-out ones."""

    train: tuple[Row, ...]
    validation: tuple[Row, ...]
    held_out: tuple[Row, ...]
    leaked: tuple[Row, ...] = ()


def read_rows(
    path: Path, *, expected: str | None = None, inputs: Sequence[str] | None = None
) -> tuple[Row, ...]:
    """The rows of a JSONL, JSON, CSV or Parquet file, or of a folder that Hugging Face `datasets` saved.

    `expected` names the column of the answer, `inputs` the inputs of the ensemble: other columns are left
    out, so that rows that differ in them alone are known to ask the same. Without `inputs` all other columns
    are inputs. A column `inputs` may hold them as an object; `agents` holds what single agents should
    answer. Rows without an `id` get one from their inputs, which stays the same when rows are added or
    moved.

    Raises `InvalidFile` with every bad row, `NotFound`, and `NotAvailable` where a package is missing.
    """
    records = _records(path)
    if not records:
        raise UsageFailed(f"{path} has no rows")
    column = expected or next((name for name in ANSWERS if any(name in r.value for r in records)), None)
    if expected is not None and not any(expected in record.value for record in records):
        known = ", ".join(dict.fromkeys(name for record in records for name in record.value))
        raise UsageFailed(f"{path} has no column {expected!r}", hint=f"its columns: {known}")
    problems: list[Problem] = []
    rows = [_row(record, path, column, inputs, problems) for record in records]
    problems += _same_ids(rows, path)
    if problems:
        raise InvalidFile(shortened(problems))
    return tuple(_with_ids(rows))


def split(rows: Sequence[Row], seed: int = 0, *, train: float = 0.35, validation: float = 0.35) -> Split:
    """Each row's part follows from its inputs and the seed alone: adding rows moves none.

    Rows that ask the same are in the same part. The parts are shares on average; of few rows one may be
    empty.
    """
    parts: tuple[list[Row], list[Row], list[Row]] = ([], [], [])
    for row in rows:
        place = _place(row, seed)
        parts[(place >= train) + (place >= train + validation)].append(row)
    return Split(train=tuple(parts[0]), validation=tuple(parts[1]), held_out=tuple(parts[2]))


def shuffled(rows: Sequence[Row], seed: int) -> tuple[Row, ...]:
    """In an order that follows from the inputs and the seed: of more rows, the same ones keep their order."""
    return tuple(sorted(rows, key=lambda row: (_place(row, seed), row.id)))


def repeated(rows: Sequence[Row]) -> tuple[tuple[Row, ...], ...]:
    """Groups of rows that ask the same: spaces, case and Unicode form aside."""
    groups: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        groups[_question(row)].append(row)
    return tuple(tuple(group) for group in groups.values() if len(group) > 1)


def distinct(rows: Sequence[Row]) -> tuple[Row, ...]:
    """The first of those rows that ask the same and expect the same: a copy is no further evidence."""
    first: dict[str, Row] = {}
    for row in rows:
        first.setdefault(_canonical([_question(row), row.expected, row.labels]), row)
    return tuple(first.values())


def contradicting(rows: Sequence[Row]) -> tuple[tuple[Row, ...], ...]:
    """Those groups of `repeated` whose rows expect different answers."""
    return tuple(group for group in repeated(rows) if len({_canonical(row.expected) for row in group}) > 1)


def leaked(seen: Iterable[Row], unseen: Iterable[Row]) -> tuple[Row, ...]:
    """The rows of `unseen` that ask what a row of `seen` asks."""
    known = {_question(row) for row in seen}
    return tuple(row for row in unseen if _question(row) in known)


def _records(path: Path) -> list[Record]:
    if path.is_dir() or path.suffix == ".parquet":
        from llm_orc.optimize.arrow_records import arrow_records

        return arrow_records(path)
    try:
        content = path.read_bytes()
        text = content.decode("utf-8-sig")
    except FileNotFoundError as error:
        raise NotFound(f"there is no dataset {path}", hint="give a .jsonl, .csv or .parquet file") from error
    except OSError as error:
        raise NotFound(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        begin = content.rfind(b"\n", 0, error.start) + 1
        problem = Problem(
            file=str(path), line=content.count(b"\n", 0, error.start) + 1,
            column=len(content[begin : error.start].decode(errors="replace")) + 1,
            message=f"byte {content[error.start]:#04x} is not UTF-8 text", hint="save the file as UTF-8",
        )  # fmt: skip
        raise InvalidFile((problem,)) from error
    if path.suffix in (".csv", ".tsv"):
        return csv_records(text, path)
    return json_records(text, path)


def _row(
    record: Record, path: Path, column: str | None, wanted: Sequence[str] | None, problems: list[Problem]
) -> Row:
    value = record.value

    def wrong(message: str, hint: str = "") -> None:
        problems.append(Problem(file=str(path), line=record.line, column=1, message=message, hint=hint))

    if column is not None and column not in value:
        wrong(f"the row has no {column!r}", "the other rows have; --expected names another column")
    agents = value.get("agents", {})
    labels = agents if isinstance(agents, Mapping) else {}
    if agents is not None and not isinstance(agents, Mapping):
        wrong("'agents' is not an object", 'write {"agents": {NAME: ANSWER}}')
    given = value.get("id", "")
    if not isinstance(given, str | int) or isinstance(given, bool):
        wrong("'id' is neither text nor a whole number")
    inputs = _inputs(value, column, wanted)
    if not inputs:
        names = ", ".join(wanted or ("input",))
        wrong(f"the row has none of the inputs ({names})", f"its columns: {', '.join(value)}")
    return Row(
        id=str(given),
        inputs=inputs,
        expected=value.get(column) if column is not None else None,
        labels=dict(labels),
        source=f"{path}:{record.line}",
    )


def _inputs(value: JsonObject, column: str | None, wanted: Sequence[str] | None) -> JsonObject:
    whole = value.get("inputs", value.get("input"))
    if isinstance(whole, Mapping):
        return dict(whole)
    others = {name: each for name, each in value.items() if name != column and name not in _OWN}
    if wanted is None:
        return others
    kept = {name: others[name] for name in wanted if name in others}
    if kept or len(wanted) != 1:
        return kept
    names = [name for name in QUESTIONS if name in others] or list(others)
    return {wanted[0]: others[names[0]]} if names and (names[0] in QUESTIONS or len(names) == 1) else {}


def _same_ids(rows: Sequence[Row], path: Path) -> list[Problem]:
    first: dict[str, str] = {}
    problems = []
    for row in rows:
        if row.id and first.setdefault(row.id, row.source) != row.source:
            place = int(row.source.rpartition(":")[2])
            where = first[row.id].rpartition(":")[2]
            message = f"the id {row.id!r} is also that of line {where}"
            problems.append(Problem(file=str(path), line=place, column=1, message=message))
    return problems


def _with_ids(rows: Sequence[Row]) -> Iterable[Row]:
    """Rows that ask the same and have no id are numbered in their order."""
    taken = {row.id for row in rows}
    for row in rows:
        name = row.id
        if not name:
            plain = name = hashlib.sha256(_canonical(row.inputs).encode()).hexdigest()[:_ID]
            number = 1
            while name in taken:
                number += 1
                name = f"{plain}-{number}"
            taken.add(name)
        yield Row(id=name, inputs=row.inputs, expected=row.expected, labels=row.labels, source=row.source)


def _place(row: Row, seed: int) -> float:
    """In [0, 1), evenly spread."""
    digest = hashlib.sha256(f"{seed}\n{_question(row)}".encode()).digest()
    return int.from_bytes(digest[:7]) / 2**56


def _question(row: Row) -> str:
    return _canonical(_plain(row.inputs))


def _plain(value: JsonValue) -> JsonValue:
    """Texts without what does not change what they ask."""
    if isinstance(value, str):
        return " ".join(unicodedata.normalize("NFKC", value).casefold().split())
    if isinstance(value, Mapping):
        return {name: _plain(each) for name, each in value.items()}
    return [_plain(each) for each in value] if isinstance(value, Sequence) else value


def _canonical(value: JsonValue) -> str:
    return json.dumps(value, sort_keys=True, ensure_ascii=False)
