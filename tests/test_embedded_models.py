"""The embedded models do what their card says, on problems and messages that training never saw."""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import pytest

from llm_orc import Orchestrator
from llm_orc.domain.completion import Completion, Message, Request
from llm_orc.domain.model import Sampling

FOLDER = Path(__file__).parents[1] / "examples" / "embedded_models"
COUNT = 40


@pytest.fixture(scope="module")
def data() -> Iterator[dict[str, ModuleType]]:
    """The generators of the training data; they import each other by plain names."""
    import importlib

    sys.path.insert(0, str(FOLDER))
    names = ("problems", "messages", "solutions", "episodes")
    yield {name: importlib.import_module(name) for name in names}
    sys.path.remove(str(FOLDER))
    for name in names:
        sys.modules.pop(name, None)


async def ask(
    orchestrator: Orchestrator, name: str, user: str, system: str = "", **settings: object
) -> Completion:
    """One answer of an embedded model."""
    model = orchestrator.model(name)
    messages = (*((Message("system", system),) if system else ()), Message("user", user))
    sampling = Sampling(max_tokens=160, **{k: v for k, v in settings.items() if k in ("temperature", "seed")})
    rest = {key: value for key, value in settings.items() if key not in ("temperature", "seed")}
    request = Request(model=model, messages=messages, sampling=sampling, **rest)
    return await orchestrator.provider_of(model).complete(request)


async def right(orchestrator: Orchestrator, name: str, problems: list[tuple[str, int]]) -> int:
    """How many problems a model solves."""
    hits = 0
    for question, answer in problems:
        text = (await ask(orchestrator, name, question)).text
        hits += text.strip().endswith(f"The answer is {answer}.")
    return hits


async def test_the_three_solvers_are_a_ladder(data):
    problems = data["problems"].held_out(COUNT, 11)
    async with Orchestrator() as orchestrator:
        small, medium, large = [
            await right(orchestrator, f"tiny-{size}", problems) for size in ("small", "medium", "large")
        ]
    assert small < medium < large
    assert COUNT * 0.2 <= small <= COUNT * 0.6
    assert large >= COUNT * 0.9


async def test_the_extractor_finds_facts_and_reports_answers(data):
    hits = 0
    async with Orchestrator() as orchestrator:
        for problem in data["problems"].unseen(COUNT, 11):
            found = await ask(orchestrator, "tiny-extract", problem.question, "Extract the facts as JSON.")
            hits += json.loads(found.text) == json.loads(data["episodes"].facts(problem))
    assert hits >= COUNT * 0.9


async def test_the_classifier_labels_messages(data):
    hits = 0
    async with Orchestrator() as orchestrator:
        for text, kind in data["messages"].unseen_messages(COUNT, 11):
            hits += (await ask(orchestrator, "tiny-classify", text, "Classify the message.")).text == kind
    assert hits >= COUNT * 0.95


async def test_the_classifier_takes_its_labels_from_examples(data):
    rng, hits = random.Random(11), 0
    async with Orchestrator() as orchestrator:
        model = orchestrator.model("tiny-classify")
        for _ in range(COUNT):
            *shown, (_, label) = data["episodes"].in_context(rng, held_out=True, demos=4).turns
            messages = tuple(Message(role, text) for role, text in shown)
            completion = await orchestrator.provider_of(model).complete(
                Request(model=model, messages=messages)
            )
            hits += completion.text == label
    assert hits >= COUNT * 0.9


async def test_samples_differ_and_a_seed_repeats_them(data):
    question, _ = data["problems"].held_out(1, 3)[0]
    async with Orchestrator() as orchestrator:
        drawn = [await ask(orchestrator, "tiny-small", question, temperature=1.0, seed=n) for n in range(8)]
        again = await ask(orchestrator, "tiny-small", question, temperature=1.0, seed=5)
        together = await ask(orchestrator, "tiny-small", question, temperature=1.0, seed=5, n=4)
    assert len({completion.text for completion in drawn}) > 1
    assert again.text == drawn[5].text
    assert len(together.choices) == 4


async def test_tokens_are_counted_and_have_probabilities(data):
    question, _ = data["problems"].held_out(1, 3)[0]
    async with Orchestrator() as orchestrator:
        completion = await ask(orchestrator, "tiny-large", question, top_logprobs=3)
    logprobs = completion.choices[0].logprobs
    assert logprobs is not None
    assert all(token.logprob <= 0 and len(token.top) == 3 for token in logprobs)
    assert completion.usage.output_tokens >= len(logprobs) > 0
    assert completion.usage.input_tokens > 0
