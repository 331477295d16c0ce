"""Whatever a file holds: its data is kept, or it is refused in the words of `InvalidFile`."""

from __future__ import annotations

import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_orc.domain.model import Fleet
from llm_orc.errors import InvalidFile
from llm_orc.spec import schema
from llm_orc.spec.document import Where, parse
from llm_orc.spec.ensemble_file import check_ensemble, load_ensemble

text = st.text(
    st.characters(
        exclude_categories=["Cs", "Cc"], include_characters="\n\t", exclude_characters="\ufeff\ufffe\uffff"
    ),
    max_size=12,
)
scalars = st.none() | st.booleans() | st.integers(-(10**9), 10**9) | text
floats = st.floats(allow_nan=False, allow_infinity=False)
values = st.recursive(
    scalars | floats, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(text, inner, max_size=4)
)
documents = st.dictionaries(text.filter(bool), values, min_size=1, max_size=5)

SEED = """\
name: t
x-base: &base {temperature: 0.5, top_k: 3}
inputs: {question: {type: string}}
defaults: {max_tokens: 5}
agents:
  - {<<: *base, name: first, prompt: "Answer {{ question }}"}
  - name: second
    depends_on: [first, {agent_name: third}]
    model: {provider: scripted, name: x}
    prompt: |
      Look: {{ first }}
        {% for item in dependencies.values() %}{{ item }}{% endfor %}
    output_schema: {type: object, properties: {answer: {type: number}}}
    on_failure: {default: null}
  - {name: third, script: cat -u, parameters: {k: [1, 2]}}
output: second
"""
PIECES = [
    "a", "0", "-", ":", "{", "}", "[", "]", ",", "'", '"', "|", ">", "&base", "*base", "<<", "!", "%", "{{",
    "}}", "{%", "%}", "\n", "  ", "\t", "#", "null", "name", "agents", "1e999", "\0", "é", "\u2028",
]  # fmt: skip


@given(documents)
def test_a_document_written_as_json_keeps_its_data(data: dict[str, object]) -> None:
    assert parse(json.dumps(data, ensure_ascii=False), "f").value == data


@given(documents)
def test_a_document_written_as_yaml_keeps_its_data(data: dict[str, object]) -> None:
    # PyYAML leaves some texts bare that YAML 1.2 reads as numbers; with quotes there is no doubt.
    written = yaml.safe_dump(data, allow_unicode=True, default_style='"')

    assert parse(written, "f").value == data


def _places(value: object, where: Where = ()) -> list[Where]:
    if isinstance(value, dict):
        return [where, *(w for key, member in value.items() for w in _places(member, (*where, key)))]
    if isinstance(value, list):
        return [where, *(w for index, item in enumerate(value) for w in _places(item, (*where, index)))]
    return [where]


@given(documents, st.booleans())
def test_positions_are_inside_of_the_file(data: dict[str, object], key: bool) -> None:
    written = json.dumps(data, indent=2, ensure_ascii=False)
    document = parse(written, "f")
    lines = written.split("\n")

    for where in _places(document.value):
        line, column = document.position(where, key=key)
        assert 1 <= line <= len(lines)
        assert 1 <= column <= len(lines[line - 1]) + 1


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any") / "e.yaml"


mutations = st.lists(
    st.tuples(st.integers(0, len(SEED)), st.integers(0, 12), st.sampled_from(PIECES)), min_size=1, max_size=4
)


@settings(max_examples=300, deadline=None)
@given(mutations)
def test_the_quick_look_passes_nothing_that_is_wrong(changes: list[tuple[int, int, str]]) -> None:
    damaged = SEED
    for place, length, piece in changes:
        damaged = damaged[:place] + piece + damaged[place + length :]
    with suppress(InvalidFile):
        assert_judged_alike(parse(damaged, "f").value)


@pytest.mark.parametrize(
    "odd", ["a\x1cb", "a\n", "\ud800", 1.0, 10**400, float("inf"), float("nan"), True, None, {"a": [[[[]]]]}]
)
@pytest.mark.parametrize("key", ["name", "description", "concurrency", "timeout_seconds", "default_task"])
def test_what_is_odd_is_judged_alike(key: str, odd: object) -> None:
    assert_judged_alike({"name": "n", "agents": [{"name": odd if key == "name" else "a"}], key: odd})


def assert_judged_alike(value: Any) -> None:
    """With the quick look and without it."""
    quick, thorough = schema._errors("ensemble", value), schema._validator("ensemble").iter_errors(value)
    assert [error.message for error in quick] == [error.message for error in thorough]


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(mutations)
def test_a_damaged_file_is_refused_in_our_own_words(file: Path, changes: list[tuple[int, int, str]]) -> None:
    damaged = SEED
    for place, length, piece in changes:
        damaged = damaged[:place] + piece + damaged[place + length :]
    file.write_text(damaged, encoding="utf-8", newline="")
    fleet = Fleet(models={})
    lines = damaged.count("\n") + 1

    for problem in check_ensemble(file, fleet):
        assert 0 <= problem.line <= lines
    with suppress(InvalidFile):
        load_ensemble(file, fleet, "scripted/x")
