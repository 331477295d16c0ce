"""1,000 calls at concurrency 64 to a local server: the `openai` provider against a bare client loop."""

from __future__ import annotations

import json
import statistics
from collections.abc import Awaitable, Callable
from time import perf_counter

import anyio

from llm_orc.domain.completion import Message, Request
from llm_orc.domain.model import Model
from llm_orc.providers.http import httpx  # type: ignore[attr-defined]  # whichever of the two it uses
from llm_orc.providers.openai import OpenAI
from tests.servers.faulty import serving

CALLS, AT_ONCE, ROUNDS = 1000, 64, 5


async def spread(call: Callable[[], Awaitable[object]]) -> float:
    """Seconds for `CALLS` calls, `AT_ONCE` at a time."""
    limit = anyio.CapacityLimiter(AT_ONCE)

    async def one() -> None:
        async with limit:
            await call()

    began = perf_counter()
    async with anyio.create_task_group() as tasks:
        for _ in range(CALLS):
            tasks.start_soon(one)
    return perf_counter() - began


async def measure(base_url: str) -> list[tuple[float, float]]:
    """Pairs of seconds: bare client, provider; in turn."""
    request = Request(
        model=Model(name="m", provider="openai", wire_name="m", base_url=base_url),
        messages=(Message("user", "hello"),),
    )
    body = json.dumps({"model": "m", "messages": [{"role": "user", "content": "hello"}]}).encode()
    headers = {"content-type": "application/json"}
    provider = OpenAI(base_url=base_url)
    limits = httpx.Limits(max_connections=None, max_keepalive_connections=AT_ONCE)
    async with httpx.AsyncClient(limits=limits) as client:

        async def bare() -> None:
            reply = await client.post(f"{base_url}/chat/completions", content=body, headers=headers)
            json.loads(reply.content)

        async def ours() -> None:
            await provider.complete(request)

        pairs = [(await spread(bare), await spread(ours)) for _ in range(ROUNDS + 1)]
    await provider.aclose()
    return pairs[1:]


def main() -> None:
    """Print the medians and their ratio."""
    with serving() as server:
        pairs = anyio.run(measure, server.openai_url)
    base, ours = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"{'1,000 HTTP calls at 64':28} {ours:8.2f} s    bare client {base:7.2f} s   ratio {ours / base:5.2f}"
    )


if __name__ == "__main__":
    main()
