"""GGUF files run in this process, for real."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from llm_orc.domain.model import Sampling
from llm_orc.errors import ContextTooLong, DeadlinePassed, InvalidRequest, ModelMissing
from tests.providers.asking import asking, failure

SHORT = Sampling(max_tokens=8)
ENDLESS = Sampling(max_tokens=60_000)
OBJECT = {
    "type": "object",
    "properties": {"sure": {"type": "boolean"}},
    "required": ["sure"],
    "additionalProperties": False,
}


async def test_a_users_file_answers(llamacpp, model):
    completion = await llamacpp.complete(asking(model=model, sampling=SHORT))

    assert completion.text
    assert completion.usage.output_tokens == 8
    assert completion.usage.input_tokens > 0
    assert (completion.model, completion.choices[0].finish) == ("mine", "length")


async def test_the_call_that_loads_a_model_says_how_long_it_took(llamacpp, model):
    first = await llamacpp.complete(asking(model=model, sampling=SHORT))
    second = await llamacpp.complete(asking(model=model, sampling=SHORT))

    assert first.load_seconds is not None
    assert second.load_seconds is None


async def test_without_a_temperature_answers_repeat(llamacpp, model):
    texts = {(await llamacpp.complete(asking(model=model, sampling=SHORT))).text for _ in range(3)}

    assert len(texts) == 1


async def test_a_seed_repeats_an_answer_and_another_seed_does_not(llamacpp, model):
    async def draw(seed: int) -> str:
        sampling = Sampling(temperature=1.5, max_tokens=24, seed=seed)
        return (await llamacpp.complete(asking(model=model, sampling=sampling))).text

    assert await draw(1) == await draw(1)
    assert await draw(1) != await draw(2)


async def test_several_answers_differ_and_are_all_counted(llamacpp, model):
    sampling = Sampling(temperature=1.5, max_tokens=8, seed=1)
    completion = await llamacpp.complete(asking(model=model, n=4, sampling=sampling))

    assert len({choice.text for choice in completion.choices}) == 4
    assert completion.usage.output_tokens == 32


async def test_forty_at_once_are_all_answered(llamacpp, model):
    completion = await llamacpp.complete(asking(model=model, n=40, sampling=SHORT))

    assert len(completion.choices) == 40
    assert completion.usage.output_tokens == 320


@pytest.mark.parametrize("top", [0, 3])
async def test_probabilities_come_with_as_many_alternatives_as_asked(llamacpp, model, top):
    choice = (await llamacpp.complete(asking(model=model, sampling=SHORT, top_logprobs=top))).choices[0]

    assert "".join(entry.token for entry in choice.logprobs) == choice.text
    assert {len(entry.top) for entry in choice.logprobs} == {top}
    assert all(entry.logprob <= 0 for entry in choice.logprobs)


@pytest.mark.parametrize("context", [512, 8192])
async def test_a_schema_is_kept_however_the_answer_is_fetched(llamacpp, model, context):
    sampling = Sampling(temperature=1.0, seed=4, max_tokens=200)
    request = asking(model=replace(model, context=context), sampling=sampling, schema=OBJECT)

    answer = json.loads((await llamacpp.complete(request)).text)

    assert set(answer) == {"sure"}


async def test_a_long_context_gives_the_same_answer_as_a_short_one(llamacpp, model):
    """The one is fetched whole, the other piece by piece."""
    whole = await llamacpp.complete(asking(model=model, sampling=SHORT, top_logprobs=1))
    await llamacpp.aclose()
    long = replace(model, context=8192)
    pieces = await llamacpp.complete(asking(model=long, sampling=SHORT, top_logprobs=1))

    assert pieces.text == whole.text
    assert pieces.usage == whole.usage
    assert len(pieces.choices[0].logprobs) == 8


async def test_a_stream_adds_up_to_the_answer(llamacpp, model):
    request = asking(model=model, sampling=SHORT)

    pieces = [piece async for piece in llamacpp.stream(request)]

    assert len(pieces) > 1
    assert "".join(pieces) == (await llamacpp.complete(request)).text


@pytest.mark.parametrize("context", [512, 8192])
async def test_a_prompt_that_does_not_fit_says_so(llamacpp, model, context):
    error = await failure(llamacpp, asking("long " * 9000, model=replace(model, context=context)))

    assert isinstance(error, ContextTooLong)
    assert "llamacpp mine at random.gguf" in error.message


async def test_a_stream_that_fails_raises(llamacpp, model):
    with pytest.raises(ContextTooLong):
        async for _ in llamacpp.stream(asking("long " * 9000, model=model)):
            pass


async def test_options_the_engine_does_not_take_are_the_users_mistake(llamacpp, model):
    sampling = Sampling(options={"temperature": "hot"})

    assert isinstance(await failure(llamacpp, asking(model=model, sampling=sampling)), InvalidRequest)


async def test_an_answer_without_end_is_stopped_at_the_deadline(llamacpp, model):
    long = replace(model, context=65_536)

    error = await failure(llamacpp, asking(model=long, sampling=ENDLESS, timeout_seconds=0.1))

    assert isinstance(error, DeadlinePassed)


async def test_a_stopped_answer_leaves_room_for_the_next(llamacpp, model):
    """There is one slot: the next answer comes only when the last one was really stopped."""
    long = replace(model, context=65_536)
    await llamacpp.complete(asking(model=long, sampling=SHORT))
    with anyio.move_on_after(0.05):
        await llamacpp.complete(asking(model=long, sampling=ENDLESS))

    assert (await llamacpp.complete(asking(model=long, sampling=SHORT, timeout_seconds=5))).text


@pytest.mark.parametrize(
    ("content", "kind"),
    [(None, ModelMissing), (b"", InvalidRequest), (b"<html>", InvalidRequest), (b"GGUF" * 9, InvalidRequest)],
)
async def test_a_file_that_is_no_model_is_one_clear_error(llamacpp, model, tmp_path, capfd, content, kind):
    file = tmp_path / "broken.gguf"
    if content is not None:
        file.write_bytes(content)

    error = await failure(llamacpp, asking(model=replace(model, path=str(file))))

    assert type(error) is kind
    assert "broken.gguf" in error.message
    assert capfd.readouterr() == ("", "")


async def test_a_truncated_file_is_one_clear_error(llamacpp, model, random_file, tmp_path, capfd):
    file = tmp_path / "half.gguf"
    file.write_bytes(random_file.read_bytes()[:300_000])

    assert isinstance(await failure(llamacpp, asking(model=replace(model, path=str(file)))), InvalidRequest)
    assert capfd.readouterr() == ("", "")


async def test_a_model_without_a_file_is_the_users_mistake(llamacpp, model):
    assert "path" in (await failure(llamacpp, asking(model=replace(model, path=None)))).hint


async def test_nothing_is_written_to_the_terminal(llamacpp, model, capfd):
    await llamacpp.complete(asking(model=model, sampling=SHORT))
    await llamacpp.aclose()

    assert capfd.readouterr() == ("", "")


async def test_loaded_models_are_listed_until_they_are_unloaded(llamacpp, model):
    await llamacpp.complete(asking(model=model, sampling=SHORT))
    assert [(found.wire_name, found.resident) for found in await llamacpp.installed()] == [("mine", True)]

    await llamacpp.aclose()
    assert list(await llamacpp.installed()) == []


async def test_unloading_one_provider_leaves_another_alone(llamacpp, model):
    other = type(llamacpp)()
    await other.complete(asking(model=model, sampling=SHORT))
    await llamacpp.complete(asking(model=model, sampling=SHORT))
    await other.aclose()

    assert (await llamacpp.complete(asking(model=model, sampling=SHORT))).text


async def test_two_first_calls_load_once(llamacpp, model):
    completion = await llamacpp.complete(asking(model=model, n=2, sampling=SHORT))

    assert completion.load_seconds is not None
    assert len(await llamacpp.installed()) == 1


PROGRAM = """
import sys, signal, os, anyio
from llm_orc.domain.completion import Message, Request
from llm_orc.domain.model import Model, Sampling
from llm_orc.providers.llamacpp import LlamaCpp

model = Model(name="m", provider="llamacpp", wire_name="m", path=sys.argv[1], context=65_536)

async def main():
    request = Request(model=model, messages=(Message("user", "hi"),), sampling=Sampling(max_tokens=60_000))
    with anyio.move_on_after(0.3):
        await LlamaCpp().complete(request)

anyio.run(main)
"""


def test_an_abandoned_answer_does_not_hold_up_the_end_of_the_program(random_file: Path):
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(random_file)], capture_output=True, timeout=20, check=False
    )

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"", b"")
