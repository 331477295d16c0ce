"""Which process works at a run, and whether it still does."""

from __future__ import annotations

import os
import socket
from pathlib import Path


def this_process() -> str:
    """Its machine, number and, where the system tells, start: numbers are given again."""
    return _named(os.getpid())


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


def _named(number: int) -> str:
    try:
        # The 22nd field of proc(5), counted behind the name, which may hold anything.
        start = Path(f"/proc/{number}/stat").read_text(encoding="utf-8", errors="replace")
        started = start.rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        started = "-"
    return f"{socket.gethostname()} {number} {started}"
