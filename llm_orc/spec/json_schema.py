"""JSON Schemas that users write: `output_schema` and `inputs`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.spec.redaction import shown
from llm_orc.spec.wording import Fault, Where, faults_of

if TYPE_CHECKING:
    from jsonschema.protocols import Validator

_MOST_FAULTS = 10
_FORMATS = {"regex": "regular expression"}
_REFERENCES = ("$ref", "$dynamicRef", "$recursiveRef")
# Keywords whose members are data, not schemas.
_DATA = frozenset({"enum", "const", "default", "examples"})


class CheckedSchema:
    """A compiled schema. It never looks at anything outside of itself."""

    def __init__(self, schema: JsonObject) -> None:
        self.schema = schema
        self._validator: Validator | None = None

    def faults(self, value: JsonValue) -> tuple[str, ...]:
        if self._validator is None:
            self._validator = _compiled(self.schema)
        sentences: list[str] = []
        try:
            for error in self._validator.iter_errors(value):
                sentences += (_sentence(fault) for fault in faults_of(error))
                if len(sentences) >= _MOST_FAULTS:
                    break
        except RecursionError:
            return ("it is nested too deeply, or the schema refers to itself without end",)
        return tuple(sentences)


def as_schema(value: JsonValue) -> JsonObject:
    """A schema as a mapping: `true` allows everything, `false` nothing; nothing given means text."""
    if isinstance(value, dict):
        return value
    return {"type": "string"} if value is None else ({} if value else {"not": {}})


def schema_faults(schema: JsonObject) -> Iterator[Fault]:
    """What keeps a mapping from being a JSON Schema that can be used here."""
    from jsonschema import Draft7Validator
    from jsonschema.validators import validator_for

    kind = validator_for(schema, default=Draft7Validator)
    if schema.get("$schema") and not isinstance(schema["$schema"], str):
        yield Fault(where=("$schema",), message="expected the address of a JSON Schema draft")
        return
    checker = kind(kind.META_SCHEMA, format_checker=kind.FORMAT_CHECKER)
    wrong = False
    for error in checker.iter_errors(schema):
        for fault in _meta_faults(error):
            wrong = True
            yield fault
    if not wrong:
        yield from _reference_faults(schema, schema, ())


def _meta_faults(error: object) -> Iterator[Fault]:
    from jsonschema import ValidationError

    assert isinstance(error, ValidationError)
    if error.validator == "format":
        kind = str(error.validator_value)
        yield Fault(
            where=tuple(error.absolute_path),
            message=f"{shown(str(error.instance))} is not a {_FORMATS.get(kind, kind)}",
        )
    else:
        yield from faults_of(error)


def _reference_faults(value: JsonValue, root: JsonObject, where: Where) -> Iterator[Fault]:
    if isinstance(value, list):
        for index, item in enumerate(value):
            yield from _reference_faults(item, root, (*where, index))
    if not isinstance(value, dict):
        return
    for key, member in value.items():
        if key in _REFERENCES and isinstance(member, str):
            yield from _reference_fault(member, root, (*where, key))
        elif key not in _DATA:
            yield from _reference_faults(member, root, (*where, key))


def _reference_fault(reference: str, root: JsonObject, where: Where) -> Iterator[Fault]:
    if not reference.startswith("#"):
        yield Fault(
            where=where,
            message=f"the reference {shown(reference)} leads out of the file",
            hint="copy what it refers to into 'definitions' and refer to '#/definitions/…'",
        )
    elif (reference == "#" or reference.startswith("#/")) and not _leads_somewhere(reference, root):
        yield Fault(where=where, message=f"the reference {shown(reference)} leads nowhere")


def _leads_somewhere(reference: str, root: JsonValue) -> bool:
    target = root
    for step in reference[2:].split("/") if len(reference) > 1 else []:
        name = step.replace("~1", "/").replace("~0", "~")
        if isinstance(target, dict) and name in target:
            target = target[name]
        elif isinstance(target, list) and name.isdigit() and int(name) < len(target):
            target = target[int(name)]
        else:
            return False
    return True


def _compiled(schema: JsonObject) -> Validator:
    from jsonschema import Draft7Validator
    from jsonschema.validators import validator_for
    from referencing import Registry

    # An empty registry: nothing is ever fetched.
    validator: Validator = validator_for(schema, default=Draft7Validator)(schema, registry=Registry())
    return validator


def _sentence(fault: Fault) -> str:
    path = "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in fault.where).lstrip(".")
    said = fault.message.rsplit(": expected", 1)
    message = f"expected{said[1]}" if len(said) == 2 else fault.message
    return f"{path}: {message}" if path else message
