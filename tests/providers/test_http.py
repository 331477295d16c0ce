"""What goes wrong on the wire becomes one of our errors, the same one for every protocol."""

from __future__ import annotations

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing
from email.utils import formatdate
from time import time

import anyio
import pytest

from llm_orc.domain.completion import Provider
from llm_orc.domain.model import Sampling
from llm_orc.errors import (
    AuthenticationFailed,
    ContextTooLong,
    DeadlinePassed,
    InvalidRequest,
    MalformedReply,
    ModelMissing,
    OrcError,
    RateLimited,
    Refused,
    ServerFailed,
    Unreachable,
)
from llm_orc.providers.anthropic import Anthropic
from llm_orc.providers.http import LARGEST_REPLY_BYTES
from llm_orc.providers.ollama import Ollama
from llm_orc.providers.openai import OpenAI
from tests.providers.asking import asking, failure, streamed
from tests.servers.faulty import FaultyServer, Reply

ADDRESSES: dict[str, Callable[[str], Provider]] = {
    "openai": lambda url: OpenAI(base_url=f"{url}/v1"),
    "ollama": lambda url: Ollama(base_url=url),
    "anthropic": lambda url: Anthropic(base_url=url),
}


@pytest.fixture(params=sorted(ADDRESSES))
async def provider(request: pytest.FixtureRequest, faulty_server: FaultyServer) -> AsyncIterator[Provider]:
    opened = ADDRESSES[request.param](faulty_server.url)
    yield opened
    await opened.aclose()


@pytest.fixture
async def openai(faulty_server: FaultyServer) -> AsyncIterator[OpenAI]:
    opened = OpenAI(base_url=faulty_server.openai_url)
    yield opened
    await opened.aclose()


def free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, AuthenticationFailed),
        (403, Refused),
        (404, InvalidRequest),
        (301, InvalidRequest),
        (413, ContextTooLong),
        (422, InvalidRequest),
        (429, RateLimited),
        (500, ServerFailed),
        (503, ServerFailed),
        (529, ServerFailed),
    ],
)
async def test_a_status_decides_the_error(provider, faulty_server, status, kind):
    faulty_server.script(Reply(status=status, body={"error": {"message": "so it is"}}))

    error = await failure(provider)

    assert type(error) is kind
    assert "theirs at 127.0.0.1:" in error.message
    assert f"(HTTP {status}): so it is" in error.message


@pytest.mark.parametrize(
    ("status", "body", "kind"),
    [
        (400, {"error": {"code": "context_length_exceeded", "message": "m"}}, ContextTooLong),
        (400, {"error": {"type": "exceed_context_size_error", "code": 400}}, ContextTooLong),
        (400, {"error": "the input length exceeds the context length"}, ContextTooLong),
        (400, {"type": "error", "error": {"message": "prompt is too long: 9 > 8"}}, ContextTooLong),
        (400, {"object": "error", "message": "This model's maximum context length is 8"}, ContextTooLong),
        (404, {"error": {"code": "model_not_found", "message": "m"}}, ModelMissing),
        (404, {"error": "model 'theirs' not found"}, ModelMissing),
        (429, {"error": {"code": "insufficient_quota", "message": "pay"}}, Refused),
        (403, {"error": {"type": "permission_error", "message": "m"}}, AuthenticationFailed),
        (403, {"error": {"message": "your API key may not do this"}}, AuthenticationFailed),
        (500, {"type": "error", "error": {"type": "overloaded_error"}}, ServerFailed),
        (200, {"error": {"message": "sent where an answer should be"}}, ServerFailed),
        (400, {"detail": [{"loc": ["body"]}]}, InvalidRequest),
        (400, ["not even an object"], InvalidRequest),
    ],
)
async def test_a_code_says_more_than_a_status(openai, faulty_server, status, body, kind):
    faulty_server.script(Reply(status=status, body=body))

    assert type(await failure(openai)) is kind


@pytest.mark.parametrize(
    ("headers", "low", "high"),
    [
        (lambda now: {"retry-after": "7"}, 7, 7),
        (lambda now: {"retry-after": "7", "retry-after-ms": "250"}, 0.25, 0.25),
        (lambda now: {"retry-after": formatdate(now + 3600, usegmt=True)}, 2400, 3600),
        (lambda now: {"retry-after": formatdate(now - 100, usegmt=True)}, 0, 0),
    ],
)
async def test_too_many_requests_say_how_long_to_wait(openai, faulty_server, headers, low, high):
    faulty_server.script(Reply(status=429, headers=headers(time()), body={}))

    error = await failure(openai)

    assert isinstance(error, RateLimited)
    assert error.retry_after is not None
    assert low <= error.retry_after <= high


@pytest.mark.parametrize("headers", [{}, {"retry-after": "soon"}])
async def test_a_wait_that_nobody_can_read_is_none(openai, faulty_server, headers):
    faulty_server.script(Reply(status=429, headers=headers))

    error = await failure(openai)

    assert isinstance(error, RateLimited)
    assert error.retry_after is None


@pytest.mark.parametrize("make", ADDRESSES.values(), ids=ADDRESSES)
async def test_no_server_is_unreachable(make):
    error = await failure(make(f"http://127.0.0.1:{free_port()}"))

    assert isinstance(error, Unreachable)
    assert "running" in error.hint


@pytest.mark.parametrize("keep", [0, 10, 120])
async def test_a_cut_connection_is_unreachable(provider, faulty_server, keep):
    faulty_server.script(Reply(keep=keep, text="a long answer " * 50))

    assert isinstance(await failure(provider), Unreachable)


@pytest.mark.parametrize(
    "body", [b"<html>busy</html>", b"", b'{"choices": [', b"[" * 99_999, b"\xff\xfe", b"[1]", b'"text"']
)
async def test_a_reply_that_is_no_json_object_is_malformed(provider, faulty_server, body):
    faulty_server.script(Reply(body=body))

    assert isinstance(await failure(provider), MalformedReply)


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"choices": []},
        {"choices": [{"message": "text"}]},
        {"choices": [{"message": {"content": 7}}]},
        {"choices": [{"message": {"content": "x"}}], "usage": {"prompt_tokens": "many"}},
        {"message": {"content": ["x"]}, "content": [{"type": "text", "text": 5}]},
        {"message": None, "content": {"text": "x"}, "choices": None},
    ],
)
async def test_a_reply_of_another_shape_is_malformed(provider, faulty_server, body):
    faulty_server.script(Reply(body=body))

    assert isinstance(await failure(provider), MalformedReply)


async def test_a_reply_without_end_is_malformed(openai, faulty_server):
    faulty_server.script(Reply(body=b" " * (LARGEST_REPLY_BYTES + 1)))

    error = await failure(openai)

    assert isinstance(error, MalformedReply)
    assert "longer than" in error.message


async def test_a_server_that_hangs_ends_at_the_deadline(provider, faulty_server):
    faulty_server.script(Reply(hang=True))

    error = await failure(provider, asking(timeout_seconds=0.05))

    assert isinstance(error, DeadlinePassed)
    assert "0.05 s" in error.message


async def test_a_stream_that_hangs_ends_at_the_deadline(provider, faulty_server):
    faulty_server.script(Reply(hang=True))

    with pytest.raises(DeadlinePassed):
        await streamed(provider, asking(timeout_seconds=0.05))


async def test_a_cancelled_call_hangs_up(provider, faulty_server):
    faulty_server.script(Reply(hang=True))

    async with anyio.create_task_group() as group:
        group.start_soon(provider.complete, asking())
        await anyio.to_thread.run_sync(faulty_server.arrived.wait)
        group.cancel_scope.cancel()

    assert await anyio.to_thread.run_sync(faulty_server.hung_up.wait, 10)


async def test_a_failure_leaves_the_provider_usable(provider, faulty_server):
    faulty_server.script(Reply(keep=5), Reply(status=500))
    await failure(provider)
    await failure(provider)

    assert (await provider.complete(asking())).text == "echo: hello"


async def test_a_stream_brings_the_text_in_pieces(provider):
    assert await streamed(provider) == ["echo: ", "hello "]


@pytest.mark.parametrize("keep", [150, 200, 250])
async def test_a_stream_that_is_cut_is_unreachable(provider, faulty_server, keep):
    faulty_server.script(Reply(keep=keep, text="a long answer " * 50))

    with pytest.raises(Unreachable):
        await streamed(provider)


async def test_a_stream_that_ends_without_an_end_is_unreachable(provider, faulty_server):
    faulty_server.script(Reply(body=b""))

    with pytest.raises(Unreachable, match="in the middle"):
        await streamed(provider)


async def test_an_error_in_the_middle_of_a_stream_is_raised(provider, faulty_server):
    first = b'{"message": {"content": "well"}, "choices": [{"delta": {"content": "well"}}]}\n'
    faulty_server.script(Reply(body=first + b'{"error": "out of memory"}\n'))

    with pytest.raises(ServerFailed, match="out of memory"):
        await streamed(provider)


async def test_a_refused_stream_is_the_same_error_as_a_refused_call(provider, faulty_server):
    faulty_server.script(Reply(status=429, headers={"retry-after": "3"}))

    with pytest.raises(RateLimited) as caught:
        await streamed(provider)
    assert caught.value.retry_after == 3


async def test_a_line_separator_inside_a_text_is_text(openai, faulty_server):
    chunk = '{"choices": [{"delta": {"content": "a\u2028b"}, "finish_reason": "stop"}]}'
    faulty_server.script(Reply(body=f"data: {chunk}\n\ndata: [DONE]\n\n".encode()))

    assert await streamed(openai) == ["a\u2028b"]


async def test_half_a_character_is_replaced(openai, faulty_server):
    faulty_server.script(Reply(text="half \ud83d"))

    assert (await openai.complete(asking())).text == "half \ufffd"


@pytest.mark.parametrize("address", ["localhost:1", "ftp://host/x", "http://", ""])
async def test_an_address_that_is_none_is_the_users_mistake(address):
    error = await failure(Ollama(base_url=address or "x"))

    assert isinstance(error, InvalidRequest)
    assert "base_url" in error.message


async def test_loopback_is_never_asked_through_a_proxy(openai, monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, f"http://127.0.0.1:{free_port()}")

    assert (await openai.complete(asking())).text == "echo: hello"


async def test_other_addresses_are_asked_through_the_proxy(faulty_server, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", faulty_server.url)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)

    async with aclosing(OpenAI(base_url="http://models.invalid/v1")) as openai:
        await failure(openai)

    assert faulty_server.received[0].path == "http://models.invalid/v1/chat/completions"


async def test_a_message_is_one_line_of_bounded_length(openai, faulty_server):
    faulty_server.script(Reply(status=500, body={"error": {"message": "a\x1b[31m\nb" + "c" * 5000}}))

    error = await failure(openai)

    assert error.message.isprintable()
    assert len(error.message) < 400


async def test_options_have_the_last_word(openai, faulty_server):
    await openai.complete(asking(sampling=Sampling(temperature=0.5, options={"temperature": 1, "x": [2]})))

    assert faulty_server.bodies[0]["temperature"] == 1
    assert faulty_server.bodies[0]["x"] == [2]


async def test_every_error_is_one_of_ours(provider, faulty_server):
    faulty_server.script(*(Reply(keep=keep) for keep in range(0, 90, 9)))

    for _ in range(10):
        assert isinstance(await failure(provider), OrcError)
