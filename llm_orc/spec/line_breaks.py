"""Characters that YAML 1.1, which the parser knows, takes for line breaks, and YAML 1.2 for text."""

from __future__ import annotations

from itertools import islice

_BREAKS = ("\x85", "\u2028", "\u2029")
_PRIVATE = range(0xF0000, 0xFFFFE)


class StandIns:
    """A text for the parser: `text` has unused characters in their places, and is as long."""

    def __init__(self, text: str) -> None:
        self.text = text
        self._back: dict[int, str] = {}
        if any(each in text for each in _BREAKS):
            unused = (code for code in _PRIVATE if chr(code) not in text)
            there = dict(zip(islice(unused, len(_BREAKS)), _BREAKS, strict=True))
            self.text = text.translate({ord(each): code for code, each in there.items()})
            self._back = there

    def back(self, value: str) -> str:
        """What the parser made of a piece of it, with the characters that are meant."""
        return value.translate(self._back) if self._back else value
