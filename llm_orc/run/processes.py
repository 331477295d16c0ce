"""Which process works at a run, and whether it still does."""

from __future__ import annotations

import os
import signal
import socket
from functools import lru_cache
from pathlib import Path

from llm_orc.errors import NotAvailable, NotFound, UsageFailed


def this_process() -> str:
    """Its machine, number and, where the system tells, start: numbers are given again."""
    return _own(os.getpid())


@lru_cache(maxsize=1)
def _own(number: int) -> str:
    return _named(number)


def has_ended(process: str) -> bool:
    """Whether a process is known to be gone; of another machine's nothing is known."""
    machine, _, rest = process.partition(" ")
    number = rest.partition(" ")[0]
    if machine != socket.gethostname() or not number.isdigit():
        return False
    try:
        os.kill(int(number), 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        pass
    return _named(int(number)) != process


def interrupt(process: str) -> None:
    """Ask a process to end what it runs in order, as Ctrl-C does.

    Raises `NotFound` when it is gone, `UsageFailed` when it is another user's or on another machine, and
    `NotAvailable` where the system cannot tell whether it still is that process.
    """
    machine, _, rest = process.partition(" ")
    number, _, started = rest.partition(" ")
    if machine != socket.gethostname() or not number.isdigit():
        raise UsageFailed(f"the run is at work on {machine}", hint="interrupt it there")
    if not (started.isdigit() and hasattr(os, "pidfd_open")):
        raise NotAvailable(
            f"this system does not say whether process {number} still is the one that runs it",
            hint=f"look, then: kill -INT {number}",
        )
    try:
        _signal_if_same(int(number), process)
    except ProcessLookupError as error:
        raise NotFound(f"the process {number} that ran it is gone") from error
    except PermissionError as error:
        raise UsageFailed(
            f"process {number} belongs to another user", hint="its own user can interrupt it"
        ) from error


def _signal_if_same(number: int, process: str) -> None:
    """What the descriptor stands for cannot become another process between the look and the signal."""
    descriptor = os.pidfd_open(number)
    try:
        if _named(number) != process:
            raise ProcessLookupError
        if Path(f"/proc/{number}").stat().st_uid != os.getuid():
            raise PermissionError
        signal.pidfd_send_signal(descriptor, signal.SIGINT)
    except FileNotFoundError as error:
        raise ProcessLookupError from error
    finally:
        os.close(descriptor)


def _named(number: int) -> str:
    try:
        # The 22nd field of proc(5), counted behind the name, which may hold anything.
        start = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
        started = start.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        started = "-"
    return f"{socket.gethostname()} {number} {started}"
