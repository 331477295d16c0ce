"""Rows, and files of rows, for these tests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from llm_orc.optimize.dataset import Row


def row(name: str = "r", expected: Any = None, **labels: Any) -> Row:
    return Row(id=name, inputs={"input": name}, expected=expected, labels=labels, source="d.jsonl:1")


def jsonl(folder: Path, *values: Any) -> Path:
    """One value per line; text is written as it is."""
    path = folder / "d.jsonl"
    lines = [value if isinstance(value, str) else json.dumps(value) for value in values]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
