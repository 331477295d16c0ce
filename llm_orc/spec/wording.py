"""What JSON Schema finds wrong, in the words of someone who writes YAML."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeAlias

from llm_orc.domain.json import JsonValue
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.redaction import is_secret_key, shown

if TYPE_CHECKING:
    from jsonschema import ValidationError

Where: TypeAlias = "tuple[str | int, ...]"

_KINDS = {
    "string": "text", "number": "a number", "integer": "a whole number", "boolean": "true or false",
    "object": "a mapping", "array": "a list", "null": "nothing",
}  # fmt: skip
_LIMITS = {
    "minimum": "at least {}", "maximum": "at most {}", "exclusiveMinimum": "more than {}",
    "exclusiveMaximum": "less than {}", "multipleOf": "a multiple of {}",
    "minLength": "at least {} characters", "maxLength": "at most {} characters",
    "minItems": "at least {} entries", "maxItems": "at most {} entries",
    "minProperties": "at least {} keys", "maxProperties": "at most {} keys",
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Fault:
    """What is wrong with the value at `where`; with `key`, it is the key that is wrong."""

    where: Where
    message: str
    hint: str = ""
    key: bool = False


def faults_of(error: ValidationError) -> Iterator[Fault]:
    """One fault for each thing that the error is about."""
    if _is_about_name(error):
        yield _wrong_name(error)
        return
    if error.validator in _LIMITS:
        yield _limit(error)
        return
    yield from _WORDS.get(str(error.validator), _other)(error)


def described(value: JsonValue) -> str:
    """A value as part of a sentence: `text 'abc'`, `the number 5`, `a list`."""
    match value:
        case bool():
            return "true" if value else "false"
        case str():
            return f"text {shown(value)}" if value else "empty text"
        case int() | float():
            return f"the number {value!r}"
        case None:
            return "nothing"
        case Mapping():
            return "a mapping"
    return "a list"


def label(where: Where) -> str:
    """The key that a value is under, with the indexes below it: `depends_on[1]: `."""
    steps: list[str] = []
    for step in reversed(where):
        if isinstance(step, str):
            return f"{step}{''.join(reversed(steps))}: "
        steps.append(f"[{step}]")
    return ""


def _rule(error: ValidationError) -> Any:  # noqa: ANN401 - whatever the schema has there
    return error.validator_value


def _value(error: ValidationError) -> Any:  # noqa: ANN401 - any JSON value
    return error.instance


def _schema(error: ValidationError) -> Mapping[str, Any]:
    return error.schema if isinstance(error.schema, Mapping) else {}


def _place(error: ValidationError) -> Where:
    return tuple(error.absolute_path)


def _got(error: ValidationError) -> str:
    where = _place(error)
    if isinstance(_value(error), str) and where and _private(str(where[-1])):
        return "text that is not shown"
    return described(_value(error))


def _private(key: str) -> bool:
    return is_secret_key(key) or key.endswith("_env")


def _expected(error: ValidationError, what: str, hint: str = "") -> Fault:
    where = _place(error)
    return Fault(where=where, message=f"{label(where)}expected {what}, got {_got(error)}", hint=hint)


def _limit(error: ValidationError) -> Fault:
    limit, size = _rule(error), _value(error)
    what = _LIMITS[str(error.validator)].format(limit)
    if limit == 1:
        what = what.replace("at least 1 characters", "some text")
        what = what.replace("entries", "entry").replace("1 keys", "1 key")
    if error.validator == "maxLength":
        where = _place(error)
        return Fault(where=where, message=f"{label(where)}expected {what}, got {len(size)}")
    if isinstance(size, list):
        where = _place(error)
        return Fault(where=where, message=f"{label(where)}expected {what}, got {len(size) or 'none'}")
    return _expected(error, what)


def _type(error: ValidationError) -> Iterator[Fault]:
    wanted = _rule(error)
    yield _wrong_kind(error, [wanted] if isinstance(wanted, str) else list(wanted))


def _wrong_kind(error: ValidationError, kinds: Sequence[str]) -> Fault:
    names = [_KINDS.get(kind, kind) for kind in dict.fromkeys(kinds) if kind != "null" or len(kinds) == 1]
    return _expected(error, " or ".join(names), _kind_hint(kinds, _value(error)))


def _kind_hint(kinds: Sequence[str], value: JsonValue) -> str:
    if "string" in kinds and isinstance(value, int | float):
        return "put it in quotes"
    if isinstance(value, str) and value:
        if "array" in kinds:
            return f"write [{shown(value)[1:-1]}]"
        if {"number", "integer"} & set(kinds) and re.fullmatch(r"[-+]?\d+(\.\d+)?([eE][-+]?\d+)?", value):
            return "write it without quotes"
        if "boolean" in kinds and value.lower() in {"yes", "on", "no", "off"}:
            return f"write {'true' if value.lower() in {'yes', 'on'} else 'false'}"
    return ""


def _enum(error: ValidationError) -> Iterator[Fault]:
    allowed = [word if isinstance(word, str) else str(word).lower() for word in _rule(error)]
    hint = did_you_mean(_value(error), allowed) if isinstance(_value(error), str) else ""
    yield _expected(error, f"one of {', '.join(allowed)}", hint)


def _const(error: ValidationError) -> Iterator[Fault]:
    yield _expected(error, described(_rule(error)))


def _required(error: ValidationError) -> Iterator[Fault]:
    for name in _rule(error):
        if name not in _value(error):
            yield Fault(where=_place(error), message=f"the key {name!r} is missing")


def _unknown_keys(error: ValidationError) -> Iterator[Fault]:
    known = _schema(error).get("properties", {})
    patterns = _schema(error).get("patternProperties", {})
    hints = _schema(error).get("x-hints", {})
    for key in _value(error):
        if key not in known and not any(re.search(pattern, key) for pattern in patterns):
            yield Fault(
                where=(*_place(error), key),
                message=f"unknown key {shown(key)}",
                hint=hints.get(key)
                or did_you_mean(key, known, otherwise=listed(known, what="known keys", most=8)),
                key=True,
            )


def _is_about_name(error: ValidationError) -> bool:
    """Not so where a key of the data is called `propertyNames`."""
    path = list(error.relative_schema_path)
    return path[-2:-1] == ["propertyNames"] and path[-3:-2] != ["properties"]


def _wrong_name(error: ValidationError) -> Fault:
    name = str(_value(error))
    said = _schema(error).get("patternErrorMessage")
    if said is not None:
        place, hint = _place(error), str(_schema(error).get("x-hint", ""))
        message = f"{label(place)}{shown(name) if name else 'an empty key'} {said}"
        return Fault(where=(*place, name), message=message, hint=hint, key=True)
    known = _rule(error) if error.validator == "enum" else ()
    return Fault(
        where=(*_place(error), name),
        message=f"unknown key {shown(name)}",
        hint=did_you_mean(name, known, otherwise=listed(known, what="known keys")),
        key=True,
    )


def _pattern(error: ValidationError) -> Iterator[Fault]:
    said = _schema(error).get("patternErrorMessage", f"expected text that matches {_rule(error)!r}")
    where = _place(error)
    yield Fault(where=where, message=f"{label(where)}{said}, got {_got(error)}")


def _unique(error: ValidationError) -> Iterator[Fault]:
    yield Fault(where=_place(error), message=f"{label(_place(error))}an entry is given twice")


def _one_of(error: ValidationError) -> Iterator[Fault]:
    """The faults of the branch that was most likely meant: one whose kind of value it is."""
    branches: dict[int, list[ValidationError]] = {}
    for child in error.context or ():
        branches.setdefault(int(child.relative_schema_path[0]), []).append(child)
    fitting = [faults for faults in branches.values() if not any(_about_kind(fault) for fault in faults)]
    if fitting:
        for child in min(fitting, key=len):
            yield from faults_of(child)
    elif branches:
        kinds = [kind for faults in branches.values() for kind in _kinds(faults)]
        yield _wrong_kind(error, kinds)
    else:
        yield from _other(error)


def _about_kind(error: ValidationError) -> bool:
    return error.validator == "type" and not error.relative_path


def _kinds(errors: Sequence[ValidationError]) -> Iterator[str]:
    for error in errors:
        if _about_kind(error):
            wanted = _rule(error)
            yield from [wanted] if isinstance(wanted, str) else wanted


def _other(error: ValidationError) -> Iterator[Fault]:
    """Keywords that only users' own schemas have; the value is not repeated."""
    where = _place(error)
    rule = {"not": "a value that is excluded", "oneOf": "more than one of the allowed forms"}
    what = rule.get(str(error.validator), f"a value that breaks the rule {str(error.validator)!r}")
    yield Fault(where=where, message=f"{label(where)}this is {what}")


_WORDS: dict[str, Callable[[ValidationError], Iterator[Fault]]] = {
    "type": _type, "enum": _enum, "const": _const, "required": _required, "pattern": _pattern,
    "additionalProperties": _unknown_keys, "uniqueItems": _unique, "oneOf": _one_of, "anyOf": _one_of,
}  # fmt: skip
