"""The embedded models: answers and tokens per second, against the engine asked directly."""

from __future__ import annotations

import json
import statistics
from concurrent.futures import ThreadPoolExecutor
from time import perf_counter
from typing import Any

import anyio
import xllamacpp

from llm_orc.domain.completion import Message, Request
from llm_orc.domain.model import Model, Sampling
from llm_orc.orchestrator import Orchestrator
from llm_orc.providers.llamacpp import SMALL_SLOTS, LlamaCpp

QUESTION = (
    "Mia has {n} bags of 4 pens each. She buys 13 more pens. Then she loses 6 pens. "
    "How many pens does Mia have now?"
)
ROUNDS, SINGLE, TOGETHER, AT_ONCE = 5, 40, 160, 40


def request(model: Model, n: int) -> Request:
    """One sampled answer to a question that no other request asks."""
    text = QUESTION.format(n=n)
    return Request(
        model=model,
        messages=(Message("user", text),),
        sampling=Sampling(temperature=0.7, seed=n, max_tokens=100),
    )


def body(n: int) -> bytes:
    """The same request as the engine reads it."""
    return json.dumps({
        "messages": [{"role": "user", "content": QUESTION.format(n=n)}], "temperature": 0.7, "seed": n,
        "max_tokens": 100, "top_k": 0, "top_p": 1.0, "min_p": 0.0,
    }).encode()  # fmt: skip


def engine(model: Model) -> xllamacpp.Server:
    """llama.cpp with the settings that the provider gives small files."""
    params = xllamacpp.CommonParams()
    params.model.path = model.path
    params.n_parallel, params.n_ctx = SMALL_SLOTS, SMALL_SLOTS * (model.context or 512)
    params.n_batch, params.cache_ram_mib, params.warmup, params.verbosity = 512, 0, False, -1
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = params.n_threads_http = 1
    return xllamacpp.Server(params)


def asked(server: xllamacpp.Server, request_body: bytes) -> Any:
    """One reply, read as the provider reads it."""
    replies: list[bytes] = []
    server.handle_chat_completions(request_body, replies.append)
    return json.loads(replies[0])


async def measure(model: Model) -> dict[str, list[tuple[float, float, int]]]:
    """For one at a time and many at once: seconds of the engine, seconds of ours, tokens of ours."""
    provider, direct = LlamaCpp(), engine(model)
    found: dict[str, list[tuple[float, float, int]]] = {"one at a time": [], f"{AT_ONCE} at once": []}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for _ in range(ROUNDS + 1):
            began = perf_counter()
            for n in range(SINGLE):
                asked(direct, body(n))
            middle = perf_counter()
            tokens = 0
            for n in range(SINGLE):
                tokens += (await provider.complete(request(model, n))).usage.output_tokens
            found["one at a time"].append((middle - began, perf_counter() - middle, tokens))
            began = perf_counter()
            await anyio.to_thread.run_sync(lambda: list(pool.map(lambda b: asked(direct, b), bodies())))
            middle = perf_counter()
            tokens = await together(provider, model)
            found[f"{AT_ONCE} at once"].append((middle - began, perf_counter() - middle, tokens))
    await provider.aclose()
    return {name: rows[1:] for name, rows in found.items()}


def bodies() -> list[bytes]:
    """The requests of one round of many at once."""
    return [body(n) for n in range(TOGETHER)]


async def together(provider: LlamaCpp, model: Model) -> int:
    """Ask `TOGETHER` questions, `AT_ONCE` at a time; the tokens that were written."""
    limit, written = anyio.CapacityLimiter(AT_ONCE), 0

    async def one(n: int) -> None:
        nonlocal written
        async with limit:
            completion = await provider.complete(request(model, n))
        written += completion.usage.output_tokens

    async with anyio.create_task_group() as tasks:
        for n in range(TOGETHER):
            tasks.start_soon(one, n)
    return written


def main() -> None:
    """Print answers and tokens per second, and the ratio of the times."""
    for name in ("tiny-medium", "tiny-large"):
        model = Orchestrator().model(name)
        for way, rows in anyio.run(measure, model).items():
            base, ours, _ = (statistics.median(column) for column in zip(*rows, strict=True))
            count = SINGLE if way == "one at a time" else TOGETHER
            tokens = statistics.median(row[2] for row in rows)
            print(
                f"{f'{name}, {way}':28} {count / ours:6.0f} answers/s {tokens / ours:7.0f} tokens/s"
                f"   engine {count / base:6.0f} answers/s   ratio {ours / base:5.2f}"
            )


if __name__ == "__main__":
    main()
