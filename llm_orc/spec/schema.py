"""Files held against their JSON Schemas, which are the one definition of the formats."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, Literal

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.spec.redaction import has_secret, is_secret_key
from llm_orc.spec.report import Report
from llm_orc.spec.shipped import shipped
from llm_orc.spec.wording import Fault, faults_of

if TYPE_CHECKING:
    import jsonschema_rs
    from jsonschema import Draft7Validator, ValidationError

    from llm_orc.spec.document import Where

Kind = Literal["ensemble", "models", "config"]

# How much of a file is left out when part of it is wrong: an agent's key, a model, a setting.
_UNITS = {"agents": 3, "defaults": 2, "models": 2, "profiles": 2, "model_profiles": 2}
# What users say about their own subject: there, a key called `token` need not hold a secret.
_OWN_WORDS = frozenset({"demos", "default_task", "inputs", "output_schema"})
_REMEMBERED = 10_000
_MOST = 1_000
_USE_ENV = "set it in the environment and name the variable in api_key_env"


def check_schema(report: Report, kind: Kind) -> tuple[JsonObject, frozenset[Where]]:
    """Report what the schema and the eye for secrets find.

    The result is the data without the parts that are wrong, and where those were: what is left has
    the schema's shape, so that the checks that follow can go on and find the rest.
    """
    data = report.document.value
    for where, key in _secrets(data, ()):
        report.add_final(where, "this looks like a secret, which cannot be kept in a file", _USE_ENV, key=key)
    broken: set[Where] = set()
    faults = (fault for error in _errors(kind, data) for fault in faults_of(error))
    for number, fault in enumerate(faults):
        if number == _MOST:
            # Nobody reads on, and what is left has no known shape.
            report.add((), f"there are more than {_MOST:,} problems", "is this the right file?")
            return {}, frozenset({()})
        report.add(fault.where, fault.message, fault.hint, key=fault.key)
        if not fault.key:  # an unknown key does no harm to its neighbours
            broken.add(_unit(fault.where, data))
    return _without(data, broken), frozenset(broken)


def setting_faults(name: str, value: JsonValue) -> Iterator[Fault]:
    """What is wrong with one setting that does not come from a file."""
    for error in _errors("config", {name: value}):
        for fault in faults_of(error):
            yield replace(fault, message=fault.message.removeprefix(f"{name}: "))


def schema_text(kind: Kind) -> str:
    """The JSON Schema of a kind of file."""
    return shipped("schemas", f"{kind}.schema.json").read_text(encoding="utf-8")


def _errors(kind: Kind, value: JsonValue) -> Iterator[ValidationError]:
    """What jsonschema finds. It takes a second for thousands of agents, and hardly any file is wrong: only
    what the quick look does not pass is shown to it."""
    try:
        if _quick(kind).is_valid(value):
            return
    except ValueError:  # what is not JSON, such as a number of a thousand digits
        pass
    yield from _validator(kind).iter_errors(value)


@cache
def _quick(kind: Kind) -> jsonschema_rs.Draft7Validator:
    import jsonschema_rs

    return jsonschema_rs.Draft7Validator(json.loads(schema_text(kind)))


@cache
def _validator(kind: Kind) -> Draft7Validator:
    # 0.1 s to import: for those who need it.
    from jsonschema import Draft7Validator
    from jsonschema.validators import extend
    from referencing import Registry

    made: type[Draft7Validator] = extend(  # type: ignore[no-untyped-call]
        Draft7Validator, {"items": _items_of(Draft7Validator)}
    )
    return made(json.loads(schema_text(kind)), registry=Registry())


def _items_of(kind: type[Draft7Validator]) -> Callable[..., Iterator[ValidationError]]:
    """The keyword `items` that looks once at a text that many lists have: thousands of dependencies of
    hundreds of agents would take seconds."""
    usual = kind.VALIDATORS["items"]
    in_order: dict[int, set[str]] = {}

    def items(
        validator: Draft7Validator, schema: object, instance: object, parent: object
    ) -> Iterator[ValidationError]:
        if not isinstance(instance, list) or not isinstance(schema, dict):
            yield from usual(validator, schema, instance, parent)
            return
        # Schemas live as long as the validator does.
        known = in_order.setdefault(id(schema), set())
        if len(known) > _REMEMBERED:
            known.clear()
        for index, item in enumerate(instance):
            if isinstance(item, str) and item in known:
                continue
            wrong = list(validator.descend(item, schema, path=index))
            if not wrong and isinstance(item, str):
                known.add(item)
            yield from wrong

    return items


def _secrets(value: JsonValue, where: Where) -> Iterator[tuple[Where, bool]]:
    if isinstance(value, dict):
        for key, member in value.items():
            if key not in _OWN_WORDS and is_secret_key(key) and isinstance(member, str) and member.strip():
                yield (*where, key), True
            elif key in _OWN_WORDS:
                yield from _secret_texts(member, (*where, key))
            else:
                yield from _secrets(member, (*where, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secrets(item, (*where, index))
    elif isinstance(value, str) and has_secret(value):
        yield where, False


def _secret_texts(value: JsonValue, where: Where) -> Iterator[tuple[Where, bool]]:
    if isinstance(value, dict):
        for key, member in value.items():
            yield from _secret_texts(member, (*where, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from _secret_texts(item, (*where, index))
    elif isinstance(value, str) and has_secret(value):
        yield where, False


def _unit(where: Where, data: JsonValue) -> Where:
    """The part of the file that a wrong value makes useless."""
    if not where:
        return where
    size = _UNITS.get(str(where[0]), 1)
    if where[0] == "models" and isinstance(data, dict) and not isinstance(data["models"], dict):
        size = 1
    return where[:size]


def _without(data: JsonValue, broken: set[Where]) -> JsonObject:
    """A wrong agent becomes None, so that the others keep their places; any other part is left out."""
    if not isinstance(data, dict):
        return {}
    kept: dict[str, JsonValue] = {
        key: ([_shallow(item) for item in value] if isinstance(value, list) else _shallow(value))
        for key, value in data.items()
    }
    for where in sorted(broken, key=len, reverse=True):
        _leave_out(kept, where)
    return kept


def _shallow(value: JsonValue) -> JsonValue:
    return dict(value) if isinstance(value, dict) else value


def _leave_out(kept: dict[str, JsonValue], where: Where) -> None:
    match where, kept.get(str(where[0])) if where else None:
        case (str(key),), _:
            kept.pop(key, None)
        case (str(), str(key)), dict() as members:
            members.pop(key, None)
        case (str(), int(index)), list() as items:
            agent = items[index]
            if not (isinstance(agent, dict) and isinstance(agent.get("name"), str)):
                items[index] = None
        case (str(), int(index), str(key)), list() as items:
            agent = items[index]
            if isinstance(agent, dict) and not (key == "name" and isinstance(agent.get(key), str)):
                agent.pop(key, None)
