"""The kind of task that a prompt asks for."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.domain.model import Model
from llm_orc.domain.task import TASK_KINDS
from llm_orc.plan.guardrails import doubts, warnings
from llm_orc.plan.task_typing import classified, task_of

FOLDER = Path(__file__).parents[2] / "examples" / "task_typing"


def training():
    sys.path.insert(0, str(FOLDER))
    try:
        spec = importlib.util.spec_from_file_location("train_tasks", FOLDER / "train.py")
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(FOLDER))
    return module


def test_prompts_that_training_never_saw_are_told_better_than_by_keywords():
    train = training()
    for name in train.HELD_OUT:
        pairs = train.held_out(name)
        right = sum(classified(text)[0] == kind for kind, text in pairs)
        assert {kind for kind, _ in pairs} == set(TASK_KINDS)
        assert right / len(pairs) > 0.7
        assert right > 2 * sum(train.by_keywords(text) == kind for kind, text in pairs)


def test_no_held_out_prompt_is_a_training_prompt():
    train = training()
    trained = {text.lower() for _, text in train.prompts(seed=1, per_kind=train.PER_KIND)}
    assert not [
        text for name in train.HELD_OUT for _, text in train.held_out(name) if text.lower() in trained
    ]


@pytest.mark.parametrize(
    "text",
    ["", "\n" * 1_000_000, "\x00\xff" * 500_000, "\ud800" * 1000, bytes(range(256)).decode("latin-1") * 4000],
)
def test_what_is_hardly_text_has_a_task(text):
    assert task_of(text).kind in TASK_KINDS


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Classify the message as spam or not spam.", "classification"),
        ("Extract the names and dates from the letter as JSON.", "extraction"),
        ("What is the capital of France?", "qa_simple"),
        ("Solve the word problem step by step.", "reasoning"),
        ("Write a Python function that sorts a list.", "code_generation"),
        ("Write a poem about the sea.", "creative"),
        ("Compare the two proposals and recommend one.", "analysis"),
        ("Summarise the article in three sentences.", "summarisation"),
    ],
)
def test_plain_wishes_are_understood(text, kind):
    task = task_of(text)
    assert (task.kind, task.source) == (kind, "classifier")
    assert task.confidence > 0.5


def test_what_the_file_says_wins():
    task = task_of("Write a poem.", "extraction")
    assert (task.kind, task.source, task.confidence) == ("extraction", "file", 1.0)


@given(st.text())
def test_any_text_has_a_task(text):
    task = task_of(text)
    assert task.kind in TASK_KINDS
    assert 0 <= task.confidence <= 1
    assert 0 <= task.complexity <= 1
    assert 1 <= task.steps <= 10
    assert task_of(text) == task


def test_of_a_long_text_only_the_ends_are_read():
    assert classified("Summarise this. " + "x y z " * 1_000_000)[0] in TASK_KINDS


def test_a_list_of_instructions_has_as_many_steps():
    listed = "\n".join(f"{n}. Do it." for n in range(1, 9))
    assert task_of(f"Summarise:\n{listed}", "summarisation").steps == 8


def model(**keys) -> Model:
    return Model(name="m", provider="scripted", wire_name="m", **keys)


def test_a_small_model_and_a_known_weakness_are_doubted():
    analysis = task_of("Compare the two.", "analysis")
    assert list(doubts(analysis, model(parameters_b=3))) == [
        "m has 3B parameters, and analysis usually takes 13B"
    ]
    assert list(doubts(analysis, model(weaknesses=frozenset({"analysis"})))) == [
        "analysis is a known weakness of m"
    ]
    assert list(doubts(analysis, model(parameters_b=70))) == []
    assert list(doubts(analysis, model())) == []


def test_what_was_measured_says_more_than_a_size():
    assert (
        list(doubts(task_of("", "reasoning"), model(parameters_b=0.1, capabilities={"reasoning": 0.9}))) == []
    )


def test_agents_that_have_the_same_doubt_share_a_line():
    found = warnings([("a", "m is small"), ("b", "n is weak"), *((f"x{n}", "m is small") for n in range(4))])
    assert list(found) == [
        "agents 'a', 'x0', 'x1' and 2 more: m is small",
        "agent 'b': n is weak",
    ]
