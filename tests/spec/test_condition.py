"""Conditions: what they mean, and that nothing in them is ever executed."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.spec.condition import ConditionFault, all_of, compile_condition

VALUES = {
    "classify": {"label": "billing", "score": 0.8},
    "items": ["a", "b"],
    "text": "hello world",
    "nothing": None,
    "flag": True,
}


@pytest.mark.parametrize(
    ("source", "holds"),
    [
        ("classify.label == 'billing'", True),
        ("classify['label'] != 'billing'", False),
        ("classify.score >= 0.8 and not nothing", True),
        ("0.5 < classify.score < 0.7", False),
        ("'a' in items", True),
        ("'z' not in items", True),
        ("classify.label in ['billing', 'refund']", True),
        ("'world' in text", True),
        ("items[1] == 'b'", True),
        ("items[5] == null", True),
        ("length(items) == 2", True),
        ("exists(classify.label)", True),
        ("exists(classify.missing) or exists(unknown)", False),
        ("nothing == null", True),
        ("unknown.deep.path == 'x'", False),
        ("text > 3", False),
        ("flag == true", True),
        ("flag", True),
        ("-1 < 0", True),
    ],
)
def test_a_condition_means_what_it_says(source, holds):
    assert compile_condition(source).holds(VALUES) is holds


def test_the_names_that_it_reads_are_known():
    names = compile_condition("a.b == 1 and exists(c) and d[0] in [e, true]").names
    assert names == {"a", "c", "d", "e"}


@pytest.mark.parametrize(
    "source",
    [
        "", "a +", "__import__('os').system('true')", "a()", "a.b()", "exists(a, b)", "exists()",
        "[x for x in a]", "lambda: 1", "a if b else c", "f'{a}'", "a := 1", "a[b]", "{1: 2}", "a is b",
        "not " * 60 + "a", "(" * 300 + "a" + ")" * 300, "x" * 3000, "a\nb", "1 + 1", "`a`",
    ],
)  # fmt: skip
def test_anything_else_is_refused(source):
    with pytest.raises(ConditionFault):
        compile_condition(source)


@given(st.text(max_size=60))
def test_no_text_raises_anything_else(source):
    with suppress(ConditionFault):
        compile_condition(source).holds(VALUES)


@pytest.mark.parametrize(
    ("sources", "holds"),
    [(["flag", "text == 'x' or flag"], True), (["flag", "nothing"], False), (["nothing or flag"], True)],
)
def test_several_conditions_hold_where_each_does(sources, holds):
    whole = all_of([compile_condition(source) for source in sources])
    assert whole.holds(VALUES) is holds
    assert compile_condition(whole.source).holds(VALUES) is holds
    assert compile_condition(whole.source).names == whole.names


def test_no_conditions_are_no_condition():
    assert all_of([]) is None


def test_an_attribute_is_a_key_and_never_pythons():
    assert compile_condition("exists(classify.__class__)").holds(VALUES) is False
