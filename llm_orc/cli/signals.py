"""Ctrl-C, SIGTERM and a closed terminal end a run in order; a third one ends the process at once."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

if TYPE_CHECKING:
    from llm_orc.optimize.stopping import Interrupt

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_SHOW_CURSOR = b"\x1b[?25h"


@contextmanager
def search_interrupts(grace_seconds: float) -> Iterator[Interrupt]:
    """The two events as a search takes them."""
    from llm_orc.optimize.stopping import Interrupt

    with interrupted_by_signals() as (asked, cancel):
        yield Interrupt(asked=asked, cancel=cancel, grace_seconds=grace_seconds)


@contextmanager
def interrupted_by_signals() -> Iterator[tuple[anyio.Event, anyio.Event]]:
    """Two events: the first signal sets the one, what is under way may end; the second sets the other.

    Handlers of the event loop, not a task that waits for signals: what the block raises passes as it is.
    """
    interrupt, cancel = anyio.Event(), anyio.Event()
    loop = asyncio.get_running_loop()

    def handle() -> None:
        if cancel.is_set():
            if os.isatty(2) and os.environ.get("TERM") != "dumb":
                os.write(2, _SHOW_CURSOR)  # the live view has hidden it
            os._exit(130)
        (cancel if interrupt.is_set() else interrupt).set()

    # What `nohup` ignores stays ignored.
    numbers = [n for n in _SIGNALS if n != signal.SIGHUP or signal.getsignal(n) != signal.SIG_IGN]
    for number in numbers:
        loop.add_signal_handler(number, handle)
    try:
        yield interrupt, cancel
    finally:
        for number in numbers:
            loop.remove_signal_handler(number)
