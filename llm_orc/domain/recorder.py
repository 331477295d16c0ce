"""What a run tells its journal, and what it asks of it."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from secrets import token_hex
from time import time
from typing import Literal, Protocol

from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.events import Event
from llm_orc.domain.json import JsonValue
from llm_orc.domain.usage import Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelCall:
    """One call of a model that has ended: `completion`, or the `error` that it ended with, or neither for one
    that was given up.

    `agent` is the agent's name behind those of the agents around it. `started_at` is Unix time; `cost_usd`
    is None when the price is unknown. `cached`: nothing was sent.
    """

    agent: str
    request: Request
    completion: Completion | None = None
    error: Cause | None = None
    cost_usd: float | None = None
    cached: bool = False
    started_at: float
    duration_s: float


WorkKind = Literal["script", "tool", "route"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a script or a tool made, or which model an agent was given: `output`. `key` is that of what was
    given to it."""

    kind: WorkKind
    agent: str
    key: bytes
    output: JsonValue


class Recorder(Protocol):
    """The journal of one run. It is made before the run and closed after it."""

    @property
    def run_id(self) -> str: ...

    @property
    def brought_nothing(self) -> Mapping[str, int]:
        """By agent, the calls of earlier attempts that were sent and not answered."""
        ...

    @property
    def attempt(self) -> int:
        """How many processes have worked at the run, this one included."""
        ...

    @property
    def spent(self) -> Spent:
        """What the earlier ones took."""
        ...

    @property
    def last_seq(self) -> int:
        """The number of the last event that is already recorded; 0 for a new run."""
        ...

    def observe(self, event: Event, /) -> None:
        """Keep an event; it is written later, in order."""
        ...

    def recall(self, agent: str, request: Request) -> Completion | None:
        """The answer that the agent got to the same request before, each recorded answer once."""
        ...

    def recall_work(self, kind: WorkKind, agent: str, key: bytes) -> Work | None:
        """What was made of the same before, each recorded work once."""
        ...

    async def record_work(self, work: Work) -> None:
        """Returns when it would survive the end of this process; at once for a route, which is worth nothing
        without the calls that follow it."""
        ...

    async def record(self, call: ModelCall) -> None:
        """Returns when an answer is on the disk, and at once for an error or what the cache answered.

        Where it cannot be written, this does not return: the run is being ended (`broken`).
        """
        ...

    async def flush(self) -> Cause | None:
        """Write all that was told so far; why it cannot be written, None when it was."""
        ...

    def broken(self) -> Awaitable[Cause]:
        """Waits until the journal cannot be written any more, and says why."""
        ...


def work_key(kind: WorkKind, given: JsonValue) -> bytes:
    """32 bytes that are the same exactly when the same is given to the same kind of work."""
    text = json.dumps(given, sort_keys=True, ensure_ascii=True, separators=(",", ":"), default=dict)
    return sha256(f"{kind} {text}".encode()).digest()


def new_run_id() -> str:
    """20 hexadecimal digits that sort by time."""
    return f"{int(time() * 1000):012x}{token_hex(4)}"
