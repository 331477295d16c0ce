"""The records of Parquet files, and of folders that Hugging Face `datasets` wrote."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from datetime import date, time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_orc.domain.json import JsonValue
from llm_orc.errors import NotAvailable, NotFound, UsageFailed
from llm_orc.optimize.records import Record

if TYPE_CHECKING:
    import pyarrow


_SHARD = re.compile(r"-\d{5}-of-\d{5}$")


def arrow_records(path: Path) -> list[Record]:
    """The rows of a `.parquet` file, a folder of such, or a folder of `Dataset.save_to_disk`, in order.

    Classes are given by name where the file knows their names. Raises `NotFound`, `UsageFailed`, and
    `NotAvailable` without the package pyarrow.
    """
    try:
        import pyarrow
    except ImportError as error:
        raise NotAvailable(
            f"reading {path} needs the package 'pyarrow'", hint="pip install 'llm-orc[datasets]'"
        ) from error
    try:
        tables = _tables(path)
    except (pyarrow.ArrowException, OSError, ValueError) as error:
        raise UsageFailed(f"cannot read {path}: {str(error).splitlines()[0]}") from error
    found: list[Record] = []
    for table in tables:
        named = _named(table)
        for row in table.to_pylist():
            value = {name: named.get(name, _plain)(each) for name, each in row.items()}
            found.append(Record(len(found) + 1, value))
    return found


def _tables(path: Path) -> list[pyarrow.Table]:
    import pyarrow
    from pyarrow import parquet

    if not path.exists():
        raise NotFound(f"there is no dataset {path}", hint="give a .jsonl, .csv or .parquet file")
    if path.is_file():
        return [parquet.ParquetFile(path).read()]
    if (path / "state.json").is_file():
        state = json.loads((path / "state.json").read_text(encoding="utf-8"))
        files = [path / each["filename"] for each in state["_data_files"]]
        return [pyarrow.ipc.open_stream(file.read_bytes()).read_all() for file in files]
    if (path / "dataset_dict.json").is_file():
        names = json.loads((path / "dataset_dict.json").read_text(encoding="utf-8"))["splits"]
        raise UsageFailed(f"{path} holds several splits", hint=f"give one: {path / names[0]}")
    files = sorted(path.glob("*.parquet"))
    if not files:
        raise NotFound(
            f"the folder {path} is no dataset",
            hint="it has neither Parquet files nor what datasets.save_to_disk writes",
        )
    splits = sorted({_SHARD.sub("", file.stem) for file in files})
    if len(splits) > 1:
        raise UsageFailed(f"{path} holds several files: {', '.join(splits)}", hint="give one of them")
    return [parquet.ParquetFile(file).read() for file in files]


def _named(table: pyarrow.Table) -> dict[str, Callable[[Any], JsonValue]]:
    """For columns of classes, what turns numbers into their names: `datasets` keeps them in the schema."""
    kept = (table.schema.metadata or {}).get(b"huggingface")
    features = json.loads(kept)["info"]["features"] if kept else {}
    found: dict[str, Callable[[Any], JsonValue]] = {}
    for column, feature in features.items():
        if isinstance(feature, Mapping) and feature.get("_type") == "ClassLabel" and "names" in feature:
            found[column] = partial(_class_name, feature["names"])
    return found


def _class_name(names: Sequence[str], number: int | None) -> JsonValue:
    """`datasets` writes -1 for a class that is not known."""
    return None if number is None or not 0 <= number < len(names) else names[number]


def _plain(value: Any) -> JsonValue:  # noqa: ANN401 - whatever a column may hold
    """As JSON has it."""
    match value:
        case Mapping():
            return {str(name): _plain(each) for name, each in value.items()}
        case list() | tuple():
            return [_plain(each) for each in value]
        case float() if value != value or value in (float("inf"), float("-inf")):
            return None
        case None | str() | bool() | int() | float():
            return value
        case Decimal():
            return float(value)
        case date() | time():
            return value.isoformat()
        case bytes():
            return value.decode("utf-8", errors="replace")
    return str(value)
