"""Lines and columns as editors count them."""

from __future__ import annotations

from bisect import bisect_right
from typing import Any

_BREAKS_OF_YAML_1_1 = ("\x85", "\u2028", "\u2029")


class Places:
    """Places in one text. The parser also counts lines at breaks that neither YAML 1.2 nor editors know;
    where a text has such, its lines are counted again."""

    def __init__(self, text: str) -> None:
        self._starts: list[int] | None = None
        if any(character in text for character in _BREAKS_OF_YAML_1_1):
            self._starts = [0, *(index + 1 for index, character in enumerate(text) if character == "\n")]

    def of(self, mark: Any) -> tuple[int, int]:  # noqa: ANN401 - one of two classes of PyYAML
        """Line and column of a mark, from 1."""
        if self._starts is None:
            return mark.line + 1, mark.column + 1
        line = bisect_right(self._starts, mark.index)
        return line, mark.index - self._starts[line - 1] + 1
