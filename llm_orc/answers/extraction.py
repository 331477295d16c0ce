"""The final answer in a model's reply."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re
from collections.abc import Callable, Mapping
from functools import partial

from llm_orc.domain.json import JsonValue, parse_json
from llm_orc.domain.path import Missing, parse_path, value_at
from llm_orc.errors import UsageFailed

Extractor = Callable[[str], str | None]

READ = 200_000
"""Characters of a reply that are looked at, from its end: answers come last."""
_NUMBER = re.compile(
    r"[-+−]?(?:\d{1,3}(?:,\d{3})+|\d+)?(?:\.\d+|(?<=\d))(?:[eE][-+]?\d+)?(?:\s*/\s*\d+(?![.\d]))?%?"
)
_SAID = re.compile(
    r"(?:the\s+)?(?:final\s+)?(?:answer|result)\s*(?:is\s*:?|:|=)\s*(?P<a>[^\n]+)|^\s*#{4}\s*(?P<b>[^\n]+)",
    re.IGNORECASE | re.MULTILINE,
)
_CHOICE = re.compile(r"(?<![A-Za-z0-9])\(?([A-H])\)?(?=[\s.:,;)]|$)")
_FENCE = re.compile(r"```(?:json)?\s*\n(.*?)\n?\s*```", re.DOTALL)
_KEYS = ("answer", "final_answer", "result", "label", "output")


def extractor(spec: str | Mapping[str, JsonValue]) -> Extractor:
    """What finds the answer: a name of `EXTRACTORS`, or a pattern, a path or a function of the user's.

    Raises `UsageFailed` for what cannot be used.
    """
    if isinstance(spec, str):
        if spec not in EXTRACTORS:
            raise UsageFailed(f"unknown extractor {spec!r}", hint=f"known: {', '.join(EXTRACTORS)}")
        return EXTRACTORS[spec]
    (kind, value), *_ = spec.items()
    if kind == "regex":
        return partial(_by_pattern, re.compile(str(value), re.MULTILINE))
    if kind == "json_path":
        return partial(_by_path, str(value))
    return _function(str(value))


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
    """What follows the last "the answer is", "Answer:" or "####", to the end of the line."""
    found = None
    for match in _SAID.finditer(text):
        found = match["a"] or match["b"]
    return _trimmed(found) if found else None


def last_number(text: str) -> str | None:
    """The last number, with its sign, fraction or per cent."""
    found = [match[0] for match in _NUMBER.finditer(text) if any(c.isdigit() for c in match[0])]
    return found[-1] if found else None


def choice(text: str) -> str | None:
    """The last letter A to H that stands alone, such as `(B)`; one after "answer" goes first."""
    said = answer_is(text)
    for place in (said, text):
        found = _CHOICE.findall(place) if place else []
        if found:
            return str(found[-1])
    return None


def json_answer(text: str) -> str | None:
    """A JSON reply: its answer key where it has one, else the whole."""
    value = _json(text)
    if value is None:
        return None
    if isinstance(value, Mapping):
        for key in _KEYS:
            if key in value:
                return _as_text(value[key])
    return _as_text(value)


def whole(text: str) -> str | None:
    """The whole reply, None when it is empty."""
    return text.strip() or None


def auto(text: str) -> str | None:
    """By what marks it: a box, "the answer is", JSON; else a short last line, else the whole reply."""
    for find in (boxed, answer_is, json_answer):
        found = find(text)
        if found is not None:
            return found
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if len(lines) > 1 and len(lines[-1].split()) <= 4:
        return _trimmed(lines[-1])
    if lines and len(lines) == 1 and len(lines[0].split()) > 4:
        return last_number(text) or whole(text)
    return whole(text)


def _trimmed(text: str) -> str | None:
    """Without the marks that frame an answer in prose."""
    text = text.strip().strip("*_`\"' ").rstrip(".").strip("*_`\"'$ ")
    return text or None


def _json(text: str) -> JsonValue:
    fenced = _FENCE.search(text)
    candidate = (fenced[1] if fenced else text).strip()
    if candidate[:1] not in ("{", "["):
        return None
    try:
        return parse_json(candidate)
    except ValueError:
        return None


def _as_text(value: JsonValue) -> str | None:
    if value is None:
        return None
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def _by_pattern(pattern: re.Pattern[str], text: str) -> str | None:
    found = None
    for match in pattern.finditer(text):
        found = match[1] if pattern.groups else match[0]
    return found.strip() if found else None


def _by_path(path: str, text: str) -> str | None:
    value = value_at(_json(text), parse_path(path))
    return None if isinstance(value, Missing) else _as_text(value)


def _function(spec: str) -> Extractor:
    """`file.py:name` or `module:name`; it takes a reply and returns an answer or None."""
    where, _, name = spec.rpartition(":")
    try:
        if where.endswith(".py"):
            found = importlib.util.spec_from_file_location("llm_orc_user_extractor", where)
            if found is None or found.loader is None:
                raise ImportError(f"no module in {where}")
            module = importlib.util.module_from_spec(found)
            found.loader.exec_module(module)
        else:
            module = importlib.import_module(where)
        function: Extractor = getattr(module, name)
    except (ImportError, OSError, AttributeError, SyntaxError) as error:
        raise UsageFailed(f"the extractor {spec!r} cannot be loaded: {error}") from error

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
