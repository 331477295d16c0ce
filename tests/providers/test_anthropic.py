"""Anthropic's protocol, as bytes on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from llm_orc.domain.completion import Message, Request, Tool, ToolCall
from llm_orc.domain.model import Sampling
from llm_orc.domain.usage import Usage
from llm_orc.errors import AuthenticationFailed, ContextTooLong, Refused
from llm_orc.providers.anthropic import API_VERSION, MAX_TOKENS, Anthropic
from tests.providers.asking import MODEL, asking, failure, streamed
from tests.servers.faulty import FaultyServer, Reply


@pytest.fixture
async def anthropic(faulty_server: FaultyServer, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Anthropic]:
    monkeypatch.setenv("MY_KEY", "sk-ant-secret")
    opened = Anthropic(base_url=faulty_server.url, api_key_env="MY_KEY")
    yield opened
    await opened.aclose()


async def test_an_answer_comes_with_its_usage(anthropic, faulty_server):
    completion = await anthropic.complete(asking("hi there"))

    assert completion.text == "echo: hi there"
    assert completion.usage == Usage(input_tokens=7, output_tokens=3)
    assert completion.choices[0].logprobs is None


async def test_key_and_version_go_into_headers(anthropic, faulty_server):
    await anthropic.complete(asking())

    headers = faulty_server.received[0].headers
    assert (headers["x-api-key"], headers["anthropic-version"]) == ("sk-ant-secret", API_VERSION)
    assert "authorization" not in headers


async def test_a_limit_is_always_sent_and_a_temperature_is_not(anthropic, faulty_server):
    messages = (Message("system", "Be brief."), Message("user", "hello"))
    await anthropic.complete(Request(model=MODEL, messages=messages))

    assert faulty_server.bodies[0] == {
        "model": "theirs",
        "max_tokens": MAX_TOKENS,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": "hello"}],
    }


async def test_what_the_user_set_is_sent_as_far_as_the_protocol_goes(anthropic, faulty_server):
    sampling = Sampling(temperature=0.0, max_tokens=9, stop=("x",), seed=4, min_p=0.1)
    await anthropic.complete(asking(sampling=sampling, schema={"type": "object"}, top_logprobs=1))

    body = faulty_server.bodies[0]
    assert (body["temperature"], body["max_tokens"], body["stop_sequences"]) == (0.0, 9, ["x"])
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": {"type": "object"}}}
    assert not {"seed", "min_p", "logprobs"} & set(body)


async def test_several_answers_are_asked_for_one_by_one(anthropic, faulty_server):
    assert len((await anthropic.complete(asking(n=3))).choices) == 3
    assert len(faulty_server.received) == 3


async def test_tools_are_offered_and_their_calls_read(anthropic, faulty_server):
    blocks = [
        {"type": "text", "text": "Let me see."},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "sky"}},
    ]
    faulty_server.script(Reply(body={"content": blocks, "stop_reason": "tool_use"}))
    tool = Tool(name="look", description="Look up.", parameters={"type": "object"})

    choice = (await anthropic.complete(asking(tools=(tool,)))).choices[0]

    assert (choice.text, choice.finish) == ("Let me see.", "tool_calls")
    assert choice.tool_calls == (ToolCall("t1", "look", {"at": "sky"}),)
    assert faulty_server.bodies[0]["tools"][0]["input_schema"] == {"type": "object"}


async def test_tool_calls_and_results_go_back_to_the_model(anthropic, faulty_server):
    call = ToolCall("t1", "look", {"at": "sky"})
    turns = (Message("assistant", "Hm.", (call,)), Message("tool", "blue", tool_call_id="t1"))
    await anthropic.complete(Request(model=MODEL, messages=turns))

    said, result = faulty_server.bodies[0]["messages"]
    assert said["content"][1] == {"type": "tool_use", "id": "t1", "name": "look", "input": {"at": "sky"}}
    assert (result["role"], result["content"][0]["tool_use_id"]) == ("user", "t1")


@pytest.mark.parametrize(
    ("reason", "kind"), [("refusal", Refused), ("model_context_window_exceeded", ContextTooLong)]
)
async def test_reasons_to_stop_that_are_failures(anthropic, faulty_server, reason, kind):
    faulty_server.script(Reply(body={"content": [], "stop_reason": reason}))

    assert type(await failure(anthropic)) is kind


async def test_a_refusal_ends_a_stream(anthropic, faulty_server):
    event = b'data: {"type": "message_delta", "delta": {"stop_reason": "refusal"}}\n\n'
    faulty_server.script(Reply(body=event))

    with pytest.raises(Refused):
        await streamed(anthropic)


async def test_the_cached_part_of_a_prompt_counts(anthropic, faulty_server):
    usage = {"input_tokens": 1, "cache_read_input_tokens": 20, "cache_creation_input_tokens": None}
    faulty_server.script(Reply(body={"content": [], "stop_reason": "end_turn", "usage": usage}))

    assert (await anthropic.complete(asking())).usage.input_tokens == 21


async def test_an_echoed_key_is_never_shown(anthropic, faulty_server):
    faulty_server.script(Reply(status=401, body={"error": {"message": "bad {authorization}"}}))

    error = await failure(anthropic)

    assert isinstance(error, AuthenticationFailed)
    assert "sk-ant" not in error.message


async def test_without_its_key_anthropic_is_not_asked(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY", raising=False)

    error = await failure(Anthropic())

    assert "ANTHROPIC_API_KEY" in error.hint


async def test_models_are_listed(anthropic):
    assert [model.wire_name for model in await anthropic.installed()] == ["small", "large"]
