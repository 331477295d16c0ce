"""The chat-completions protocol, as bytes on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing
from types import MappingProxyType

import pytest

from llm_orc.domain.completion import Message, Request, TokenLogprob, Tool, ToolCall
from llm_orc.domain.model import Sampling
from llm_orc.domain.usage import Usage
from llm_orc.errors import AuthenticationFailed, MalformedReply, Refused
from llm_orc.providers.openai import OpenAI
from tests.providers.asking import MODEL, asking, asking_model, failure
from tests.servers.faulty import FaultyServer, Reply

CALL = {"id": "c1", "function": {"name": "look", "arguments": '{"at": "sky"}'}}


@pytest.fixture
async def openai(faulty_server: FaultyServer) -> AsyncIterator[OpenAI]:
    opened = OpenAI(base_url=faulty_server.openai_url)
    yield opened
    await opened.aclose()


async def test_an_answer_comes_with_its_usage_and_model(openai):
    completion = await openai.complete(asking("hi there"))

    assert completion.text == "echo: hi there"
    assert completion.usage == Usage(input_tokens=7, output_tokens=3)
    assert completion.model == "theirs"
    assert completion.choices[0].finish == "stop"


async def test_only_what_the_user_set_is_sent(openai, faulty_server):
    await openai.complete(asking())

    assert faulty_server.bodies == [{"model": "theirs", "messages": [{"role": "user", "content": "hello"}]}]


async def test_what_the_user_set_is_sent(openai, faulty_server):
    sampling = Sampling(temperature=0.0, top_p=0.5, top_k=0, min_p=0.1, max_tokens=9, seed=0, stop=("x",))
    await openai.complete(asking(sampling=sampling))

    body = faulty_server.bodies[0]
    del body["model"], body["messages"]
    assert body == {
        "temperature": 0.0,
        "top_p": 0.5,
        "top_k": 0,
        "min_p": 0.1,
        "max_tokens": 9,
        "seed": 0,
        "stop": ["x"],
    }


async def test_no_key_goes_to_other_servers(openai, faulty_server, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")

    await openai.complete(asking())

    assert "authorization" not in faulty_server.received[0].headers


async def test_a_named_key_is_sent(faulty_server, monkeypatch):
    monkeypatch.setenv("MY_KEY", " sk-secret\n")

    async with aclosing(OpenAI(base_url=faulty_server.openai_url, api_key_env="MY_KEY")) as openai:
        await openai.complete(asking())

    assert faulty_server.received[0].headers["authorization"] == "Bearer sk-secret"


@pytest.mark.parametrize("where", ["message", "page", "shape"])
async def test_a_key_that_a_server_echoes_is_never_shown(faulty_server, monkeypatch, where):
    monkeypatch.setenv("MY_KEY", "sk-secret")
    replies = {
        "message": Reply(status=401, body={"error": {"message": "bad {authorization}"}}),
        "page": Reply(status=500, body=b"request was {authorization}"),
        "shape": Reply(body=b"request was {authorization}"),
    }
    faulty_server.script(replies[where])
    async with aclosing(OpenAI(base_url=faulty_server.openai_url, api_key_env="MY_KEY")) as openai:
        error = await failure(openai)

    assert "***" in error.message
    assert "sk-secret" not in f"{error!r} {error.hint} {error.__cause__!r} {openai!r} {vars(openai)!r}"


async def test_without_its_key_openai_is_not_asked(monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)

    error = await failure(OpenAI())

    assert isinstance(error, AuthenticationFailed)
    assert "OPENAI_API_KEY" in error.hint


async def test_a_key_that_cannot_be_one_is_not_sent_nor_shown(faulty_server, monkeypatch):
    monkeypatch.setenv("MY_KEY", "sk-sécret\nx")

    error = await failure(OpenAI(base_url=faulty_server.openai_url, api_key_env="MY_KEY"))

    assert isinstance(error, AuthenticationFailed)
    assert "cret" not in str(error)
    assert faulty_server.received == []


async def test_several_answers_are_asked_for_one_by_one(openai, faulty_server):
    completion = await openai.complete(asking(n=3, sampling=Sampling(seed=5)))

    assert len(completion.choices) == 3
    assert completion.usage == Usage(input_tokens=21, output_tokens=6)
    assert sorted(body["seed"] for body in faulty_server.bodies) == [5, 6, 7]
    assert all("n" not in body for body in faulty_server.bodies)


async def test_a_server_that_knows_n_is_asked_once(openai, faulty_server):
    request = asking_model(supports=frozenset({"n"}))
    completion = await openai.complete(Request(model=request.model, messages=request.messages, n=3))

    assert len(completion.choices) == 3
    assert [body["n"] for body in faulty_server.bodies] == [3]


async def test_one_failed_sample_fails_the_request(openai, faulty_server):
    faulty_server.script(Reply(), Reply(status=401), Reply(hang=True))

    assert isinstance(await failure(openai, asking(n=3)), AuthenticationFailed)


async def test_no_more_calls_than_the_model_takes(openai, faulty_server):
    request = asking_model(concurrency=2)
    await openai.complete(Request(model=request.model, messages=request.messages, n=8))

    assert faulty_server.most_at_once <= 2


async def test_log_probabilities_come_with_their_alternatives(openai, faulty_server):
    completion = await openai.complete(asking(top_logprobs=2))

    first = completion.choices[0].logprobs[0]
    assert first == TokenLogprob("echo:", -0.5, (("x", -2.0), ("x", -2.0)))
    assert (faulty_server.bodies[0]["logprobs"], faulty_server.bodies[0]["top_logprobs"]) == (True, 2)


async def test_only_the_chosen_tokens_probabilities_can_be_asked_for(openai, faulty_server):
    completion = await openai.complete(asking(top_logprobs=0))

    assert completion.choices[0].logprobs[0].top == ()
    assert "top_logprobs" not in faulty_server.bodies[0]


async def test_log_probabilities_that_did_not_come_are_none(openai, faulty_server):
    faulty_server.script(Reply(body={"choices": [{"message": {"content": "x"}, "logprobs": None}]}))

    assert (await openai.complete(asking(top_logprobs=2))).choices[0].logprobs is None


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        ({"type": "object", "properties": {"a": {"type": "string"}}}, False),
        (
            {
                "type": "object",
                "properties": {"a": {"type": "string"}},
                "required": ["a"],
                "additionalProperties": False,
            },
            True,
        ),
    ],
)
async def test_a_schema_is_strict_where_openai_allows_it(openai, faulty_server, schema, strict):
    await openai.complete(asking(schema=MappingProxyType(schema)))

    assert faulty_server.bodies[0]["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": strict},
    }


async def test_tools_are_offered_and_their_calls_read(openai, faulty_server):
    message = {"content": None, "tool_calls": [CALL]}
    faulty_server.script(Reply(body={"choices": [{"message": message, "finish_reason": "stop"}]}))
    tool = Tool(name="look", description="Look up.", parameters={"type": "object"})

    choice = (await openai.complete(asking(tools=(tool,)))).choices[0]

    assert choice.tool_calls == (ToolCall("c1", "look", {"at": "sky"}),)
    assert (choice.text, choice.finish) == ("", "tool_calls")
    assert faulty_server.bodies[0]["tools"][0]["function"]["name"] == "look"


async def test_tool_calls_and_results_go_back_to_the_model(openai, faulty_server):
    call = ToolCall("c1", "look", {"at": "sky"})
    turns = (Message("assistant", "", (call,)), Message("tool", "blue", tool_call_id="c1"))
    await openai.complete(Request(model=MODEL, messages=turns))

    assert faulty_server.bodies[0]["messages"] == [
        {"role": "assistant", "content": "", "tool_calls": [{**CALL, "type": "function"}]},
        {"role": "tool", "content": "blue", "tool_call_id": "c1"},
    ]


async def test_arguments_that_are_no_json_are_malformed(openai, faulty_server):
    call = {"id": "c1", "function": {"name": "look", "arguments": '{"at": '}}
    faulty_server.script(Reply(body={"choices": [{"message": {"tool_calls": [call]}}]}))

    assert isinstance(await failure(openai), MalformedReply)


@pytest.mark.parametrize(
    "choice",
    [
        {"message": {"content": None, "refusal": "I cannot help with that."}},
        {"message": {"content": ""}, "finish_reason": "content_filter"},
    ],
)
async def test_an_answer_that_was_withheld_is_refused(openai, faulty_server, choice):
    faulty_server.script(Reply(body={"choices": [choice]}))

    assert isinstance(await failure(openai), Refused)


async def test_an_answer_that_hit_its_limit_says_so(openai, faulty_server):
    faulty_server.script(Reply(body={"choices": [{"message": {"content": "x"}, "finish_reason": "length"}]}))

    assert (await openai.complete(asking())).choices[0].finish == "length"


async def test_models_are_listed(openai):
    assert [model.wire_name for model in await openai.installed()] == ["small", "large"]
    assert (await openai.installed())[0].resident is None


def test_openai_itself_counts_completion_tokens():
    body = OpenAI()._body(asking(sampling=Sampling(max_tokens=5)))

    assert body["max_completion_tokens"] == 5
    assert "max_tokens" not in body


async def test_vectors_come_in_the_order_of_the_texts(openai, faulty_server):
    embedded = await openai.embed(MODEL, ["aa", "e", "io"])
    assert embedded.vectors == [[2, 0, 0, 0, 0], [0, 1, 0, 0, 0], [0, 0, 1, 1, 0]]
    assert embedded.usage == Usage(input_tokens=3)
    assert faulty_server.bodies[-1] == {
        "model": "theirs", "input": ["aa", "e", "io"], "encoding_format": "float",
    }  # fmt: skip


@pytest.mark.parametrize("body", [{}, {"data": [{"embedding": "x"}]}, {"data": [{"embedding": [None]}]}])
async def test_what_are_no_vectors_is_malformed(openai, faulty_server, body):
    faulty_server.script(Reply(body=body))
    with pytest.raises(MalformedReply):
        await openai.embed(MODEL, ["a"])
