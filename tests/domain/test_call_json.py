"""Calls survive being written down, and the key of a request changes with everything that is asked."""

from __future__ import annotations

import json
from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from llm_orc.domain.call_json import NOT_SENT, completion_json, completion_of, request_key
from llm_orc.domain.completion import Choice, Completion, Message, Request, TokenLogprob, Tool, ToolCall
from llm_orc.domain.model import Model, Price, Sampling
from llm_orc.domain.usage import Usage

MODEL = Model(name="m", provider="p", wire_name="w")
REQUEST = Request(model=MODEL, messages=(Message("user", "hello"),))
OTHERWISE = {
    "sample": [1],
    "messages": [
        (), (Message("user", "hello"),) * 2, (Message("system", "hello"),), (Message("user", "hell"),),
        (Message("user", "hello", (ToolCall("1", "t", {}),)),), (Message("user", "hello", (), "1"),),
    ],
    "sampling": [
        Sampling(temperature=0.0), Sampling(top_p=0.5), Sampling(top_k=1), Sampling(min_p=0.1),
        Sampling(max_tokens=1), Sampling(seed=0), Sampling(stop=("x",)), Sampling(options={"x": 1}),
    ],
    "n": [2],
    "top_logprobs": [0, 1],
    "schema": [{"type": "object"}],
    "tools": [(Tool(name="t", description="", parameters={}),)],
}  # fmt: skip
MODEL_OTHERWISE = {
    "digest": "sha256:1",
    "provider": "q",
    "wire_name": "v",
    "base_url": "u",
    "path": "f",
    "context": 1,
}

texts = some.text()
finite = some.floats(allow_nan=False)
tokens = some.builds(
    TokenLogprob, texts, finite, some.lists(some.tuples(texts, finite), max_size=3).map(tuple)
)
calls = some.builds(ToolCall, texts, texts, some.dictionaries(texts, some.integers() | texts))
choices = some.builds(
    Choice, text=texts, finish=some.sampled_from(["stop", "length", "tool_calls", "other"]),
    logprobs=some.none() | some.lists(tokens, max_size=3).map(tuple),
    tool_calls=some.lists(calls, max_size=2).map(tuple),
)  # fmt: skip
usages = some.builds(Usage, input_tokens=some.integers(0, 10**9), output_tokens=some.integers(0, 10**9))
completions = some.builds(
    Completion, choices=some.lists(choices, min_size=1, max_size=3).map(tuple), usage=usages, model=texts,
    load_seconds=some.none() | finite,
)  # fmt: skip


@given(completions)
def test_a_completion_that_was_written_down_is_read_as_it_was(completion):
    assert completion_of(json.loads(json.dumps(completion_json(completion)))) == completion


def test_whatever_is_asked_differently_has_another_key():
    changed = [
        REQUEST,
        *(replace(REQUEST, **{name: v}) for name, values in OTHERWISE.items() for v in values),
    ]
    changed += [replace(REQUEST, model=replace(MODEL, **{name: v})) for name, v in MODEL_OTHERWISE.items()]
    changed.append(replace(REQUEST, model=replace(MODEL, supports=frozenset({"seed"}))))
    assert len({request_key(request) for request in changed}) == len(changed)
    # A field that is added later must be thought of here.
    assert {field.name for field in fields(Request)} == {*OTHERWISE, "model", "timeout_seconds"}
    sent = {field.name for field in fields(Model)} - NOT_SENT
    assert sent == {*MODEL_OTHERWISE, "supports"}


@given(some.lists(texts, min_size=2, max_size=2, unique=True))
def test_other_words_have_another_key(words):
    one, other = (replace(REQUEST, messages=(Message("user", word),)) for word in words)
    assert request_key(one) != request_key(other)


@pytest.mark.parametrize("model", [
    replace(MODEL, name="n"), replace(MODEL, price=Price(input_per_million=1, output_per_million=1)),
    replace(MODEL, description="d"), replace(MODEL, concurrency=3),
])  # fmt: skip
def test_what_the_model_does_not_see_leaves_the_key_as_it_is(model):
    assert request_key(replace(REQUEST, model=model, timeout_seconds=9.0)) == request_key(REQUEST)
