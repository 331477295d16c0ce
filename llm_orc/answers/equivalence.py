"""Whether two answers mean the same: by canonical forms, and where those differ by mathematics.

Never by how similar the texts are: 17 and 71 are similar.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Hashable, Sequence
from fractions import Fraction

from llm_orc.answers import mathematics as maths
from llm_orc.answers.numbers import fractions_spelt_out, quantity
from llm_orc.domain.json import JsonValue, parse_json

PATIENCE = 3
"""Comparisons of one vote that may run out of time; from then on expressions that look different are."""
_LONGEST_NOTATION = 2_000
_FRAMES = re.compile(r"\\boxed\s*\{([^{}]*)\}|\\\((.*)\\\)|\\\[(.*)\\\]|\$+([^$]*)\$+", re.DOTALL)
_WORDING = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|mbox)\s*\{([^{}]*)\}")
_NOTATION = (
    (re.compile(r"\\[dtc]frac\b"), r"\\frac"),
    (re.compile(r"\\(?:left|right)(?![A-Za-z])|\\[!]"), ""),
    (re.compile(r"\\[,;: ]|~"), " "),
    (re.compile(r"\\([%$#&_])"), r"\1"),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\s*(?:\\times(?![A-Za-z])|\\cdot(?![A-Za-z])|[×·⋅])\s*"), "*"),
    (re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})"), "°"),
    (re.compile(r"[−‐‑]|(?:^|(?<=\s))–(?=\d)"), "-"),
)  # fmt: skip
_ARTICLES = re.compile(r"\b(?:the|a|an)\s+(?=\w)")
_CHOICE = re.compile(r"\(?([A-Ha-h])[).:]{0,2}")
_KEPT = frozenset("%./*\\-_#&@")


def key(answer: str) -> Hashable:
    """The canonical form: an exact number, a letter, JSON with sorted keys, an expression, or plain words."""
    text = _plain(answer)
    measured = quantity(text)
    if measured is not None:
        return ("number", *measured)
    lettered = _CHOICE.fullmatch(text)
    if lettered is not None:
        return ("text", lettered[1].lower())
    if text[:1] in ("{", "["):
        try:
            return ("json", json.dumps(_one_number(parse_json(text)), sort_keys=True))
        except ValueError:
            pass
    if maths.is_expression(text):
        return ("expression", "".join(text.split()))
    return ("text", _words(text))


def number(answer: str) -> tuple[str, Fraction] | None:
    """The dimension and the value of an answer that is a number, as `quantity` gives them; else None."""
    return quantity(_plain(answer))


def classes(answers: Sequence[str], *, mathematics: bool = False) -> list[int]:
    """The class of each answer, numbered in the order of their first members.

    With `mathematics`, classes whose first members are equal expressions are one. Raises `NotAvailable`
    where that needs the package math-verify and it is not there.
    """
    numbers: dict[Hashable, int] = {}
    first: list[str] = []
    found = []
    comparison = _Comparison(PATIENCE if mathematics else 0)
    for answer in answers:
        form = key(answer)
        if form not in numbers:
            known = (number for number, other in enumerate(first) if comparison.equal(answer, other))
            numbers[form] = next(known, len(first))
            if numbers[form] == len(first):
                first.append(answer)
        found.append(numbers[form])
    return found


class _Comparison:
    """Compares expressions until too many took too long."""

    def __init__(self, patience: int) -> None:
        self._patience = patience

    def equal(self, one: str, other: str) -> bool:
        verdict = _equal(one, other) if self._patience > 0 else False
        self._patience -= verdict is None
        return bool(verdict)


def same(one: str, other: str, *, mathematics: bool = True) -> bool:
    """Whether two answers mean the same. Raises `NotAvailable` as `classes` does."""
    return key(one) == key(other) or (mathematics and equal(one, other))


def equal(one: str, other: str) -> bool:
    """Whether two expressions are equal, by math-verify; False for what is none, or takes too long."""
    return bool(_equal(one, other))


def _equal(one: str, other: str) -> bool | None:
    # In one order, so that it does not matter which answer came first.
    first, second = sorted((_plain(one), _plain(other)))
    numbers = [quantity(text) is not None for text in (first, second)]
    # Numbers are exact: 0.333 is not a third, which the library, rounding, says.
    if all(numbers) or not any(maths.is_expression(text) for text in (first, second)):
        return False
    for text, number in zip((first, second), numbers, strict=True):
        if not (number or maths.is_expression(text) or maths.is_term(text)):
            return False
    return maths.equal(first, second)


def _plain(answer: str) -> str:
    """Without what frames an answer, and with one notation for what LaTeX and Unicode have several for."""
    text = unicodedata.normalize("NFC", answer).strip(" \t\r\n*`\"'")
    if len(text) > _LONGEST_NOTATION:
        return text
    framed = _FRAMES.fullmatch(text)
    if framed is not None:
        text = next(part for part in framed.groups() if part is not None).strip()
    text = fractions_spelt_out(_WORDING.sub(r" \1 ", text))
    for pattern, written in _NOTATION:
        text = pattern.sub(written, text)
    return text.strip().strip("$").strip()


def _one_number(value: JsonValue) -> JsonValue:
    """1 and 1.0 are one number."""
    if isinstance(value, dict):
        return {name: _one_number(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_one_number(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


class _Separators(dict[int, str]):
    """Punctuation to spaces, as `str.translate` asks for it."""

    def __missing__(self, code: int) -> str:
        sign = chr(code)
        kept = sign in _KEPT or not unicodedata.category(sign).startswith("P")
        self[code] = sign if kept else " "
        return self[code]


_SEPARATORS = _Separators()


def _words(text: str) -> str:
    lower = text.casefold()
    words = _ARTICLES.sub("", " ".join(lower.translate(_SEPARATORS).split())).strip(" .")
    # What is nothing but punctuation stands for itself.
    return words or " ".join(lower.split())
