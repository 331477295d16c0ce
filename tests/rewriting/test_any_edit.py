"""Whatever is written into whatever file: it is read back as it was meant, and the rest stays."""

from __future__ import annotations

import json
from functools import reduce
from random import Random
from typing import Any

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from llm_orc.domain.edit import Edit
from llm_orc.errors import InvalidFile, RewriteRefused
from llm_orc.spec.document import parse
from llm_orc.spec.rewrite import rewrite
from tests.rewriting.edits import intended
from tests.rewriting.evidence import bytes_outside, comments_of
from tests.rewriting.files import VARIANTS
from tests.rewriting.fuzz import fuzzed
from tests.rewriting.generated import generated
from tests.rewriting.shapes import SHAPES
from tests.rewriting.texts import HOSTILE, PIECES

pytestmark = pytest.mark.slow

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=40)
texts |= st.sampled_from(HOSTILE) | st.lists(st.sampled_from(PIECES), max_size=20).map("".join)
shapes = [text for name, text in SHAPES.items() if name != "files"]
files = st.sampled_from(shapes) | st.integers(0, 1 << 32).map(lambda n: generated(Random(n)))
variants = st.none() | st.sampled_from(sorted(VARIANTS))
demos = st.lists(
    st.fixed_dictionaries({"inputs": st.dictionaries(texts, texts, max_size=3), "output": texts}), max_size=4
)
numbers = st.integers(-(10**20), 10**20) | st.floats(allow_nan=False, allow_infinity=False)
values = st.one_of(
    st.tuples(st.sampled_from(["system_prompt", "prompt"]), texts | st.none()),
    st.tuples(st.just("demos"), demos | st.none()),
    st.tuples(st.sampled_from(["temperature", "max_tokens"]), numbers | st.none()),
    st.tuples(st.just("strategy.instruction"), texts),
    st.tuples(
        st.just("strategy"), st.dictionaries(texts.filter(bool), numbers | texts, min_size=1, max_size=3)
    ),
    st.tuples(st.just("model"), texts | st.dictionaries(texts.filter(bool), texts, min_size=1, max_size=3)),
)


def data_of(text: str) -> Any:
    return parse(text.replace("\r\n", "\n").replace("\r", "\n"), "f").value


def plain(data: Any) -> str:
    """As it is loaded: line breaks at the ends of prompts have no meaning."""
    agents = [{key: _without_end(key, value) for key, value in a.items()} for a in data["agents"]]
    return json.dumps({**data, "agents": agents}, sort_keys=True)


def _without_end(key: str, value: Any) -> Any:
    return value.rstrip("\n") if key in ("prompt", "system_prompt") and isinstance(value, str) else value


@settings(max_examples=300, deadline=None)
@given(files, variants, st.integers(0, 9), values)
@example(SHAPES["comments"], None, 0, ("demos", []))
@example(SHAPES["keys"], "cr", 1, ("prompt", "a\u2028b"))
def test_an_edit_is_exact(file: str, variant: str | None, which: int, edit: tuple[str, Any]) -> None:
    text = VARIANTS[variant](file.encode()).decode() if variant else file
    body = text.removeprefix("\ufeff")
    try:
        before = data_of(body)
    except InvalidFile:
        assume(False)
    names = [agent["name"] for agent in before["agents"]]
    made = Edit(agent=names[which % len(names)], key=edit[0], value=edit[1])

    try:
        new = rewrite(text, [made])
    except RewriteRefused as refusal:
        reason = f"{refusal} ({refusal.hint})"
        # By an anchor or an alias, for a key that is too long for YAML, or where no setting can be.
        expected = "&" in body or any(len(key) > 1_000 for key in _keys(made.value)) or "settings" in reason
        if not expected:
            raise
        return

    assert new.startswith("\ufeff") == text.startswith("\ufeff")
    new = new.removeprefix("\ufeff")
    assert plain(data_of(new)) == plain(intended(before, made))
    assert comments_of(new) == comments_of(body)
    assert bytes_outside(body, new, made.agent, made.key, removed=made.value is None) == 0
    assert rewrite(new, [made]) == new


@settings(max_examples=60, deadline=None)
@given(files, st.lists(st.tuples(st.integers(0, 9), values), min_size=2, max_size=5))
def test_edits_made_together_are_those_made_one_by_one(file: str, edits: list[tuple[int, Any]]) -> None:
    try:
        before = data_of(file)
    except InvalidFile:
        assume(False)
    names = [agent["name"] for agent in before["agents"]]
    made = [Edit(agent=names[which % len(names)], key=key, value=value) for which, (key, value) in edits]
    try:
        one_by_one = reduce(lambda text, edit: rewrite(text, [edit]), made, file)
    except RewriteRefused:
        assume(False)

    together = rewrite(file, made)

    assert plain(data_of(together)) == plain(data_of(one_by_one))
    assert comments_of(together) == comments_of(file)


def _keys(value: Any) -> list[str]:
    if isinstance(value, dict):
        return [*value, *(key for member in value.values() for key in _keys(member))]
    return [key for item in value for key in _keys(item)] if isinstance(value, list) else []


def test_hostile_edits_of_a_hundred_files_lose_nothing() -> None:
    count = fuzzed(250, seed=3)

    assert count.faults == []
    assert count.done > 150
    assert count.refused.total() <= 3


def test_the_evidence_finds_a_comment_that_is_gone() -> None:
    text = SHAPES["comments"]

    assert comments_of(text).total() == sum("#" in line for line in text.splitlines())
    for comment in list(comments_of(text)):
        if comment != "#":
            assert comments_of(text.replace(comment, "", 1)) != comments_of(text)


@pytest.mark.parametrize(
    "at", ["# before the first", "text\n    temperature", "output: second", "\n  - name: second"]
)
def test_the_evidence_finds_a_byte_that_changed_outside(at: str) -> None:
    text = SHAPES["literal"]
    place = text.find(at) if at in text else len(text) - 1
    damaged = text[:place] + "x" + text[place:]

    assert bytes_outside(text, text, "first", "prompt", removed=False) == 0
    assert bytes_outside(text, damaged, "first", "prompt", removed=False) > 0
