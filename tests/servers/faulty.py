"""A server that speaks OpenAI's, Ollama's and Anthropic's protocols, and fails on demand.

Without orders it answers every chat with `echo: ` and the last message. `script` tells it how to treat the
next requests, in order. In a test, use the fixture `faulty_server`; by hand, run this file with a port.
"""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections import deque
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

Json = dict[str, Any]


@dataclass(frozen=True)
class Reply:
    """How to treat one request. `body` is JSON, or bytes to send as they are; None answers normally.

    `keep` bytes of the reply are sent before the connection is cut. `held` waits for `release`; `hang` never
    answers. In `text`, `{authorization}` is replaced by what the request's header said.
    """

    status: int = 200
    body: Json | list[Any] | bytes | None = None
    text: str | None = None
    headers: dict[str, str] = field(default_factory=dict)
    delay_seconds: float = 0.0
    keep: int | None = None
    hang: bool = False
    held: bool = False


@dataclass(frozen=True)
class Received:
    """A request as it came. `body` is {} when there was none."""

    method: str
    path: str
    headers: dict[str, str]
    body: Json


class FaultyServer:
    """Runs on a thread of its own between `start` and `stop`; `url` is its address without a path."""

    def __init__(self, port: int = 0) -> None:
        self._port = port
        self._script: deque[Reply] = deque()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._released = asyncio.Event()
        self.received: list[Received] = []
        self.arrived = threading.Event()
        self.arrivals = threading.Semaphore(0)
        self.hung_up = threading.Event()
        self.url = ""
        self.most_at_once = 0
        self._at_once = 0

    @property
    def openai_url(self) -> str:
        return f"{self.url}/v1"

    @property
    def bodies(self) -> list[Json]:
        return [request.body for request in self.received]

    def script(self, *replies: Reply) -> None:
        """What to do with the next requests; afterwards all is normal again."""
        self._script.extend(replies)

    def release(self) -> None:
        """Answer the requests that are `held`."""
        self._loop.call_soon_threadsafe(self._released.set)

    def start(self) -> None:
        self._thread.start()
        self._in_loop(self._listen())

    def stop(self) -> None:
        self._in_loop(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def _in_loop(self, work: Coroutine[Any, Any, None]) -> None:
        asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _listen(self) -> None:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", self._port)
        self.url = f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    async def _close(self) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        try:
            while await self._serve(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        """One request; False when the connection is not to be used again."""
        request = await _read_request(reader)
        self.received.append(request)
        reply = self._script.popleft() if self._script else Reply()
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        self.arrived.set()
        self.arrivals.release()
        try:
            if not await self._wait(reply, reader):
                return False
            data = _render(reply, request)
        finally:
            self._at_once -= 1
        if reply.keep is not None:
            writer.write(data[: reply.keep])
            await writer.drain()
            return False
        writer.write(data)
        await writer.drain()
        return True

    async def _wait(self, reply: Reply, reader: asyncio.StreamReader) -> bool:
        await asyncio.sleep(reply.delay_seconds)
        if reply.held:
            await self._released.wait()
        if reply.hang:
            # A client that goes away is all that can end this.
            await reader.read()
            self.hung_up.set()
        return not reply.hang


async def _read_request(reader: asyncio.StreamReader) -> Received:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    first, *lines = head.strip().split("\r\n")
    method, path, _ = first.split(" ")
    headers = {name.lower(): value for name, value in (line.split(": ", 1) for line in lines)}
    data = await reader.readexactly(int(headers.get("content-length", 0)))
    return Received(method, path, headers, json.loads(data) if data else {})


def _render(reply: Reply, request: Received) -> bytes:
    if isinstance(reply.body, bytes):
        payload = reply.body
    elif reply.body is not None:
        payload = json.dumps(reply.body).encode()
    else:
        payload = _answer(request, reply.text)
    if not payload and reply.body is None:
        reply = replace(reply, status=404)
    secret = request.headers.get("authorization") or request.headers.get("x-api-key", "")
    payload = payload.replace(b"{authorization}", secret.encode())
    headers = {"content-type": "application/json", "content-length": str(len(payload)), **reply.headers}
    lines = [f"HTTP/1.1 {reply.status} Scripted", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + payload


def _answer(request: Received, text: str | None) -> bytes:
    """What a server in order would say."""
    path = request.path.partition("?")[0]
    if path in LISTS:
        return json.dumps(LISTS[path]).encode()
    if path in EMBEDDERS:
        return json.dumps(EMBEDDERS[path](request.body)).encode()
    if path not in SPEAKERS:
        return b""
    say = f"echo: {request.body['messages'][-1]['content']}" if text is None else text
    return SPEAKERS[path](request.body, say)


def _openai(body: Json, text: str) -> bytes:
    usage = {"prompt_tokens": 7, "completion_tokens": len(text.split()), "total_tokens": 7}
    if body.get("stream"):
        pieces = [{"delta": {"content": f"{word} "}, "finish_reason": None} for word in text.split()]
        pieces.append({"delta": {}, "finish_reason": "stop"})
        chunks = [{"choices": [{"index": 0, **piece}]} for piece in pieces]
        lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in chunks]
        return "".join([": comment\n\n", *lines, "data: [DONE]\n\n"]).encode()
    choice: Json = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    if body.get("logprobs"):
        choice["logprobs"] = {"content": _logprobs(text, body)}
    choices = [{"index": index, **choice} for index in range(body.get("n", 1))]
    return json.dumps({"model": body["model"], "choices": choices, "usage": usage}).encode()


def _ollama(body: Json, text: str) -> bytes:
    last = {
        "model": body["model"], "message": {"role": "assistant", "content": text}, "done": True,
        "done_reason": "stop", "load_duration": 1_500_000_000, "prompt_eval_count": 7,
        "eval_count": len(text.split()),
    }  # fmt: skip
    if body.get("stream", True):
        words = [{"message": {"content": f"{word} "}, "done": False} for word in text.split()]
        lines = [*words, {**last, "message": {"content": ""}}]
        return "".join(json.dumps(line) + "\n" for line in lines).encode()
    if body.get("logprobs"):
        last["logprobs"] = _logprobs(text, body)
    return json.dumps(last).encode()


def _anthropic(body: Json, text: str) -> bytes:
    usage = {"input_tokens": 7, "output_tokens": len(text.split())}
    if body.get("stream"):
        events: list[Json] = [{"type": "message_start", "message": {"usage": usage}}, {"type": "ping"}]
        for word in text.split():
            delta = {"type": "text_delta", "text": f"{word} "}
            events.append({"type": "content_block_delta", "index": 0, "delta": delta})
        events.append({"type": "message_delta", "delta": {"stop_reason": "end_turn"}, "usage": usage})
        events.append({"type": "message_stop"})
        return "".join(f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events).encode()
    content = [{"type": "text", "text": text}]
    return json.dumps(
        {"model": body["model"], "content": content, "stop_reason": "end_turn", "usage": usage}
    ).encode()


def _logprobs(text: str, body: Json) -> list[Json]:
    others = [{"token": "x", "logprob": -2.0}] * body.get("top_logprobs", 0)
    return [{"token": word, "logprob": -0.5, "top_logprobs": others} for word in text.split()]


def _vector(text: str) -> list[float]:
    """How often each vowel occurs: texts with the same vowels are alike."""
    return [float(text.lower().count(vowel)) for vowel in "aeiou"]


def _openai_vectors(body: Json) -> Json:
    """In another order than that of the texts, as the protocol allows."""
    made = [{"index": index, "embedding": _vector(text)} for index, text in enumerate(body["input"])]
    return {"data": made[::-1], "usage": {"prompt_tokens": len(body["input"]), "total_tokens": 0}}


def _ollama_vectors(body: Json) -> Json:
    made = [_vector(text) for text in body["input"]]
    return {"model": body["model"], "embeddings": made, "prompt_eval_count": len(body["input"])}


EMBEDDERS: dict[str, Callable[[Json], Json]] = {
    "/v1/embeddings": _openai_vectors,
    "/api/embed": _ollama_vectors,
}
SPEAKERS: dict[str, Callable[[Json, str], bytes]] = {
    "/v1/chat/completions": _openai,
    "/api/chat": _ollama,
    "/v1/messages": _anthropic,
}
LISTS: dict[str, Json] = {
    "/v1/models": {"data": [{"id": "small"}, {"id": "large"}]},
    "/api/tags": {"models": [{"name": "small", "size": 10}, {"name": "large", "size": 20}]},
    "/api/version": {"version": "0.12.3"},
    "/api/ps": {"models": [{"name": "large", "size_vram": 6_000_000_000}]},
}


@contextmanager
def serving(port: int = 0) -> Iterator[FaultyServer]:
    server = FaultyServer(port)
    server.start()
    try:
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    with serving(int(sys.argv[1]) if len(sys.argv) > 1 else 0) as here:
        sys.stdout.write(f"{here.url}\n")
        sys.stdout.flush()
        threading.Event().wait()
