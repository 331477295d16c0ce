"""Scores of an output beside one expected answer; each is a number in [0, 1] and what is wrong."""

from __future__ import annotations

import re
import string
import unicodedata
from collections import Counter
from fractions import Fraction
from typing import TypeAlias

from llm_orc.answers.equivalence import number, same
from llm_orc.answers.extraction import PATTERN_READS, auto, last_number
from llm_orc.answers.stoppable import Stoppable
from llm_orc.domain.json import JsonValue
from llm_orc.domain.text import as_text, one_line
from llm_orc.errors import DeadlinePassed, UsageFailed
from llm_orc.optimize.tree_score import tree_score

Verdict: TypeAlias = tuple[float, str]

_SHOWN = 100
_ARTICLES = re.compile(r"\b(a|an|the)\b")
_SEARCHING = Stoppable("search")
_PUNCTUATION = str.maketrans("", "", string.punctuation)


def exact(expected: JsonValue, output: JsonValue) -> Verdict:
    """The same text, but for Unicode form and spaces around it; the same value where neither is text."""
    if not isinstance(expected, str) and not isinstance(output, str):
        return _verdict(tree_score(expected, output)[0] == 1.0, expected, output)
    return _verdict(_trimmed(expected) == _trimmed(output), expected, output)


def contains(expected: JsonValue, output: JsonValue) -> Verdict:
    """The output holds the expected text, whatever the case."""
    wanted = _trimmed(expected).casefold()
    if not wanted:
        raise UsageFailed("the expected text is empty", hint="every output contains it: use 'exact'")
    found = wanted in _trimmed(output).casefold()
    return (1.0, "") if found else (0.0, f"the output does not contain {_short(expected)}")


def numeric(expected: JsonValue, output: JsonValue, tolerance: float = 0.0) -> Verdict:
    """The same number, or one at most `tolerance` away: the marked answer of a reply, else its last
    number."""
    wanted = _quantity(expected)
    if wanted is None:
        raise UsageFailed(f"{_short(expected)} is no number", hint="the metric 'numeric' needs numbers")
    found = _quantity(output)
    if found is None:
        return 0.0, f"expected {_short(expected)}, found no number"
    right = found[0] == wanted[0] and abs(found[1] - wanted[1]) <= Fraction(tolerance)
    return _verdict(right, expected, float(found[1]) if not right else "")


def token_f1(expected: JsonValue, output: JsonValue) -> Verdict:
    """The harmonic mean of precision and recall over words (SQuAD, Rajpurkar et al. 2016, arXiv
    1606.05250)."""
    wanted, found = _tokens(expected), _tokens(output)
    shared = sum((Counter(wanted) & Counter(found)).values())
    if not wanted or not found:
        return _verdict(wanted == found, expected, output)
    score = 2 * shared / (len(wanted) + len(found))
    return score, "" if score == 1.0 else f"expected {_short(expected)}, got {_short(output)}"


def mathematical(expected: JsonValue, output: JsonValue) -> Verdict:
    """The same answer, however it is written: numbers, units, choices, JSON, expressions."""
    answer = auto(as_text(output))
    right = answer is not None and same(answer, as_text(expected))
    return _verdict(right, expected, output if answer is None else answer)


def regex(expected: JsonValue, output: JsonValue, pattern: re.Pattern[str] | None = None) -> Verdict:
    """The output has a place that matches the pattern, or the expected one. Raises `DeadlinePassed`."""
    sought = (pattern if pattern is not None else _compiled(as_text(expected))).pattern
    found = _SEARCHING.ask(sought, as_text(output)[-PATTERN_READS:])
    if found is None:
        raise DeadlinePassed(
            f"the pattern {_short(sought)} takes too long on {_short(output)}",
            hint="a repetition within a repetition, such as (a+)+, may take for ever",
        )
    return (1.0, "") if found else (0.0, f"{sought!r} matches nothing in {_short(output)}")


def pattern(text: str) -> re.Pattern[str]:
    """A regular expression. Raises `UsageFailed`."""
    return _compiled(text)


def _compiled(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageFailed(f"{text!r} is not a regular expression: {error}") from error


def _verdict(right: bool, expected: JsonValue, output: JsonValue) -> Verdict:
    return (1.0, "") if right else (0.0, f"expected {_short(expected)}, got {_short(output)}")


def _short(value: JsonValue) -> str:
    return repr(one_line(value, _SHOWN))


def _trimmed(value: JsonValue) -> str:
    return unicodedata.normalize("NFC", as_text(value)).strip()


def _quantity(value: JsonValue) -> tuple[str, Fraction] | None:
    text = as_text(value)
    for find in (auto, last_number):
        found = number(find(text) or "")
        if found is not None:
            return found
    return None


def _tokens(value: JsonValue) -> list[str]:
    text = unicodedata.normalize("NFC", as_text(value)).casefold().translate(_PUNCTUATION)
    return _ARTICLES.sub(" ", text).split()
