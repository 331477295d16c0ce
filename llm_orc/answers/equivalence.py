"""Whether two answers mean the same: by canonical forms, and where those differ by mathematics.

Never by how similar the texts are: 17 and 71 are similar.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Hashable, Sequence
from decimal import Decimal, InvalidOperation
from fractions import Fraction
from functools import lru_cache

from llm_orc.domain.json import JsonValue, parse_json
from llm_orc.errors import NotAvailable

_NUMBER = re.compile(r"([-+]?)\s*(\d{1,3}(?:,\d{3})+|\d+)?(\.\d+)?(?:e([-+]?\d{1,3}))?")
_RATIO = re.compile(r"([-+]?)\s*(\d{1,12})\s*/\s*(\d{1,12})")
_LATEX_RATIO = re.compile(r"([-+]?)\s*\\d?frac\s*\{?\s*(\d{1,12})\s*\}?\s*\{?\s*(\d{1,12})\s*\}?")
_CURRENCY = re.compile(r"^[$€£¥]\s*|\s*(?:[€£¥]|dollars?|euros?|usd|eur)$", re.IGNORECASE)
_ARTICLES = re.compile(r"\b(?:the|a|an)\b", re.IGNORECASE)
_CHOICE = re.compile(r"\(?([A-Ha-h])[).:]?")
_MATHS = re.compile(r"[\\^=√π]|\d\s*[-+*/]|[-+*/]\s*\d|\bsqrt\b")
_LARGE_POWER = re.compile(r"(?:\^|\*\*)\s*\{?\s*\d{3,}|(?:\^|\*\*).*(?:\^|\*\*).*(?:\^|\*\*)|\d{2,}\s*!|!!")
_LONGEST = 300


def key(answer: str) -> Hashable:
    """The canonical form: a fraction, JSON with sorted keys, a letter, else plain words."""
    text = answer.strip().strip("$").strip()
    number = _number(text)
    if number is not None:
        return ("number", number)
    lettered = _CHOICE.fullmatch(text)
    if lettered is not None:
        return ("text", lettered[1].lower())
    if text[:1] in ("{", "["):
        try:
            return ("json", json.dumps(_plain(parse_json(text)), sort_keys=True))
        except ValueError:
            pass
    return ("text", _words(text))


def classes(answers: Sequence[str], *, mathematics: bool = False) -> list[int]:
    """The class of each answer, numbered in the order of their first members.

    With `mathematics`, classes whose first members are equal expressions are one. Raises `NotAvailable`
    where that needs the package math-verify and it is not there.
    """
    numbers: dict[Hashable, int] = {}
    first: list[str] = []
    found = []
    for answer in answers:
        form = key(answer)
        if form not in numbers:
            known = next(
                (n for n, other in enumerate(first) if mathematics and equal(answer, other)), len(first)
            )
            if known == len(first):
                first.append(answer)
            numbers[form] = known
        found.append(numbers[form])
    return found


def same(one: str, other: str, *, mathematics: bool = True) -> bool:
    """Whether two answers mean the same."""
    return key(one) == key(other) or (mathematics and equal(one, other))


def equal(one: str, other: str) -> bool:
    """Whether two expressions are equal, by math-verify; False for what is no mathematics, or too large."""
    if not (_is_maths(one) or _is_maths(other)):
        return False
    return _verified(one, other) or _verified(other, one)


def _is_maths(text: str) -> bool:
    return bool(_MATHS.search(text))


@lru_cache(maxsize=4096)
def _verified(gold: str, answer: str) -> bool:
    # The library's time limit needs signals, which only the main thread has: what could take long is refused.
    if any(len(text) > _LONGEST or _LARGE_POWER.search(text) for text in (gold, answer)):
        return False
    try:
        from math_verify import parse, verify
    except ImportError as error:
        raise NotAvailable(
            "comparing expressions needs the package 'math-verify'", hint="pip install 'llm-orc[maths]'"
        ) from error
    logging.getLogger("math_verify").setLevel(logging.ERROR)
    try:
        parsed = [parse(_as_latex(text), parsing_timeout=None) for text in (gold, answer)]
        return all(parsed) and bool(verify(*parsed, timeout_seconds=None))
    except Exception:  # noqa: BLE001 - a parser of any text, not ours: what it cannot read is not equal
        return False


def _as_latex(text: str) -> str:
    return text if "$" in text else f"${text}$"


def _number(text: str) -> Fraction | None:
    text = text.replace("−", "-").replace("\\%", "%").replace("\\$", "$").replace("\\,", "").strip()
    text = _CURRENCY.sub("", _CURRENCY.sub("", text)).strip().rstrip(".")
    percent = text.endswith("%")
    text = text.removesuffix("%").strip()
    value = _ratio(text)
    if value is None:
        match = _NUMBER.fullmatch(text.lower())
        if match is None or not (match[2] or match[3]):
            return None
        try:
            value = Fraction(Decimal(text.replace(",", "").replace(" ", "")))
        except (InvalidOperation, ValueError, OverflowError):
            return None
    return value / 100 if percent else value


def _ratio(text: str) -> Fraction | None:
    match = _RATIO.fullmatch(text) or _LATEX_RATIO.fullmatch(text)
    if match is None or not int(match[3]):
        return None
    value = Fraction(int(match[2]), int(match[3]))
    return -value if match[1] == "-" else value


def _plain(value: JsonValue) -> JsonValue:
    """1 and 1.0 are one number."""
    if isinstance(value, dict):
        return {name: _plain(item) for name, item in value.items()}
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value


def _words(text: str) -> str:
    text = _ARTICLES.sub(" ", text.casefold())
    return " ".join(re.sub(r"[^\w\s%./+*=^\\-]", " ", text).split()).strip(" .")
