"""Retries, limits and circuits, over real sockets where a server is part of it."""

from __future__ import annotations

from contextlib import asynccontextmanager

import anyio
import pytest

from llm_orc.domain.calling import CircuitMoved, Queued, Queueing, Retrying, Throttled
from llm_orc.domain.completion import Message, Request
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.policy import HostPolicy, Limits, Policy
from llm_orc.errors import (
    AuthenticationFailed,
    CircuitOpen,
    ContextTooLong,
    InvalidRequest,
    MalformedReply,
    ProviderFailed,
    RateLimited,
    Refused,
    ServerFailed,
    Unreachable,
)
from llm_orc.providers.addresses import host_of, limits_of
from llm_orc.providers.host import Host
from llm_orc.providers.openai import OpenAI
from llm_orc.providers.scripted import Scripted
from llm_orc.providers.treated import Admitted, Patient
from tests.servers.faulty import Reply

MODEL = Model(name="m", provider="openai", wire_name="m")
REQUEST = Request(model=MODEL, messages=(Message("user", "hi"),))
THRICE = Policy(retries=3, max_wait_seconds=5.0)
GARBAGE = Reply(body=b"{not json")


class Caller:
    """Remembers what it was told and how often something was sent."""

    def __init__(self, *, has_alternative: bool = False) -> None:
        self.has_alternative = has_alternative
        self.notices = []
        self.sent = 0

    async def pay(self, send):
        return await send()

    @asynccontextmanager
    async def sending(self):
        self.sent += 1
        yield

    def told(self, notice) -> None:
        self.notices.append(notice)

    def of(self, kind) -> list:
        return [notice for notice in self.notices if isinstance(notice, kind)]


def host(**settings) -> Host:
    limits = {"h": settings.pop("limits")} if "limits" in settings else {}
    return Host("h", HostPolicy(limits=limits, **settings))


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch):
    """Drawn pauses are none; those that a server asks for stay."""
    monkeypatch.setattr("llm_orc.providers.treated.FIRST_WAIT", 0.0)
    monkeypatch.setattr("llm_orc.providers.host.USUAL_PAUSE", 0.0)


@pytest.mark.parametrize(
    "reply", [Reply(status=500), Reply(status=503), Reply(status=429, headers={"retry-after": "0"}), GARBAGE,
              Reply(keep=30), Reply(hang=True)],
)  # fmt: skip
async def test_what_may_pass_is_tried_again(faulty_server, reply):
    faulty_server.script(reply, reply)
    caller, provider = Caller(), OpenAI(faulty_server.openai_url)
    request = Request(model=MODEL, messages=REQUEST.messages, timeout_seconds=0.5 if reply.hang else 30.0)
    try:
        answer = await Patient(Admitted(provider, host(), caller), THRICE, caller).complete(request)
    finally:
        await provider.aclose()
    assert (answer.text, caller.sent) == ("echo: hi", 3)
    assert [notice.attempt for notice in caller.of(Retrying)] == [2, 3]


@pytest.mark.parametrize(
    "error", [InvalidRequest("x"), AuthenticationFailed("x"), ContextTooLong("x"), Refused("x")]
)
async def test_what_can_never_work_is_tried_once(error):
    caller = Caller()
    with pytest.raises(type(error)):
        await Patient(Admitted(Scripted([error]), host(), caller), THRICE, caller).complete(REQUEST)
    assert (caller.sent, caller.of(Retrying)) == (1, [])


async def test_the_last_error_is_raised():
    caller = Caller()
    errors = [ServerFailed("1"), Unreachable("2"), MalformedReply("3"), ServerFailed("4")]
    with pytest.raises(ServerFailed, match="4"):
        await Patient(Admitted(Scripted(errors), host(), caller), THRICE, caller).complete(REQUEST)
    assert caller.sent == 4


async def test_the_server_says_how_long_to_wait():
    caller = Caller()
    provider = Scripted([RateLimited("x", retry_after=0.02), "yes"])
    began = anyio.current_time()
    answer = await Patient(Admitted(provider, host(), caller), THRICE, caller).complete(REQUEST)
    assert (answer.text, caller.of(Retrying)[0].wait_s) == ("yes", 0.02)
    assert anyio.current_time() - began >= 0.02


@pytest.mark.parametrize("seconds", [None, 0.5])
async def test_nobody_waits_for_what_comes_too_late(seconds):
    """Longer than the policy allows, or than there is time."""
    caller = Caller()
    pause = 6.0 if seconds is None else 2.0
    with anyio.fail_after(seconds), pytest.raises(RateLimited):
        await Patient(
            Admitted(Scripted([RateLimited("x", retry_after=pause)]), host(), caller), THRICE, caller
        ).complete(REQUEST)
    assert caller.sent == 1


async def asked(times: int, provider, at: Host, caller: Caller) -> list[str]:
    """What so many calls at once come to."""
    found = []

    async def one():
        try:
            found.append((await Admitted(provider, at, caller).complete(REQUEST)).text)
        except ProviderFailed as error:
            found.append(error.kind)

    async with anyio.create_task_group() as tasks:
        for _ in range(times):
            tasks.start_soon(one)
    return found


class Gauge:
    """The most calls that were under way at once."""

    def __init__(self) -> None:
        self.now = self.most = 0

    async def __call__(self, request):
        self.now += 1
        self.most = max(self.most, self.now)
        await anyio.lowlevel.checkpoint()
        self.now -= 1
        return "yes"


@pytest.mark.parametrize(
    ("limits", "model", "most"),
    [(Limits(concurrency=3), {}, 3), (Limits(), {"concurrency": 2}, 2), (Limits(), {}, 20),
     (Limits(concurrency=3), {"concurrency": 2}, 2), (Limits(), {"provider": "ollama"}, 1)],
)  # fmt: skip
async def test_hosts_and_models_have_so_many_calls_at_once(limits, model, most, monkeypatch):
    gauge = Gauge()
    request = Request(model=Model(**{"name": "m", "provider": "s", "wire_name": "m", **model}), messages=())
    monkeypatch.setattr("tests.providers.test_treated.REQUEST", request)
    await asked(20, Scripted(gauge), host(limits=limits), Caller())
    assert gauge.most == most


async def test_a_host_that_gets_too_much_is_asked_half_as_much_and_slowly_more():
    at, caller = host(), Caller()
    answers = [RateLimited("x", retry_after=0.0)]
    gauge = Gauge()

    async def answer(request):
        return answers.pop() if answers else await gauge(request)

    await asked(10, Scripted(answer), at, caller)
    (throttled,) = caller.of(Throttled)
    assert (throttled.host, throttled.at_once) == ("h", 5)
    gauge.most = 0
    await asked(5, Scripted(answer), at, caller)
    assert gauge.most <= 7
    assert at._at_once.total_tokens > 5


def using(tokens: int) -> Reply:
    """An answer that takes so many tokens."""
    choice = {"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
    usage = {"prompt_tokens": 5, "completion_tokens": tokens - 5}
    return Reply(body={"model": "m", "choices": [choice], "usage": usage})


@pytest.mark.parametrize(("of_model", "at_once"), [(False, 1), (True, 20)])
@pytest.mark.parametrize(
    ("limits", "replies", "sent"),
    [
        ({"requests_per_minute": 3}, [using(10)] * 20, 3),
        # The second of the long answers is a debt; short ones are worth what they take, not a guess.
        ({"tokens_per_minute": 4000}, [using(3000)] * 20, 1),
        ({"tokens_per_minute": 7000}, [using(3000)] * 20, 2),
        ({"tokens_per_minute": 300}, [using(15)] * 20, 20),
        ({"tokens_per_minute": 100}, [using(25)] * 20, 4),
        ({"tokens_per_minute": 100}, [using(3000)] * 20, 1),
        # What failed in a way that costs nothing is given back.
        ({"tokens_per_minute": 300}, [Reply(status=500)] * 3 + [using(100)] * 17, 6),
    ],
)
async def test_a_minute_has_so_many_requests_and_tokens(
    faulty_server, limits, replies, sent, of_model, at_once
):
    faulty_server.script(*replies)
    model = Model(name="m", provider="openai", wire_name="m", **(limits if of_model else {}))
    request = Request(model=model, messages=REQUEST.messages)
    at = host(breaker_failures=99) if of_model else host(limits=Limits(**limits), breaker_failures=99)
    ended = []

    async def caller() -> None:
        for _ in range(20 // at_once):
            try:
                ended.append((await Admitted(provider, at, Caller()).complete(request)).text)
            except ServerFailed as error:
                ended.append(error.kind)

    provider = OpenAI(faulty_server.openai_url)
    # Those that are let in are answered long before the minute has room for one more.
    with anyio.move_on_after(1.0 if sent < 20 else 30.0):
        async with anyio.create_task_group() as tasks:
            for _ in range(at_once):
                tasks.start_soon(caller)
    await provider.aclose()
    assert (len(faulty_server.received), len(ended)) == (sent, sent)


async def test_what_bounds_an_answer_is_set_aside_for_it():
    """So many calls may be under way as fit whatever they write, before any has been answered."""
    limits = Limits(tokens_per_minute=1000)
    request = Request(model=MODEL, messages=REQUEST.messages, sampling=Sampling(max_tokens=300))
    provider, at = Scripted(lambda request: anyio.sleep_forever()), host(limits=limits)
    with anyio.move_on_after(0.1):
        async with anyio.create_task_group() as tasks:
            for _ in range(5):
                tasks.start_soon(Admitted(provider, at, Caller()).complete, request)
    assert len(provider.requests) == 3


async def test_a_call_that_is_cut_keeps_what_was_set_aside_and_makes_no_debt(faulty_server):
    faulty_server.script(Reply(keep=20))
    provider, at = OpenAI(faulty_server.openai_url), host(limits=Limits(tokens_per_minute=60_000))
    request = Request(model=MODEL, messages=REQUEST.messages, sampling=Sampling(max_tokens=1_000_000))
    with pytest.raises(Unreachable):
        await Admitted(provider, at, Caller()).complete(request)
    # A minute's tokens are gone; what leaks in a second is enough for another call.
    small = Request(model=MODEL, messages=REQUEST.messages, sampling=Sampling(max_tokens=100))
    with anyio.fail_after(10):
        await Admitted(provider, at, Caller()).complete(small)
    await provider.aclose()


async def test_a_circuit_opens_tries_and_closes():
    at, caller = host(breaker_failures=3, breaker_seconds=0.05), Caller()
    down = True

    async def answer(request):
        return ServerFailed("down") if down else "yes"

    provider = Scripted(answer)
    for _ in range(3):
        await asked(1, provider, at, caller)
    assert await asked(2, provider, at, caller) == ["circuit_open"] * 2
    assert len(provider.requests) == 3
    await anyio.sleep(0.06)
    assert await asked(1, provider, at, caller) == ["server_failed"]
    assert await asked(1, provider, at, caller) == ["circuit_open"]
    await anyio.sleep(0.06)
    down = False
    assert await asked(1, provider, at, caller) == ["yes"]
    assert [notice.state for notice in caller.of(CircuitMoved)] == [
        "open", "half_open", "open", "half_open", "closed",
    ]  # fmt: skip


async def test_one_call_of_many_tries_a_host_that_may_be_back():
    at, caller = host(breaker_failures=1, breaker_seconds=0.0), Caller()
    entered, release = anyio.Event(), anyio.Event()

    async def answer(request):
        if not caller.of(CircuitMoved):
            return ServerFailed("down")
        entered.set()
        await release.wait()
        return "yes"

    provider = Scripted(answer)
    await asked(1, provider, at, caller)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asked, 1, provider, at, caller)
        await entered.wait()
        assert await asked(4, provider, at, caller) == ["circuit_open"] * 4
        release.set()
    assert at.breaker.state == "closed"


async def test_a_probe_that_is_cancelled_leaves_the_next_one_to_try():
    at, caller = host(breaker_failures=1, breaker_seconds=0.0), Caller()

    async def answer(request):
        if not caller.of(CircuitMoved):
            return ServerFailed("down")
        if len(caller.of(CircuitMoved)) < 3:
            await anyio.sleep_forever()
        return "yes"

    provider = Scripted(answer)
    await asked(1, provider, at, caller)
    with anyio.move_on_after(0.02):
        await asked(1, provider, at, caller)
    assert await asked(1, provider, at, caller) == ["yes"]


async def test_too_many_requests_open_no_circuit():
    at, caller = host(breaker_failures=2), Caller()
    await asked(1, Scripted([RateLimited("x", retry_after=0.0)] * 5), at, caller)
    for _ in range(4):
        await asked(1, Scripted([RateLimited("x", retry_after=0.0)]), at, caller)
    assert at.breaker.state == "closed"


@pytest.mark.parametrize(("has_alternative", "sent"), [(True, 0), (False, 1)])
async def test_an_open_circuit_is_waited_for_unless_there_is_another_model(has_alternative, sent):
    at, caller = host(breaker_failures=1, breaker_seconds=0.05), Caller(has_alternative=has_alternative)
    await asked(1, Scripted([ServerFailed("down")]), at, Caller())
    call = Patient(Admitted(Scripted(["yes"]), at, caller), THRICE, caller).complete(REQUEST)
    if has_alternative:
        with pytest.raises(CircuitOpen, match="failed 1 times in a row"):
            await call
    else:
        assert (await call).text == "yes"
    assert caller.sent == sent


async def test_waiting_for_a_turn_is_told():
    caller = Caller()
    release = anyio.Event()

    async def answer(request):
        await release.wait()
        return "yes"

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(asked, 2, Scripted(answer), host(limits=Limits(concurrency=1)), caller)
        await anyio.sleep(0.02)
        # It is said while it waits, not only afterwards.
        assert [type(notice) for notice in caller.notices] == [Queueing]
        release.set()
    # On a machine that is busy the first may be late too.
    assert max(queued.seconds for queued in caller.of(Queued)) >= 0.01


@pytest.mark.parametrize(
    ("address", "name"),
    [("https://api.openai.com/v1", "api.openai.com"), ("http://u:p@localhost:8000/v1", "localhost:8000"),
     (None, "api.openai.com"), ("http://Box:8000", "box:8000"), ("http://[::1]:8000/v1", "[::1]:8000")],
)  # fmt: skip
def test_a_host_is_named_by_its_address(address, name):
    assert host_of(Model(name="m", provider="openai", wire_name="m", base_url=address)) == name


@pytest.mark.parametrize(
    ("provider", "address", "keys", "found"),
    [
        ("openai", "http://box:8000/v1", ["box:8000", "box"], 1),
        ("openai", "http://box:8000/v1", ["box:8001", "BOX"], 2),
        ("openai", "http://[::1]:8000/v1", ["[::1]"], 1),
        ("openai", "http://127.0.0.1:8000/v1", ["localhost:8000", "127.0.0.1:80", "openai"], None),
        ("openai", None, ["api.openai.com"], 1),
        ("openai", None, ["openai"], 1),
        ("openai", "https://api.openai.com/v1", ["openai"], 1),
        ("ollama", None, ["gpu:11434"], 1),
        ("ollama", None, ["ollama"], 1),
        ("ollama", "http://other:11434", ["ollama", "gpu"], None),
        ("llamacpp", None, ["llamacpp"], 1),
    ],
)
def test_limits_are_set_by_host_and_port_by_host_or_by_provider(monkeypatch, provider, address, keys, found):
    monkeypatch.setenv("OLLAMA_HOST", "gpu")
    limits = {key: Limits(concurrency=number) for number, key in enumerate(keys, 1)}
    model = Model(name="m", provider=provider, wire_name="m", base_url=address)
    assert limits_of(host_of(model), limits).concurrency == found
