"""What is settled before there is a request: whose a connection is, how many there may be, how long it may
take to say what it wants.

uvicorn counts connections only when a request is complete, and waits for that for ever: whoever opens enough
of them and says nothing would lock everybody out.
"""

from __future__ import annotations

import json
from asyncio import TimerHandle, Transport
from http import HTTPStatus

from uvicorn.protocols.http.h11_impl import H11Protocol

from llm_orc.serve.access import HEADERS
from llm_orc.serve.peers import is_stranger
from llm_orc.serve.refusal import shape

MOST_CONNECTIONS = 400
HEAD_SECONDS = 5.0
"""How long the head of a request may take, from the connection or the answer before it."""


class Protocol(H11Protocol):
    """uvicorn's, with these rules. A connection that is refused is told why and never counted."""

    for_all_users = False
    """Whether whoever knows the token may connect, and not only the user of this process."""

    _refused = False
    _head: TimerHandle | None = None

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override]
        if not self.for_all_users and _is_strange(transport):
            self._refuse(transport, 403, "this server belongs to another user", "--token lets others in")
        elif len(self.connections) >= MOST_CONNECTIONS:
            self._refuse(transport, 503, f"{MOST_CONNECTIONS} connections are open already", "close some")
        else:
            super().connection_made(transport)
            self._wait_for_head()

    def _refuse(self, transport: Transport, status: int, message: str, hint: str) -> None:
        self._refused = True
        self.transport = transport
        transport.write(refused(status, message, hint))
        transport.close()

    def data_received(self, data: bytes) -> None:
        if self._refused:
            return
        super().data_received(data)
        if self._is_answering():
            self._stop_waiting()

    def on_response_complete(self) -> None:
        # Before: what follows may be the next request, that has come already.
        self._wait_for_head()
        super().on_response_complete()
        if self._is_answering():
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        if not self._refused:
            super().connection_lost(exc)

    def send_400_response(self, msg: str) -> None:
        """What is no HTTP, or too long for a head."""
        self.transport.write(refused(400, "this is no request that can be read", msg))
        self.transport.close()

    def _is_answering(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _wait_for_head(self) -> None:
        self._stop_waiting()
        self._head = self.loop.call_later(HEAD_SECONDS, self._give_up)

    def _stop_waiting(self) -> None:
        if self._head is not None:
            self._head.cancel()
            self._head = None

    def _give_up(self) -> None:
        if not self._is_answering():
            self.transport.close()


def _is_strange(transport: Transport) -> bool:
    """Whether the other end is another user's, or gone already, so that nobody can tell whose it was."""
    on = transport.get_extra_info("socket")
    try:
        found = is_stranger(on.getpeername()[:2], on.getsockname()[:2])
        # Asked again: one that was gone when the system was asked is not known to it.
        on.getpeername()
    except OSError:
        return True
    return found


def refused(status: int, message: str, hint: str = "") -> bytes:
    """A whole answer with an error, for a connection that ends with it."""
    body = json.dumps(shape(status, message, hint)).encode()
    headers = {
        "content-type": "application/json", "content-length": str(len(body)), "connection": "close",
        "cache-control": "no-store", **HEADERS,
    }  # fmt: skip
    head = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    return f"HTTP/1.1 {status} {HTTPStatus(status).phrase}\r\n{head}\r\n".encode() + body
