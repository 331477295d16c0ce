"""Server-sent events as an answer that ends at once when its reader is gone."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send


class EventStream:
    """An ASGI answer that sends `first`, and then what `messages` yields."""

    def __init__(self, messages: AsyncGenerator[bytes, None], first: bytes = b"") -> None:
        self._messages = messages
        self._first = first

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]
        async with aclosing(self._messages) as messages, anyio.create_task_group() as tasks:
            await send({"type": "http.response.start", "status": 200, "headers": headers})

            async def until_gone() -> None:
                while (await receive())["type"] != "http.disconnect":
                    pass
                tasks.cancel_scope.cancel()

            tasks.start_soon(until_gone)
            await send({"type": "http.response.body", "body": self._first, "more_body": True})
            async for message in messages:
                await send({"type": "http.response.body", "body": message, "more_body": True})
            await send({"type": "http.response.body", "body": b""})
            tasks.cancel_scope.cancel()
