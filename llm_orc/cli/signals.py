"""Ctrl-C and SIGTERM end a run in order; a second one ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager

import anyio

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def interrupted_by_signals() -> Iterator[anyio.Event]:
    """An event that is set by the first signal: what runs is cancelled, its result is printed.

    A handler of the event loop, not a task that waits for signals: what the block raises passes as it is.
    """
    interrupt = anyio.Event()
    loop = asyncio.get_running_loop()

    def handle() -> None:
        if interrupt.is_set():
            os._exit(130)
        interrupt.set()

    for number in _SIGNALS:
        loop.add_signal_handler(number, handle)
    try:
        yield interrupt
    finally:
        for number in _SIGNALS:
            loop.remove_signal_handler(number)
