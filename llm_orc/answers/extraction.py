"""The final answer in a model's reply."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from difflib import get_close_matches
from functools import partial
from pathlib import Path

from llm_orc.answers.functions import user_function
from llm_orc.domain.json import JsonValue, parse_json
from llm_orc.domain.path import JsonPath, Missing, parse_path, value_at
from llm_orc.errors import UsageFailed

Extractor = Callable[[str], str | None]

READ = 200_000
"""Characters of a reply that are looked at, from its end: answers come last."""
PATTERN_READS = 20_000
"""The same for a pattern of the user's, whose time may grow with the square of the length."""
_NUMBER = re.compile(
    r"(?:(?<![\w)\]}])[-+−]\s?)?(?:[$€£¥]\s?)?(?:"
    r"\\[dtc]?frac(?:\{-?\d{1,15}\}|\d)(?:\{\d{1,15}\}|\d)"
    r"|(?:\d{1,3}(?:,\d{3})+(?!\d)|\d+(?:\{,\}\d{3})*)(?:\.\d+)?|(?<!\d)\.\d+"
    r")(?:[eE][-+]?\d{1,3}(?!\w)|\s?(?:[×x*]|\\times|\\cdot)\s?10\s?\^\s?(?:\{[-−]?\d{1,3}\}|[-−]?\d{1,3}))?"
    r"(?:\s?/\s?\d+(?![\d/]|\.\d))?(?:\s?\\?%|\sper\s?cent\b)?"
)
_SAID = re.compile(
    r"\b(?:answer|result)[*_]{0,3}\s{0,9}(?:is\b\s{0,9}:?|:|=)[*_]{0,3}\s{0,9}(?P<a>\S[^\n]*)"
    r"|^[ \t]{0,9}####[ \t]{0,9}(?P<b>[^#\s][^\n]*)",
    re.IGNORECASE | re.MULTILINE,
)
# Where a sentence ends: not after an initial or a short abbreviation.
_NEXT_SENTENCE = re.compile(r"(?:(?<=[\d)\]}*$%])|(?<=[^\W\d]{3}))\.\s+(?=[^\W\d_])")
# "A" is an article where a word follows.
_CHOICE = re.compile(r"(?<![A-Za-z0-9'’])(?:\(([A-H])\)|([B-H]|A(?!\s+[a-z])))(?=[\s.:,;)*_\]\"']|$)")
_CHOSEN = re.compile(r"\(?([A-Ha-h])[).:]{0,2}")
_LANGUAGE = re.compile(r"\A\w{1,20}(?=\s)")
_KEYS = ("answer", "final_answer", "result", "label", "output")
_TRIES = 20
"""Braces and fences of a reply at which JSON may begin."""
_SHORT_WORDS = 4


def extractor(spec: str | Mapping[str, JsonValue], folder: Path | None = None) -> Extractor:
    """What finds the answer: a name of `EXTRACTORS`, or a pattern, a path or a function of the user's.

    `{"regex": ...}` looks at the last `PATTERN_READS` characters and gives its first group, else all that it
    matches. A relative file of `{"function": "file.py:name"}` starts from `folder`. Raises `UsageFailed` for
    what cannot be used.
    """
    if isinstance(spec, str):
        if spec not in EXTRACTORS:
            near = get_close_matches(spec, EXTRACTORS, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(EXTRACTORS)}"
            raise UsageFailed(f"unknown extractor {spec!r}", hint=hint)
        return EXTRACTORS[spec]
    kinds = [key for key in spec if not key.startswith("x-")]
    if len(kinds) != 1 or kinds[0] not in ("regex", "json_path", "function"):
        raise UsageFailed("an extractor is one of 'regex', 'json_path' and 'function'", hint=f"got: {kinds}")
    value = str(spec[kinds[0]])
    if kinds[0] == "regex":
        return partial(_by_pattern, _pattern(value))
    if kinds[0] == "json_path":
        return partial(_by_path, _path(value))
    return _by_function(user_function(value, folder))


def boxed(text: str) -> str | None:
    r"""What is in the last `\boxed{...}`, braces balanced."""
    start = text.rfind("\\boxed{")
    if start < 0:
        return None
    depth, begin = 0, start + len("\\boxed")
    for place in range(begin, len(text)):
        depth += {"{": 1, "}": -1}.get(text[place], 0)
        if depth == 0:
            return text[begin + 1 : place].strip() or None
    return None


def answer_is(text: str) -> str | None:
    """What follows the last "the answer is", "Answer:" or "####", to the end of the sentence."""
    found = None
    for match in _SAID.finditer(text):
        found = match["a"] or match["b"]
    return _trimmed(_NEXT_SENTENCE.split(found, maxsplit=1)[0]) if found else None


def last_number(text: str) -> str | None:
    """The last number, with its sign, fraction, power of ten or per cent."""
    found = None
    for match in _NUMBER.finditer(text):
        found = match[0]
    return found.strip() if found else None


def choice(text: str) -> str | None:
    """The last letter A to H that stands alone, such as `(B)`; one after "answer" goes first, then the last
    line."""
    said = answer_is(text)
    last = text.strip().rpartition("\n")[2]
    for line in (said, last):
        chosen = _CHOSEN.fullmatch(_trimmed(line) or "") if line else None
        if chosen is not None:
            return chosen[1].upper()
    for place in (said, text):
        found = None
        for match in _CHOICE.finditer(place or ""):
            found = match[1] or match[2]
        if found:
            return found
    return None


def json_answer(text: str) -> str | None:
    """A JSON reply: its answer key where it has one, else all of it; of prose the last such key in JSON."""
    value = json_in(text)
    if value is not None:
        return _as_text(_keyed(value, value))
    found = None
    for value in _objects(text):
        found = _as_text(_keyed(value, None)) or found
    return found


def whole(text: str) -> str | None:
    """The whole reply, None when it is empty."""
    return text.strip() or None


def auto(text: str) -> str | None:
    """By what marks it: a box, "the answer is", JSON; else a short last line, the last number, the whole."""
    for find in (boxed, answer_is, json_answer):
        found = find(text)
        if found is not None:
            return found
    last = text.strip().rpartition("\n")[2]
    if len(last.split()) <= _SHORT_WORDS:
        return _trimmed(last) or whole(text)
    return last_number(text) or whole(text)


def _trimmed(text: str) -> str | None:
    """Without the marks that frame an answer in prose."""
    text = text.strip().strip("*_`\"' ").rstrip(".").strip("*_`\"' ")
    if text.endswith("$") or text.count("$") > 1:
        text = text.strip("$ ")
    return text or None


def json_in(text: str) -> JsonValue:
    """What a reply is that is nothing but JSON, else the last of its fenced blocks that are."""
    blocks = [_LANGUAGE.sub("", block) for block in text.split("```")[1::2]]
    for candidate in (text, *reversed(blocks[-_TRIES:])):
        candidate = candidate.strip()
        if candidate[:1] in ("{", "["):
            try:
                return parse_json(candidate)
            except ValueError:
                continue
    return None


def _objects(text: str) -> Iterator[JsonValue]:
    """JSON objects within prose, from the first braces of it."""
    decoder, start = json.JSONDecoder(), text.find("{")
    for _ in range(_TRIES):
        if start < 0:
            return
        end = start + 1
        try:
            end = decoder.raw_decode(text, start)[1]
            yield parse_json(text[start:end])
        except (ValueError, RecursionError):
            pass
        start = text.find("{", end)


def _keyed(value: JsonValue, otherwise: JsonValue) -> JsonValue:
    if isinstance(value, Mapping):
        return next((value[key] for key in _KEYS if key in value), otherwise)
    return otherwise


def _as_text(value: JsonValue) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text, re.MULTILINE)
    except (re.error, RecursionError, OverflowError) as error:
        raise UsageFailed(f"{text!r} is not a regular expression: {error}") from error


def _path(text: str) -> JsonPath:
    try:
        return parse_path(text)
    except ValueError as error:
        raise UsageFailed(str(error)) from error


def _by_pattern(pattern: re.Pattern[str], text: str) -> str | None:
    found = None
    for match in pattern.finditer(text[-PATTERN_READS:]):
        found = match[1] if pattern.groups else match[0]
    return found.strip() if found else None


def _by_path(path: JsonPath, text: str) -> str | None:
    value = value_at(json_in(text), path)
    return None if isinstance(value, Missing) else _as_text(value)


def _by_function(function: Callable[[str], object]) -> Extractor:
    def extract(text: str) -> str | None:
        value = function(text)
        return None if value is None else str(value)

    return extract


def _bounded(find: Extractor) -> Extractor:
    return lambda text: find(text[-READ:])


EXTRACTORS: Mapping[str, Extractor] = {
    "auto": _bounded(auto),
    "text": _bounded(whole),
    "last_number": _bounded(last_number),
    "boxed": _bounded(boxed),
    "answer_is": _bounded(answer_is),
    "json": _bounded(json_answer),
    "choice": _bounded(choice),
    "none": _bounded(auto),
}
"""`none` compares as `auto` does, and keeps whole replies."""
