"""Schemas of outputs: what an answer breaks is said in sentences, and nothing is ever fetched."""

from __future__ import annotations

import pytest

from llm_orc.domain.json import JsonValue
from llm_orc.spec.json_schema import CheckedSchema, as_schema, schema_faults

SCHEMA: dict[str, JsonValue] = {
    "type": "object",
    "required": ["answer"],
    "properties": {
        "answer": {"type": "number", "minimum": 0},
        "items": {"type": "array", "items": {"type": "object", "properties": {"price": {"type": "integer"}}}},
        "kind": {"enum": ["good", "bad"]},
        "either": {"oneOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]},
    },
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("value", "faults"),
    [
        ({"answer": 4}, ()),
        ({"answer": 4.0, "kind": "good", "either": ["x"]}, ()),
        ({}, ("the key 'answer' is missing",)),
        ([], ("expected a mapping, got a list",)),
        ({"answer": "4"}, ("answer: expected a number, got text '4'",)),
        ({"answer": -1}, ("answer: expected at least 0, got the number -1",)),
        (
            {"answer": 1, "items": [{}, {"price": 1.5}]},
            ("items[1].price: expected a whole number, got the number 1.5",),
        ),
        ({"answer": 1, "kind": "god"}, ("kind: expected one of good, bad, got text 'god'",)),
        ({"answer": 1, "either": [1]}, ("either[0]: expected text, got the number 1",)),
        ({"answer": 1, "either": None}, ("either: expected text or a list, got nothing",)),
        ({"answer": 1, "more": 2}, ("more: unknown key 'more'",)),
    ],
)
def test_what_is_wrong_with_an_answer_is_said_in_a_sentence(
    value: JsonValue, faults: tuple[str, ...]
) -> None:
    assert CheckedSchema(SCHEMA).faults(value) == faults


def test_a_schema_that_refers_to_itself_without_end_is_no_end_for_us() -> None:
    assert list(schema_faults({"$ref": "#"})) == []
    assert CheckedSchema({"$ref": "#"}).faults(1)[0].startswith("it is nested too deeply")


def test_an_answer_that_is_nested_too_deeply_is_a_fault() -> None:
    value: JsonValue = 1
    for _ in range(5000):
        value = [value]

    assert CheckedSchema({"items": {"$ref": "#"}}).faults(value)[0].startswith("it is nested too deeply")


def test_schemas_of_one_word() -> None:
    assert CheckedSchema(as_schema(True)).faults(5) == ()
    assert CheckedSchema(as_schema(False)).faults(5) == ("this is a value that is excluded",)
    assert as_schema(None) == {"type": "string"}


@pytest.mark.parametrize("reference", ["other.json", "http://h/x", "file:///etc/passwd", "x#/y"])
def test_references_out_of_the_schema_are_refused(reference: str) -> None:
    (fault,) = schema_faults({"anyOf": [{"$ref": reference}]})

    assert fault.where == ("anyOf", 0, "$ref")


def test_what_only_looks_like_a_reference_is_fine() -> None:
    schema: dict[str, JsonValue] = {
        "definitions": {"a/b": {"type": "string"}},
        "properties": {"$ref": {"$ref": "#/definitions/a~1b"}, "x": {"const": {"$ref": "http://h"}}},
    }

    assert list(schema_faults(schema)) == []


def test_a_later_draft_is_followed_when_it_is_named() -> None:
    draft = "https://json-schema.org/draft/2020-12/schema"
    schema = CheckedSchema({"$schema": draft, "prefixItems": [{"type": "string"}]})

    assert schema.faults([1]) == ("[0]: expected text, got the number 1",)
