"""Ollama's native protocol, as bytes on a socket."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import aclosing

import anyio
import pytest

from llm_orc.domain.completion import Message, Request, Tool, ToolCall
from llm_orc.domain.model import Sampling
from llm_orc.domain.usage import Usage
from llm_orc.errors import ModelMissing
from llm_orc.providers.ollama import Ollama
from tests.providers.asking import MODEL, asking, asking_model, failure
from tests.servers.faulty import FaultyServer, Reply


@pytest.fixture
async def ollama(faulty_server: FaultyServer) -> AsyncIterator[Ollama]:
    opened = Ollama(base_url=faulty_server.url)
    yield opened
    await opened.aclose()


async def test_an_answer_comes_with_usage_and_load_time(ollama):
    completion = await ollama.complete(asking("hi there"))

    assert completion.text == "echo: hi there"
    assert completion.usage == Usage(input_tokens=7, output_tokens=3)
    assert completion.load_seconds == 1.5


async def test_only_what_the_user_set_is_sent(ollama, faulty_server):
    await ollama.complete(asking())

    body = faulty_server.bodies[0]
    assert set(body) == {"model", "messages", "stream", "truncate"}
    assert (body["stream"], body["truncate"]) == (False, False)


async def test_sampling_goes_into_the_options(ollama, faulty_server):
    sampling = Sampling(
        temperature=0.7, max_tokens=9, seed=3, stop=("x",), options={"num_ctx": 8192, "think": False}
    )
    await ollama.complete(asking(sampling=sampling))

    body = faulty_server.bodies[0]
    assert body["options"] == {
        "temperature": 0.7,
        "num_predict": 9,
        "seed": 3,
        "stop": ["x"],
        "num_ctx": 8192,
    }
    assert body["think"] is False


async def test_schema_tools_and_keep_alive_have_their_own_fields(ollama, faulty_server):
    tool = Tool(name="look", description="Look up.", parameters={"type": "object"})
    model = asking_model(keep_alive="10m").model
    await ollama.complete(asking(model=model, schema={"type": "object"}, tools=(tool,), top_logprobs=1))

    body = faulty_server.bodies[0]
    assert (body["format"], body["keep_alive"]) == ({"type": "object"}, "10m")
    assert (body["logprobs"], body["top_logprobs"]) == (True, 1)
    assert body["tools"][0]["function"]["name"] == "look"


async def test_tool_calls_are_read_and_sent_back(ollama, faulty_server):
    call = {"function": {"name": "look", "arguments": {"at": "sky"}}}
    faulty_server.script(Reply(body={"message": {"content": "", "tool_calls": [call]}, "done": True}))
    read = (await ollama.complete(asking())).choices[0]
    await ollama.complete(Request(model=MODEL, messages=(Message("assistant", "", read.tool_calls),)))

    assert read.tool_calls == (ToolCall("", "look", {"at": "sky"}),)
    assert faulty_server.bodies[1]["messages"][0]["tool_calls"] == [{"id": "", **call}]


async def test_several_answers_are_drawn_with_their_own_seeds(ollama, faulty_server):
    completion = await ollama.complete(asking(n=3, sampling=Sampling(seed=5)))

    assert len(completion.choices) == 3
    assert sorted(body["options"]["seed"] for body in faulty_server.bodies) == [5, 6, 7]


async def test_waiting_for_ones_turn_is_not_part_of_the_timeout(ollama, faulty_server):
    faulty_server.script(Reply(held=True))
    async with anyio.create_task_group() as group:
        group.start_soon(ollama.complete, asking())
        await anyio.to_thread.run_sync(faulty_server.arrived.wait)
        group.start_soon(ollama.complete, asking(timeout_seconds=5))
        await anyio.wait_all_tasks_blocked()
        assert len(faulty_server.received) == 1
        faulty_server.release()

    assert faulty_server.most_at_once == 1


async def test_a_model_that_takes_more_gets_more(ollama, faulty_server):
    faulty_server.script(Reply(held=True), Reply(held=True))
    model = asking_model(concurrency=2).model
    async with anyio.create_task_group() as group:
        group.start_soon(ollama.complete, asking(model=model, n=2))
        while faulty_server.most_at_once < 2:
            await anyio.lowlevel.checkpoint()
        faulty_server.release()


async def test_a_missing_model_says_how_to_get_it(ollama, faulty_server):
    faulty_server.script(Reply(status=404, body={"error": "model 'theirs' not found"}))

    error = await failure(ollama)

    assert isinstance(error, ModelMissing)
    assert error.hint == "get it with `ollama pull theirs`"


async def test_probabilities_of_thinking_are_left_out(ollama, faulty_server):
    tokens = [{"token": token, "logprob": -1.0} for token in ("hm", ".", "\n", "the", " sky")]
    message = {"content": "the sky", "thinking": "hm."}
    faulty_server.script(Reply(body={"message": message, "logprobs": tokens, "done": True}))

    logprobs = (await ollama.complete(asking(top_logprobs=0))).choices[0].logprobs

    assert "".join(entry.token for entry in logprobs).strip() == "the sky"


async def test_models_are_listed_with_what_is_in_memory(ollama):
    small, large = await ollama.installed()

    assert (small.wire_name, small.resident, small.vram_gb) == ("small", False, None)
    assert (large.wire_name, large.resident, large.vram_gb) == ("large", True, 6.0)


@pytest.mark.parametrize(
    "form", ["127.0.0.1:{port}", "http://127.0.0.1:{port}/", "0.0.0.0:{port}", ":{port}"]
)
async def test_the_address_comes_from_the_environment(faulty_server, monkeypatch, form):
    monkeypatch.setenv("OLLAMA_HOST", form.format(port=faulty_server.url.rpartition(":")[2]))

    async with aclosing(Ollama()) as ollama:
        assert (await ollama.complete(asking())).text == "echo: hello"


async def test_vectors_come_in_the_order_of_the_texts(ollama, faulty_server):
    embedded = await ollama.embed(MODEL, ["aa", "e"])
    assert embedded.vectors == [[2, 0, 0, 0, 0], [0, 1, 0, 0, 0]]
    assert embedded.usage == Usage(input_tokens=2)
    assert faulty_server.bodies[-1] == {"model": "theirs", "input": ["aa", "e"]}


async def test_an_embedding_model_that_is_missing_is_said_to_be(ollama, faulty_server):
    faulty_server.script(Reply(status=404, body={"error": 'model "theirs" not found, try pulling it first'}))
    with pytest.raises(ModelMissing):
        await ollama.embed(MODEL, ["a"])
