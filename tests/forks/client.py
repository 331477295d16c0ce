"""Runs a command in a fork. Each process of the suite starts one to fork from, at its first command, and
another at its first `optimize`, which has DSPy in memory."""

from __future__ import annotations

import atexit
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
from functools import cache
from pathlib import Path
from typing import BinaryIO

SERVER = Path(__file__).with_name("server.py")
SECONDS = 60.0
DSPY = ("dspy",)
PIPE_BYTES = 1 << 16
"""What a pipe holds before anybody reads."""

SHIM = """\
#!{python} -IS
import json, os, socket, sys
connection = socket.socket(socket.AF_UNIX)
connection.connect({dspy!r} if sys.argv[1:2] == ["optimize"] else {server!r})
request = {{"arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ)}}
socket.send_fds(connection, [json.dumps(request).encode()], [0, 1, 2])
_, code = connection.makefile()
sys.exit(int(code) % 256)
"""


def run(
    arguments: tuple[str, ...], folder: Path, environment: dict[str, str], stdin: bytes | None = None
) -> subprocess.CompletedProcess[str]:
    """What `llm-orc` with these arguments printed and how it ended. `stdin` is at most `PIPE_BYTES`.

    Raises TimeoutError after `SECONDS`, and kills it then.
    """
    with (
        reading(stdin) as given,
        tempfile.TemporaryFile() as out,
        tempfile.TemporaryFile() as err,
        socket.socket(socket.AF_UNIX) as connection,
    ):
        connection.connect(server(*DSPY) if arguments[:1] == ("optimize",) else server())
        request = {"arguments": arguments, "folder": str(folder), "environment": environment}
        files = [file.fileno() for file in (given, out, err)]
        socket.send_fds(connection, [json.dumps(request).encode()], files)
        given.close()
        connection.settimeout(SECONDS)
        told = connection.makefile()
        pid = int(told.readline())
        try:
            code = int(told.readline())
        except TimeoutError:
            os.kill(pid, signal.SIGKILL)
            raise
        out.seek(0)
        err.seek(0)
        return subprocess.CompletedProcess(arguments, code, out.read().decode(), err.read().decode())


def reading(content: bytes | None) -> BinaryIO:
    """A pipe with this content, or nothing to read."""
    if content is None:
        return Path(os.devnull).open("rb")
    reader, writer = os.pipe()
    os.write(writer, content)
    os.close(writer)
    return os.fdopen(reader, "rb")


def shim(folder: Path) -> Path:
    """Write `llm-orc` into a folder: a command that runs in a fork, and ends as that does."""
    path = folder / "llm-orc"
    path.write_text(SHIM.format(python=sys.executable, server=server(), dspy=server(*DSPY)), encoding="utf-8")
    path.chmod(0o755)
    return path


@cache
def server(*more: str) -> str:
    """The path of its socket. It ends with this process."""
    folder = tempfile.TemporaryDirectory(prefix="llm-orc-")
    path = f"{folder.name}/forks"
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.forks.server", path, *more], cwd=SERVER.parents[2], text=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
    )  # fmt: skip
    atexit.register(folder.cleanup)
    atexit.register(process.kill)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return path
