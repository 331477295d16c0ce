"""Listening: a socket, uvicorn, and the end of both."""

from __future__ import annotations

import errno
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic
from typing import TYPE_CHECKING

import anyio

from llm_orc.errors import NotAvailable, UsageFailed
from llm_orc.orchestrator import Orchestrator
from llm_orc.serve.access import Access
from llm_orc.serve.app import application

if TYPE_CHECKING:
    import uvicorn
    from starlette.applications import Starlette

_LARGEST_HEAD = 32 * 1024
_LAST_SECONDS = 1


def listening(host: str, port: int) -> socket.socket:
    """A socket that waits for connections; port 0 takes a free one. Raises `UsageFailed`."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, socket.SOCK_STREAM)
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            found.bind(address)
            found.listen(128)
        except OSError:
            found.close()
            raise
    except (OSError, OverflowError) as error:
        taken = isinstance(error, OSError) and error.errno == errno.EADDRINUSE
        what = "the port is taken" if taken else getattr(error, "strerror", None) or str(error)
        raise UsageFailed(
            f"cannot listen on {host} port {port}: {what}", hint="--port 0 takes a free one"
        ) from error
    return found


async def serve(
    orchestrator: Orchestrator,
    access: Access,
    on: socket.socket,
    end: anyio.Event,
    until_idle: float | None = None,
) -> None:
    """Serve until `end` is set, or nobody has watched or asked anything for `until_idle` seconds."""
    app = application(orchestrator, access)
    server = _server(app, access)

    async def stop() -> None:
        if until_idle is None:
            await end.wait()
        else:
            await _idle(app, end, until_idle)
        server.should_exit = True

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop)
        await server.serve(sockets=[on])
        tasks.cancel_scope.cancel()


def check_installed() -> None:
    """Raises `NotAvailable` where the extra is missing."""
    try:
        import starlette  # noqa: F401
        import uvicorn  # noqa: F401
    except ImportError as error:
        raise NotAvailable(
            "serve needs starlette and uvicorn", hint="pip install 'llm-orc[serve]'"
        ) from error


def _server(app: Starlette, access: Access) -> uvicorn.Server:
    import uvicorn

    from llm_orc.serve.connections import Protocol

    class Connection(Protocol):
        for_all_users = access.token is not None

    class Server(uvicorn.Server):
        """Leaves signals to the command line."""

        @contextmanager
        def capture_signals(self) -> Iterator[None]:
            yield

    return Server(uvicorn.Config(
        app, log_level="critical", access_log=False, server_header=False, ws="none", lifespan="on",
        h11_max_incomplete_event_size=_LARGEST_HEAD, http=Connection,
        timeout_keep_alive=5, timeout_graceful_shutdown=_LAST_SECONDS, proxy_headers=False,
    ))  # fmt: skip


async def _idle(app: Starlette, end: anyio.Event, seconds: float) -> None:
    state = app.state.ours
    state.asked_at = monotonic()
    while monotonic() - state.asked_at < seconds and not end.is_set():
        if state.feed.viewers:
            state.asked_at = monotonic()
        with anyio.move_on_after(min(1.0, seconds)):
            await end.wait()
