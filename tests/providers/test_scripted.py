"""The provider without a model."""

from __future__ import annotations

import pytest

from llm_orc.domain.completion import Choice, Completion, Message, Request
from llm_orc.domain.model import Sampling
from llm_orc.domain.usage import Usage
from llm_orc.errors import ServerFailed, UsageFailed
from llm_orc.providers.scripted import Scripted
from tests.providers.asking import MODEL, asking, failure, streamed


async def test_answers_come_in_turn_and_start_again():
    scripted = Scripted(["a", "b"])

    assert [(await scripted.complete(asking())).text for _ in range(3)] == ["a", "b", "a"]


async def test_a_function_sees_the_request():
    scripted = Scripted(lambda request: request.messages[0].content.upper())

    assert (await scripted.complete(asking("hi"))).text == "HI"


async def test_a_function_may_be_async():
    async def answer(request: Request) -> str:
        return "later"

    assert (await Scripted(answer).complete(asking())).text == "later"


async def test_n_answers_are_the_next_n():
    completion = await Scripted(["a", "b c"]).complete(asking("one two three", n=2))

    assert [choice.text for choice in completion.choices] == ["a", "b c"]
    assert completion.usage == Usage(input_tokens=3, output_tokens=3)


async def test_an_error_among_the_answers_is_raised():
    scripted = Scripted([ServerFailed("down"), "up"])

    assert isinstance(await failure(scripted), ServerFailed)
    assert (await scripted.complete(asking())).text == "up"


async def test_a_whole_completion_is_given_as_it_is():
    completion = Completion(choices=(Choice(text="x"), Choice(text="y")))

    assert await Scripted(lambda request: completion).complete(asking(n=2)) is completion


async def test_options_hold_the_answers_of_a_model_in_a_file():
    scripted = Scripted(base_url=None, api_key_env=None)
    request = asking(sampling=Sampling(options={"answers": ["a", 2], "delay_seconds": 0.001}))

    assert [(await scripted.complete(request)).text for _ in range(2)] == ["a", "2"]


async def test_answers_that_are_no_list_are_the_users_mistake():
    request = asking(sampling=Sampling(options={"answers": "a"}))

    assert isinstance(await failure(Scripted(), request), UsageFailed)


async def test_without_answers_it_repeats_what_the_user_said():
    messages = (Message("system", "Be brief."), Message("user", "hi"))

    assert (await Scripted().complete(Request(model=MODEL, messages=messages))).text == "hi"


async def test_requests_are_kept():
    scripted = Scripted(["a"])
    await scripted.complete(asking("one"))
    await scripted.complete(asking("two"))

    assert [request.messages[0].content for request in scripted.requests] == ["one", "two"]
    assert [model.wire_name for model in await scripted.installed()] == ["theirs"]


@pytest.mark.parametrize("text", ["one", "one two  three", ""])
async def test_a_stream_adds_up_to_the_answer(text):
    assert "".join(await streamed(Scripted([text]))) == text
