"""The exact messages that a model reads: one function makes them for every verb."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llm_orc.domain.completion import Message
from llm_orc.domain.ensemble import Demo, Llm
from llm_orc.domain.model import Model
from llm_orc.errors import PromptFailed
from llm_orc.run.render import render
from llm_orc.run.view import View
from llm_orc.spec.template import compile_prompt

MODEL = Model(name="m", provider="scripted", wire_name="m")
HERE = Path(__file__).parent
ONE = (Demo(inputs={"input": "It broke."}, output="negative"),)
TWO = (
    Demo(inputs={"text": "It broke.", "tone": "dry"}, output="negative"),
    Demo(inputs={"text": "{{ tone }}", "tone": ["a", 1]}, output='{"label": "{{ x }}"}'),
)


def view(**values: Any) -> View:
    inputs = values.pop("inputs", {"input": "Good."})
    own = next(iter(inputs.values())) if len(inputs) == 1 else inputs
    dependencies = values.pop("dependencies", {})
    return View(inputs=inputs, dependencies=dependencies, own=own, composed_from=dependencies)


def messages(prompt: str | None, seen: View, **settings: Any) -> list[tuple[str, str]]:
    compiled = None if prompt is None else compile_prompt(prompt, HERE)
    llm = Llm(models=(MODEL,), prompt=compiled, **settings)
    return [(message.role, message.content) for message in render(llm, seen)]


def test_an_input_alone_is_one_message():
    assert messages(None, view()) == [("user", "Good.")]


def test_a_system_prompt_is_literal_and_comes_first():
    assert messages(None, view(), system_prompt="Label {{ input }}.") == [
        ("system", "Label {{ input }}."),
        ("user", "Good."),
    ]


def test_examples_are_earlier_turns_between_system_prompt_and_prompt():
    assert messages(None, view(), system_prompt="Label it.", demos=ONE) == [
        ("system", "Label it."),
        ("user", "It broke."),
        ("assistant", "negative"),
        ("user", "Good."),
    ]


def test_examples_go_through_the_prompt_like_the_input():
    seen = view(inputs={"text": "Good.", "tone": "warm"})
    assert messages("{{ tone }}: {{ text }} ({{ input }})", seen, system_prompt="S", demos=TWO) == [
        ("system", "S"),
        ("user", 'dry: It broke. ({"text": "It broke.", "tone": "dry"})'),
        ("assistant", "negative"),
        ("user", '["a", 1]: {{ tone }} ({"text": "{{ tone }}", "tone": ["a", 1]})'),
        ("assistant", '{"label": "{{ x }}"}'),
        ("user", 'warm: Good. ({"text": "Good.", "tone": "warm"})'),
    ]


def test_examples_of_an_agent_without_prompt_are_its_inputs():
    seen = view(inputs={"text": "Good.", "tone": "warm"})
    assert messages(None, seen, demos=TWO[:1]) == [
        ("user", '{"text": "It broke.", "tone": "dry"}'),
        ("assistant", "negative"),
        ("user", '{"text": "Good.", "tone": "warm"}'),
    ]


def test_what_the_agent_depends_on_follows_the_input_under_its_name():
    seen = view(dependencies={"fact-check": {"ok": True, "würde": "ja"}, "b": "{{ input }}"})
    assert messages(None, seen, system_prompt="S", demos=ONE) == [
        ("system", "S"),
        ("user", "It broke."),
        ("assistant", "negative"),
        ("user", 'Good.\n\n## fact-check\n{"ok": true, "würde": "ja"}\n\n## b\n{{ input }}'),
    ]


@pytest.mark.parametrize("prompt", ["{{ a }}|{{ b }}", "{{ a }}|{% if true %}{{ b }}{% endif %}"])
def test_both_ways_of_rendering_insert_values_as_data(prompt):
    seen = view(dependencies={"a": "{{ input }}{% raw %}", "b": {"x": None, "y": [1.5, "é"]}})
    assert messages(prompt, seen) == [("user", '{{ input }}{% raw %}|{"x": null, "y": [1.5, "é"]}')]


def test_rendering_twice_gives_the_same_messages():
    llm = Llm(models=(MODEL,), prompt=compile_prompt("{{ input }}", HERE), system_prompt="S", demos=ONE)
    assert render(llm, view()) == render(llm, view())
    assert render(llm, view())[0] == Message("system", "S")


def test_an_example_without_what_the_prompt_reads_is_an_error():
    with pytest.raises(PromptFailed, match="'tone' is undefined"):
        messages("{{ tone }}", view(inputs={"tone": "x"}), demos=ONE)
