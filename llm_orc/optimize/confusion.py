"""Which class was taken for which, where the expected answers are classes."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from llm_orc.answers.extraction import auto
from llm_orc.domain.json import JsonValue
from llm_orc.domain.text import as_text
from llm_orc.optimize.evaluation import ScoredRow

OTHER = "(other)"
"""What is none of the classes, and rows that failed."""
_MOST = 20


@dataclass(frozen=True, slots=True)
class Confusion:
    """`counts` has the rows that expect its first class and got its second; `classes` is sorted."""

    classes: tuple[str, ...]
    counts: Mapping[tuple[str, str], int]

    def expected(self, name: str) -> int:
        return sum(n for (wanted, _), n in self.counts.items() if wanted == name)

    def got(self, name: str) -> int:
        return sum(n for (_, found), n in self.counts.items() if found == name)

    def precision(self, name: str) -> float | None:
        """The share of rows that got the class and expected it; None where none got it."""
        return self.counts.get((name, name), 0) / self.got(name) if self.got(name) else None

    def recall(self, name: str) -> float:
        return self.counts.get((name, name), 0) / self.expected(name)

    def f1(self, name: str) -> float:
        return 2 * self.counts.get((name, name), 0) / (self.expected(name) + self.got(name))

    @property
    def macro_f1(self) -> float:
        """The mean over the classes, each counting the same."""
        return sum(self.f1(name) for name in self.classes) / len(self.classes)


def confusion_of(rows: Sequence[ScoredRow]) -> Confusion | None:
    """None where the expected answers are no classes: few, short, and each of several rows."""
    wanted = [_class(row.row.expected) for row in rows]
    classes = sorted({name for name in wanted if name is not None})
    if None in wanted or not 2 <= len(classes) <= _MOST or len(rows) < 3 * len(classes):
        return None
    found = [OTHER if row.error is not None else _found(row.output, classes) for row in rows]
    return Confusion(tuple(classes), Counter(zip([str(name) for name in wanted], found, strict=True)))


def _class(value: JsonValue) -> str | None:
    """None for what names no class: long texts, numbers that are not whole, lists, objects."""
    if isinstance(value, str):
        return value.strip() if 0 < len(value.strip().split()) <= 4 and len(value) <= 40 else None
    return as_text(value) if isinstance(value, bool | int) else None


def _found(output: JsonValue, classes: Sequence[str]) -> str:
    """The class that an output is, or ends with, or the only one that it names."""
    text = as_text(output)
    folded = {name.casefold(): name for name in classes}
    for part in (text, auto(text) or ""):
        if part.strip().casefold() in folded:
            return folded[part.strip().casefold()]
    named = [n for n in classes if re.search(rf"(?<!\w){re.escape(n)}(?!\w)", text, re.IGNORECASE)]
    return named[0] if len(named) == 1 else OTHER
