"""Requests and tokens in a minute: a call takes what it will probably need, and settles with what it took."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import monotonic

import anyio
from aiolimiter import AsyncLimiter

from llm_orc.domain.completion import Completion, Request
from llm_orc.domain.expecting import BYTES_PER_TOKEN, USUAL_OUTPUT, Lengths

MINUTE = 60.0


class Turn:
    """What one request takes of the minute's tokens: nothing before it is sent; then, while `taken` is None,
    what was set aside for it."""

    def __init__(self, request: Request, lengths: Lengths) -> None:
        # What bounds an answer is a better guess than what answers usually have.
        read, written = lengths.of(request, request.sampling.max_tokens or USUAL_OUTPUT)
        self.expected = read + request.n * written
        self.taken: int | None = 0
        self._read = read
        self._request = request
        self._lengths = lengths

    def sent(self) -> None:
        """From now on the server may count it."""
        self.taken = None

    def failed(self, *, counted: bool) -> None:
        """`counted`: the server may have answered all the same."""
        self.taken = None if counted else 0

    def answered(self, completion: Completion) -> None:
        """What a server does not report is estimated from what it wrote."""
        usage = completion.usage
        texts = sum(len(choice.text.encode("utf-8", "surrogatepass")) for choice in completion.choices)
        written = usage.output_tokens or texts // BYTES_PER_TOKEN
        self._lengths.learn(self._request, written)
        self.taken = (usage.input_tokens or self._read) + written


class Bucket:
    """A leaky bucket that can be settled: the level may be lowered again, and raised above the limit, which
    those who come later wait for.

    aiolimiter, which counts the requests, can do neither, and lets small amounts overtake large ones.
    """

    def __init__(self, per_minute: int) -> None:
        self._most = float(per_minute)
        self._level = 0.0
        self._at = monotonic()
        self._queue = anyio.Lock()
        self._lowered = anyio.Event()

    async def take(self, amount: int) -> float:
        """Waits until there is room, the first come first. An amount above the limit waits for all of it."""
        wanted = min(float(amount), self._most)
        async with self._queue:
            while (missing := self._leaked() + wanted - self._most) > 1e-9 * self._most:
                with anyio.move_on_after(missing * MINUTE / self._most):
                    await self._lowered.wait()
            self._level += wanted
        return wanted

    def has_room(self, amount: int) -> bool:
        """Whether it would not have to wait."""
        waiting = self._queue.statistics().locked
        return not waiting and self._leaked() + min(amount, self._most) <= self._most

    def settle(self, reserved: float, taken: int) -> None:
        """What was taken for a call is known now."""
        self._level = max(0.0, self._leaked() + taken - reserved)
        if taken < reserved:
            self._lowered.set()
            self._lowered = anyio.Event()

    def _leaked(self) -> float:
        now = monotonic()
        self._level = max(0.0, self._level - (now - self._at) * self._most / MINUTE)
        self._at = now
        return self._level


class Rates:
    """What a host or a model takes in a minute; None: as much as there is."""

    def __init__(self, requests: int | None, tokens: int | None) -> None:
        self._requests = AsyncLimiter(requests, MINUTE) if requests else None
        self._tokens = Bucket(tokens) if tokens else None

    @property
    def bounds_tokens(self) -> bool:
        return self._tokens is not None

    @asynccontextmanager
    async def room_for(self, turn: Turn, waits: Callable[[], None]) -> AsyncIterator[None]:
        """Waits until both have room; at the end the tokens are settled."""
        if self._requests is not None:
            if not self._requests.has_capacity():
                waits()
            await self._requests.acquire()
        if self._tokens is None:
            yield
            return
        if not self._tokens.has_room(turn.expected):
            waits()
        reserved = await self._tokens.take(turn.expected)
        try:
            yield
        finally:
            if turn.taken is not None:
                self._tokens.settle(reserved, turn.taken)


class Turns:
    """Gives the requests to one host their turns in the minute."""

    def __init__(self) -> None:
        self._lengths = Lengths()
        self._first: dict[str, anyio.Lock] = {}

    @asynccontextmanager
    async def alone(
        self, request: Request, rates: Sequence[Rates], waits: Callable[[], None]
    ) -> AsyncIterator[None]:
        """While nothing says how long a model's answers are, one of its calls is under way at a time.

        Else all that fit by a wrong guess would be sent before the first answer shows that it is wrong.
        """
        model = request.model
        async with AsyncExitStack() as held:
            is_bounded = request.sampling.max_tokens is not None or not any(r.bounds_tokens for r in rates)
            if not is_bounded and not self._lengths.knows(model):
                first = self._first.setdefault(model.name, anyio.Lock())
                if first.statistics().locked:
                    waits()
                await first.acquire()
                if self._lengths.knows(model):
                    first.release()
                else:
                    held.callback(first.release)
            yield

    @asynccontextmanager
    async def turn(
        self, request: Request, rates: Sequence[Rates], waits: Callable[[], None]
    ) -> AsyncIterator[Turn]:
        """Waits until all have room; `waits` is called before."""
        turn = Turn(request, self._lengths)
        async with AsyncExitStack() as held:
            for each in rates:
                await held.enter_async_context(each.room_for(turn, waits))
            yield turn
