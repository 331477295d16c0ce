"""Rows in three parts: enough of them unseen, and none of those seen after all."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_orc.optimize.dataset import Row
from llm_orc.orchestrator.parting import parted
from llm_orc.providers.scripted import Scripted

from .projects import LABELS, colour_rows, in_project, optimized
from .test_money import colours


def rows(count: int, first: int = 0) -> list[Row]:
    return [
        Row(id=str(n), inputs={"input": f"question {n}"}, expected="a", source=f"f:{n + 1}")
        for n in range(first, first + count)
    ]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize(("count", "unseen"), [(20, 10), (30, 15), (40, 20), (60, 20)])
def test_of_few_rows_enough_are_held_out(count: int, unseen: int, seed: int):
    parts = parted(rows(count), seed)
    assert len(parts.held_out) >= unseen
    assert 0 <= len(parts.validation) - len(parts.train) <= 1
    assert len(parts.train) + len(parts.validation) + len(parts.held_out) == count


def test_held_out_rows_that_others_ask_are_left_out():
    parts = parted(rows(30), 0, held_out=rows(30, first=10))
    assert [row.id for row in parts.leaked] == [str(n) for n in range(10, 30)]
    assert [row.id for row in parts.held_out] == [str(n) for n in range(30, 40)]


async def test_wordings_are_searched_without_examples(tmp_path: Path):
    path = in_project(tmp_path, LABELS, colour_rows(40))
    (tmp_path / "i.txt").write_text("Be brief.\nName a colour.\n", encoding="utf-8")
    wish = {"optimizer": "miprov2", "instructions": tmp_path / "i.txt", "demos": 0}
    done, _, _ = await optimized(path, {"scripted": Scripted(colours)}, **wish)
    assert done.findings.notes == ()
