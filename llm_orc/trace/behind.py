"""Work that is done behind the run: in one thread, mostly while the run waits for models anyway."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from time import sleep
from typing import TypeAlias

LINGER_SECONDS = 0.2
"""How long work may lie. It is cheaper done together, and a trace is looked at later."""
_SLICE = 16

Job: TypeAlias = Callable[[], object]


class Behind:
    """Does jobs in order. What a job raises is a bug: it ends the thread, and `close` raises it."""

    def __init__(self) -> None:
        self._jobs: deque[Job] = deque()
        self._some = threading.Event()
        self._closing = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._work, name="llm-orc-spans", daemon=True)
        self._thread.start()

    def put(self, job: Job) -> None:
        """Costs its caller next to nothing."""
        self._jobs.append(job)
        if len(self._jobs) == 1:
            self._some.set()

    def close(self) -> None:
        """Returns when all is done."""
        self._closing.set()
        self._some.set()
        self._thread.join()
        if self._failure is not None:
            raise self._failure

    def _work(self) -> None:
        is_last = False
        while not is_last:
            self._some.wait()
            is_last = self._closing.wait(LINGER_SECONDS)
            self._some.clear()
            try:
                self._drain()
            except BaseException as error:  # noqa: BLE001 - it is raised again where it is seen
                self._failure = error
                return

    def _drain(self) -> None:
        while self._jobs:
            for _ in range(min(_SLICE, len(self._jobs))):
                self._jobs.popleft()()
            # Lets the run go on, should it have something to do by now: threads of Python take turns.
            sleep(0)
