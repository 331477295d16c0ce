"""Before there is a request: who may connect, how many, and for how long they may say nothing."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from http.client import HTTPResponse
from pathlib import Path
from time import monotonic, sleep

import pytest

from llm_orc.serve.connections import MOST_CONNECTIONS
from llm_orc.serve.feed import MOST_VIEWERS
from llm_orc.serve.peers import is_stranger
from tests.cli.command_line import DEADLINE, agent

from .server import serving

TOKEN = "0123456789abcdef-token"
NOBODY = 65534
becomes_another_user = pytest.mark.skipif(
    sys.platform != "linux" or os.getuid() != 0,
    reason="only Linux tells whose a connection is, only root can become another user",
)
MANY = f"""
import socket, sys
held = [socket.create_connection(("127.0.0.1", int(sys.argv[1]))) for _ in range({MOST_CONNECTIONS + 50})]
print(held[0].makefile("rb").read().decode().splitlines()[0], flush=True)
sys.stdin.read()
"""
FLEETING = """
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1]))) as link:
    link.sendall(b"POST /api/runs/last/cancel HTTP/1.1\\r\\nHost: localhost\\r\\n\\r\\n")
"""


@contextmanager
def another_user(code: str, port: int) -> Iterator[subprocess.Popen[bytes]]:
    command = ["/usr/bin/env", "python3", "-c", code, str(port)]
    with subprocess.Popen(
        command, user=NOBODY, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/"
    ) as child:
        yield child
        child.kill()


@contextmanager
def connected(port: int, sent: bytes = b"") -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", port), timeout=DEADLINE) as link:
        link.sendall(sent)
        yield link


def answer(link: socket.socket) -> HTTPResponse:
    found = HTTPResponse(link)
    found.begin()
    return found


def forgotten(port: int) -> int:
    """Whose an end on this machine is said to be once it is no process's any more (FIN_WAIT2)."""
    until = monotonic() + DEADLINE
    while monotonic() < until:
        for line in Path("/proc/net/tcp").read_text().splitlines()[1:]:
            columns = line.split()
            if columns[1].endswith(f":{port:04X}") and columns[3] == "05":
                return int(columns[7])
        sleep(0.01)
    raise TimeoutError(f"port {port} is not seen")


@becomes_another_user
def test_connections_of_another_user_are_refused_and_take_no_place(server):
    with another_user(MANY, server.port) as child:
        assert child.stdout.readline() == b"HTTP/1.1 403 Forbidden\n"
        assert server("/api/runs").status == 200


@becomes_another_user
def test_another_user_who_is_gone_already_is_a_stranger():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        here = listening.getsockname()
        with another_user(FLEETING, here[1]) as child:
            child.wait()
            accepted, peer = listening.accept()
            with accepted:
                # What was sent can be read, and the system says that it is root's.
                assert forgotten(peer[1]) == 0
                assert is_stranger(peer, here)


def test_whoever_does_not_say_what_it_wants_is_not_waited_for(server):
    whole = b"GET /api/runs HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with (
        connected(server.port) as silent,
        connected(server.port, b"GET / HTTP/1.1\r\nHost: loc") as half,
        connected(server.port, whole) as again,
    ):
        assert answer(again).read()
        again.sendall(b"GET /api")
        assert silent.recv(1) == half.recv(1) == again.recv(1) == b""
    # It was the server that closed them, and not its end.
    assert server("/api/runs").status == 200


def test_too_many_connections_are_a_clear_error(project):
    # With a token, since the system is not asked then, which takes a moment each time.
    with serving(project, "--token", TOKEN) as server, ExitStack() as held:
        links = [held.enter_context(connected(server.port)) for _ in range(MOST_CONNECTIONS + 1)]
        told = answer(links[-1])
        assert (told.status, json.load(told)["error"]["kind"]) == (503, "too_many")


def test_what_is_no_request_is_a_clear_error_too(server):
    for nonsense in (b"\x16\x03\x01 what\r\n\r\n", b"GET / HTTP/1.1\r\nHost: a\r\nX: " + b"x" * 40_000):
        with connected(server.port, nonsense) as link:
            told = answer(link)
            assert (told.status, told.headers["x-content-type-options"]) == (400, "nosniff")
            assert json.load(told)["error"]["kind"] == "bad_request"


def test_pages_that_watch_are_counted_also_when_they_come_at_once(project, server):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")
    asked = b"GET /api/runs/last/stream HTTP/1.1\r\nHost: localhost\r\n\r\n"
    with ExitStack() as held:
        links = [held.enter_context(connected(server.port, asked)) for _ in range(MOST_VIEWERS + 12)]
        told = [answer(link) for link in links]
        refused = [each for each in told if each.status != 200]
        assert [each.status for each in refused] == [429] * 12
        assert json.load(refused[0])["error"]["kind"] == "too_many"
