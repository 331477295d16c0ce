"""A server of OpenAI's protocol whose answers follow from the request alone, and that notes every request.

With `faults`, a share of the requests is answered by 429, 500, garbage, a cut connection, or not at all.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from hashlib import sha256
from pathlib import Path
from typing import Any

REPLY_SECONDS = 0.01


class Server:
    """Writes a line per request to `log`: the digest of its body and how it was treated."""

    def __init__(self, log: Path, faults: float, seed: int) -> None:
        self._log = log.open("a", encoding="utf-8", buffering=1)
        self._faults = faults
        self._random = random.Random(seed)

    async def serve(self) -> None:
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        async with server:
            await server.serve_forever()

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while await self._one(reader, writer):
                pass
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    async def _one(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = int(head.partition("content-length:")[2].partition("\r\n")[0])
        body = await reader.readexactly(length)
        digest = sha256(body).hexdigest()[:16]
        if self._random.random() < self._faults:
            return await self._fault(digest, writer)
        await asyncio.sleep(REPLY_SECONDS * self._random.random() * 2)
        self._log.write(f"{digest} ok\n")
        _send(writer, 200, json.dumps(reply(json.loads(body))).encode())
        await writer.drain()
        return True

    async def _fault(self, digest: str, writer: asyncio.StreamWriter) -> bool:
        kind = self._random.choice(("429", "500", "hang", "cut", "garbage"))
        self._log.write(f"{digest} {kind}\n")
        match kind:
            case "429":
                _send(writer, 429, b'{"error": {"message": "slow down"}}', "retry-after: 0.05\r\n")
            case "500":
                _send(writer, 500, b"oops")
            case "garbage":
                _send(writer, 200, b"\x00\xff{not json")
            case "hang":
                await asyncio.sleep(3600)
            case _:
                writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 500\r\n\r\n{")
                await writer.drain()
                return False
        await writer.drain()
        return True


def reply(body: dict[str, Any]) -> dict[str, Any]:
    """A number that follows from the last message and the seed; a list where a list is asked for."""
    said = body["messages"][-1]["content"]
    drawn = int(sha256(f"{said} {body.get('seed')} {body['model']}".encode()).hexdigest(), 16)
    text = f"The answer is {drawn % 3}."
    if "LIST" in said:
        text = json.dumps([f"item {n} of {drawn % 7}" for n in range(8)])
    return {
        "id": "1", "object": "chat.completion", "model": body["model"],
        "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": len(said), "completion_tokens": len(text)},
    }  # fmt: skip


def _send(writer: asyncio.StreamWriter, status: int, body: bytes, headers: str = "") -> None:
    kind = "content-type: application/json\r\n"
    head = f"HTTP/1.1 {status} X\r\n{kind}content-length: {len(body)}\r\n{headers}\r\n"
    writer.write(head.encode() + body)


if __name__ == "__main__":
    asyncio.run(Server(Path(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])).serve())
