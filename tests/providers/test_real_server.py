"""The openai provider against llama.cpp's own server, over a socket."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from llm_orc.domain.model import Sampling
from llm_orc.errors import ContextTooLong
from llm_orc.providers.openai import OpenAI
from tests.providers.asking import MODEL, asking, failure, streamed
from tests.servers import llama

SHORT = Sampling(max_tokens=8, temperature=0.0)
KNOWS_N = replace(MODEL, supports=frozenset({"n"}))


@pytest.fixture(scope="module")
def address(shipped_file: Path) -> Iterator[str]:
    command = [sys.executable, str(Path(llama.__file__)), str(shipped_file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(10)


@pytest.fixture
async def openai(address: str) -> AsyncIterator[OpenAI]:
    opened = OpenAI(base_url=f"{address}/v1")
    yield opened
    await opened.aclose()


async def test_text_and_usage_come_back(openai):
    completion = await openai.complete(asking(sampling=SHORT))

    assert completion.text
    assert 0 < completion.usage.output_tokens <= 8
    assert completion.usage.input_tokens > 0


async def test_log_probabilities_come_back(openai):
    choice = (await openai.complete(asking(sampling=SHORT, top_logprobs=3))).choices[0]

    assert "".join(entry.token for entry in choice.logprobs).startswith(choice.text)
    assert {len(entry.top) for entry in choice.logprobs} == {3}


@pytest.mark.parametrize("model", [MODEL, KNOWS_N], ids=["one by one", "at once"])
async def test_several_answers_come_back(openai, model):
    sampling = Sampling(temperature=1.5, max_tokens=8, seed=3)

    assert len((await openai.complete(asking(model=model, n=3, sampling=sampling))).choices) == 3


async def test_a_seed_repeats_an_answer(openai):
    request = asking(sampling=Sampling(temperature=1.5, max_tokens=8, seed=3))

    assert (await openai.complete(request)).text == (await openai.complete(request)).text


async def test_a_schema_is_kept(openai):
    schema = {"type": "object", "properties": {"sure": {"type": "boolean"}}, "required": ["sure"]}
    sampling = Sampling(max_tokens=200, temperature=1.0, seed=1)

    answer = json.loads((await openai.complete(asking(schema=schema, sampling=sampling))).text)

    assert isinstance(answer["sure"], bool)


async def test_a_stream_adds_up_to_the_answer(openai):
    request = asking(sampling=SHORT)

    assert "".join(await streamed(openai, request)) == (await openai.complete(request)).text


async def test_a_prompt_that_does_not_fit_says_so(openai):
    assert isinstance(await failure(openai, asking("one two three " * 2000)), ContextTooLong)


async def test_its_model_is_listed(openai):
    assert len(await openai.installed()) == 1
