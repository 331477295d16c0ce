"""Work that may take for ever and cannot be stopped in a thread, in a process that ends when its time is up.

A comparison of expressions (`9^{9^9}`) or a search for a pattern (`(a+)+$`) holds the interpreter, so that
not even a signal gets through.
"""

from __future__ import annotations

import atexit
import json
import subprocess
import sys
from threading import Lock
from typing import Literal


class Stoppable:
    """One process at a time, started on first use and again after each time that it ran out of time."""

    def __init__(self, task: Literal["equal", "search"]) -> None:
        self._task = task
        self._process: subprocess.Popen[str] | None = None
        self._lock = Lock()
        atexit.register(self.close)

    def ask(self, one: str, other: str) -> bool | None:
        """What the task says of two texts; None where it took too long. Raises `OSError` where no process
        starts."""
        with self._lock:
            if self._process is None:
                self._process = self._started()
            reply = _asked(self._process, json.dumps([one, other]))
            if not reply:
                self._stop()
                return None
            return reply == "true"

    def close(self) -> None:
        with self._lock:
            self._stop()

    def _started(self) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, "-m", "llm_orc.answers.verifying", self._task],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            encoding="utf-8", start_new_session=True,
        )  # fmt: skip
        if not _reply(process):
            process.communicate()
            raise OSError(f"the process for {self._task!r} does not start")
        return process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()


def _asked(process: subprocess.Popen[str], line: str) -> str:
    """Its reply, "" when it ended instead."""
    assert process.stdin is not None
    try:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
    except OSError:
        return ""
    return _reply(process)


def _reply(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    return process.stdout.readline().strip()
