"""JSON that others wrote: read as RFC 8259 says, and always fit to be written again."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.domain.json import MAX_LEVELS, parse_json

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8")),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner),
)  # fmt: skip


def nested(levels: int) -> str:
    return '{"a":[' * (levels // 2) + "[" * (levels % 2) + "]" * (levels % 2) + "]}" * (levels // 2)


@given(VALUES)
def test_what_was_written_is_read(value):
    assert parse_json(json.dumps(value)) == value
    assert parse_json(json.dumps(value, ensure_ascii=False)) == value


@given(st.text() | st.from_regex(r'[\[{"\\ud8-9a-fNI:,0-9eE.\-\]}]*'))
def test_any_text_is_a_value_that_can_be_written_or_no_json(text):
    with suppress(ValueError):
        json.dumps(parse_json(text), ensure_ascii=False, allow_nan=False).encode()


@pytest.mark.parametrize(
    "text",
    ["NaN", "[Infinity]", '{"a": -Infinity}', "1e999", "[-1e400]", '"\\ud800"', '{"\\uDFFF": 1}', "1" * 5000,
     "[" * 100_000, nested(5000), nested(MAX_LEVELS + 1), "", "{", "nul", "[1] 2"],
    ids=lambda text: text[:12],
)  # fmt: skip
def test_what_could_not_be_written_again_is_no_json(text):
    with pytest.raises(ValueError, match=r".*"):
        parse_json(text)


@pytest.mark.parametrize(
    ("text", "value"),
    [('"\\ud83d\\ude00"', "😀"), ('"\\\\ud800"', "\\ud800"), ("1e308", 1e308), ("[]", [])],
)
def test_what_only_looks_like_it_is_read(text, value):
    assert parse_json(text) == value


def test_as_many_levels_as_are_allowed_are_read():
    assert json.dumps(parse_json(nested(MAX_LEVELS)), separators=(",", ":")) == nested(MAX_LEVELS)
    assert len(parse_json(f"[{'[],' * 500}[]]")) == 501
