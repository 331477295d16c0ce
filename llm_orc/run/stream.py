"""The one stream of events of a run: numbered, timed, handed to every observer in order."""

from __future__ import annotations

from collections.abc import Sequence
from time import time

from llm_orc.domain.events import Event, Happening, Observer


class EventStream:
    """Stamps what happens and tells the observers."""

    def __init__(self, observers: Sequence[Observer] = (), last_seq: int = 0) -> None:
        self._observers = tuple(observers)
        self._seq = last_seq

    def __call__(self, what: Happening) -> None:
        self._seq += 1
        event = Event(self._seq, time(), what)
        for observe in self._observers:
            observe(event)
