"""The files that come with the package hold what their schemas promise."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import fields as fields_of
from typing import Any, get_args

import pytest
from jsonschema import Draft7Validator

from llm_orc.domain.model import Feature, Model, Profile
from llm_orc.registry import STRATEGIES
from llm_orc.spec.catalogue import check_catalogue
from llm_orc.spec.schema import Kind, schema_text
from llm_orc.spec.settings import NAMES
from llm_orc.spec.shipped import embedded

KINDS: tuple[Kind, ...] = ("ensemble", "models", "config")
LATER_THAN_DRAFT_7 = {"unevaluatedProperties", "prefixItems", "$dynamicRef", "$defs", "dependentRequired"}


def _properties(schema: object, path: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    if isinstance(schema, dict):
        for name, property_ in schema.get("properties", {}).items():
            if isinstance(property_, dict):
                yield f"{path}/{name}", property_
        for key, member in schema.items():
            if key not in ("if", "then", "examples"):
                yield from _properties(member, f"{path}/{key}")
    elif isinstance(schema, list):
        for index, item in enumerate(schema):
            yield from _properties(item, f"{path}/{index}")


@pytest.mark.parametrize("kind", KINDS)
def test_every_property_has_a_description_and_examples_that_satisfy_it(kind: Kind) -> None:
    schema = json.loads(schema_text(kind))
    Draft7Validator.check_schema(schema)

    for path, property_ in _properties(schema):
        assert property_.get("description"), path
        assert property_.get("examples"), path
        whole = {**property_, "definitions": schema.get("definitions", {})}
        for example in property_["examples"]:
            assert list(Draft7Validator(whole).iter_errors(example)) == [], path


@pytest.mark.parametrize("kind", KINDS)
def test_the_schemas_keep_to_what_editors_understand(kind: Kind) -> None:
    schema = json.loads(schema_text(kind))

    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert not LATER_THAN_DRAFT_7 & set(schema_text(kind).split('"'))


def test_every_field_of_a_model_has_a_key() -> None:
    definitions = json.loads(schema_text("models"))["definitions"]
    model = {field.name for field in fields_of(Model)} - {"wire_name", "sampling"}
    profile = {field.name for field in fields_of(Profile)} - {"name", "sampling", "price", "source"}

    assert model <= set(definitions["model"]["properties"])
    assert profile <= set(definitions["profile"]["properties"])
    supports = definitions["model"]["properties"]["supports"]["items"]["enum"]
    assert set(supports) == set(get_args(Feature))


def test_every_setting_and_every_strategy_is_in_a_schema() -> None:
    assert set(NAMES) <= set(json.loads(schema_text("config"))["properties"])
    strategy = json.loads(schema_text("ensemble"))["definitions"]["strategy"]
    assert set(STRATEGIES) <= set(strategy["oneOf"][0]["enum"])


def test_the_embedded_models_file_is_valid() -> None:
    assert check_catalogue(embedded("models.yaml"), "models") == ()
