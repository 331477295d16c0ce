"""Run a script agent: JSON on standard input, JSON or text on standard output.

The script runs in a process group of its own, which ends with the agent: whatever the script
started, and however the agent ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from subprocess import PIPE

import anyio
from anyio.abc import ByteReceiveStream, Process

from llm_orc.domain.ensemble import Script
from llm_orc.domain.json import JsonObject, JsonValue, parse_json
from llm_orc.domain.span import to_carry
from llm_orc.errors import ScriptFailed

_LOG_BYTES = 100_000
_CHUNK = 65_536


def given_to(script: Script, inputs: JsonValue, dependencies: Mapping[str, JsonValue]) -> JsonObject:
    """All that decides what the script prints: the program, its file as it is now, what it is given."""
    files = {}
    for part in script.command:
        path = Path(part)
        if path.is_absolute() and path.is_file():
            files[part] = sha256(path.read_bytes()).hexdigest()
    return {
        "command": list(script.command), "files": files, "input": inputs, "parameters": script.parameters,
        "dependencies": dependencies,
    }  # fmt: skip


async def run_script(
    script: Script, inputs: JsonValue, dependencies: Mapping[str, JsonValue]
) -> tuple[JsonValue, str]:
    """What the script printed, parsed if it is JSON, and what it wrote to standard error.

    Raises `ScriptFailed` for a program that cannot be started, a bad exit code, output that is too
    long, or output that is not text.
    """
    given: JsonObject = {"input": inputs, "parameters": script.parameters, "dependencies": dependencies}
    # Shielded: a cancellation while the process starts would leave it behind.
    with anyio.CancelScope(shield=True):
        process = await _start(script)
    kept = _Kept(script.max_output_bytes)
    log = _Kept(_LOG_BYTES)
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(_feed, process, json.dumps(given, ensure_ascii=False).encode())
            tasks.start_soon(_collect, process.stderr, log, None)
            tasks.start_soon(_collect, process.stdout, kept, process)
            await process.wait()
            # What it left running would keep the pipes open.
            _kill_group(process)
    finally:
        _kill_group(process)
        with anyio.CancelScope(shield=True):
            await process.wait()
            await process.aclose()
    logged = log.text()
    if kept.overflowed:
        raise ScriptFailed(
            f"{_name(script)} printed more than {script.max_output_bytes:,} bytes",
            hint="print less, or raise max_output_bytes",
        )
    if process.returncode != 0:
        raise ScriptFailed(f"{_name(script)} {_ending(process.returncode)}{_last_line(logged)}")
    return _parsed(script, bytes(kept.data)), logged


class _Kept:
    """The first `limit` bytes of a stream, and whether there were more."""

    def __init__(self, limit: int) -> None:
        self.data = bytearray()
        self.limit = limit
        self.overflowed = False

    def text(self) -> str:
        return self.data.decode("utf-8", errors="replace").strip()


async def _start(script: Script) -> Process:
    trace = {name.upper(): value for name, value in to_carry().items()}
    try:
        return await anyio.open_process(
            list(script.command),
            stdin=PIPE,
            stdout=PIPE,
            stderr=PIPE,
            cwd=script.directory,
            env={**os.environ, **trace} if trace else None,
            start_new_session=True,
        )
    except OSError as error:
        raise ScriptFailed(f"{_name(script)} cannot be started: {error.strerror}") from error


async def _feed(process: Process, data: bytes) -> None:
    """A script need not read what it is given."""
    if process.stdin is not None:
        with contextlib.suppress(anyio.BrokenResourceError, anyio.ClosedResourceError):
            await process.stdin.send(data)
            await process.stdin.aclose()


async def _collect(stream: ByteReceiveStream | None, kept: _Kept, ends: Process | None) -> None:
    """Read to the end. Past the limit, `ends` is ended; without it, what follows is dropped."""
    if stream is None:
        return
    with contextlib.suppress(anyio.EndOfStream, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while True:
            chunk = await stream.receive(_CHUNK)
            room = kept.limit - len(kept.data)
            kept.data += chunk[:room]
            if len(chunk) > room:
                kept.overflowed = True
                if ends is not None:
                    _kill_group(ends)
                    return


def _kill_group(process: Process) -> None:
    """End the whole process group, also one whose leader is gone."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)


def _parsed(script: Script, data: bytes) -> JsonValue:
    try:
        text = data.decode("utf-8").strip()
    except UnicodeDecodeError as error:
        raise ScriptFailed(f"{_name(script)} printed what is not UTF-8 text (byte {error.start})") from error
    if not text or text[0] not in '{["-0123456789tfn':
        return text
    try:
        return parse_json(text)
    except ValueError:
        return text


def _name(script: Script) -> str:
    """The script's file, or the command line of an inline command."""
    program, *rest = script.command
    if len(rest) == 1 and rest[0].startswith("/"):
        return f"script {os.path.relpath(rest[0])}"
    shown = " ".join([os.path.basename(program), *rest])  # noqa: PTH119 - a string, not a file
    return f"script {shown if len(shown) <= 60 else shown[:59] + '…'!r}"


def _ending(code: int | None) -> str:
    if code is not None and code < 0:
        return f"was ended by signal {signal.Signals(-code).name}"
    return f"ended with exit code {code}"


def _last_line(log: str) -> str:
    lines = log.splitlines()
    return f": {lines[-1][:300]}" if lines else ""
