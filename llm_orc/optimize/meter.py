"""Every call of an optimization passes here: it is counted, priced, kept, and refused at a limit."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from time import monotonic, perf_counter

import anyio

from llm_orc.domain.call_json import request_key
from llm_orc.domain.completion import Completion, Installed, Provider, Request
from llm_orc.domain.model import Model
from llm_orc.domain.usage import Usage
from llm_orc.errors import (
    AuthenticationFailed,
    JournalFailed,
    MalformedReply,
    ModelMissing,
    ProviderFailed,
    RateLimited,
    ServerFailed,
)
from llm_orc.optimize.calls import Answer, Calls
from llm_orc.optimize.stopping import INTERRUPTED, Limits, Stop, Stopped, unpriced

__all__ = ["Account", "CostOf", "Limits", "Meter", "ProviderOf", "Stop", "Stopped"]

ProviderOf = Callable[[Model], Provider]
CostOf = Callable[[Model, Usage], float | None]

LETTERS_PER_TOKEN = 3
"""Fewer than any tokenizer has on average: what a call may cost is rather guessed too high."""
LONGEST_ANSWER = 1024
"""Tokens that an answer is expected to have at most where nothing limits it."""
WAITS = (1.0, 5.0)
"""Seconds before a failed call is sent again, where the server does not say."""
LONGEST_WAIT = 60.0
MARGIN = 0.05
"""Seconds before the end in which no call is started."""


@dataclass(slots=True)
class Account:
    """The calls of one run of the ensemble, or of the model that proposes prompts.

    `mark` tells apart requests that are the same and shall have answers of their own.
    """

    mark: str = ""
    calls: int = 0
    usd: float | None = 0.0
    seconds: float = 0.0
    usage: Usage = Usage()
    asked: Counter[bytes] = field(default_factory=Counter)

    def add(self, answer: Answer) -> None:
        self.calls += 1
        self.usage += answer.completion.usage
        self.seconds += answer.seconds
        known = self.usd is not None and answer.usd is not None
        self.usd = (self.usd or 0.0) + (answer.usd or 0.0) if known else None


class Meter:
    """Counts what is sent: `sent`, `usd` and `usage`. `replayed` came from the journal.

    A failed call that may succeed later is sent again, after the time that the server asks for.
    """

    def __init__(self, provider_of: ProviderOf, calls: Calls, limits: Limits, cost_of: CostOf) -> None:
        self.sent = 0
        self.replayed = 0
        self.usage = Usage()
        self._usd = 0.0
        self._unpriced = False
        self.stop: Stop | None = None
        self.held_back = Limits()
        self._provider_of = provider_of
        self._calls = calls
        self._limits = limits
        self._cost_of = cost_of
        self._began = monotonic()
        self._reserved_usd = 0.0
        self._reserving = 0
        self._settled = anyio.Event()
        self._in_flight: dict[bytes, anyio.Event] = {}

    @property
    def seconds(self) -> float:
        return monotonic() - self._began

    @property
    def usd(self) -> float | None:
        """US dollars; None where the price of a call is unknown."""
        return None if self._unpriced else self._usd

    def providers(self, account: Account) -> ProviderOf:
        """Where the calls of one account go."""
        return lambda model: _Metered(self, model, account)

    def hold_back(self, limits: Limits) -> None:
        """Keep so much of each limit for later."""
        self.held_back = limits

    def go_on(self) -> None:
        """Send again, up to the limits themselves, where what was held back ended it."""
        self.held_back = Limits()
        if self.stop is not None and self.stop.exit_code == 3:
            self.stop = None

    def end(self, stop: Stop) -> None:
        """Send nothing more; the first reason counts, unless the user wants an end."""
        self.stop = stop if stop is INTERRUPTED else self.stop or stop

    def end_if(self, stop: Stop | None) -> None:
        """The same where there is a reason."""
        if stop is not None:
            self.end(stop)

    def provider(self, model: Model) -> Provider:
        return self._provider_of(model)

    async def complete(self, request: Request, account: Account) -> Completion:
        """The answer: the journal's, or that of a call. Raises `Stopped` and the provider's errors."""
        plain = request_key(request) + account.mark.encode()
        place = account.asked[plain]
        account.asked[plain] += 1
        key = sha256(plain + place.to_bytes(4)).digest()
        while key in self._in_flight:
            await self._in_flight[key].wait()
        try:
            answer = self._calls.find(key)
            if answer is None:
                answer = await self._asked(request, key)
            else:
                self.replayed += 1
        except JournalFailed as error:
            self.end(Stop(message=error.message, exit_code=error.exit_code, hint=error.hint))
            raise Stopped from error
        account.add(answer)
        return answer.completion

    async def _asked(self, request: Request, key: bytes) -> Answer:
        self._in_flight[key] = anyio.Event()
        try:
            worst = await self._reserve(request)
        except Stopped:
            self._in_flight.pop(key).set()
            raise
        began = perf_counter()
        try:
            completion = await self._patiently(request, worst)
            usd = self._cost_of(request.model, completion.usage)
            answer = Answer(completion=completion, usd=usd, seconds=perf_counter() - began)
            self._calls.keep(key, answer)
        except ProviderFailed as error:
            self._end_at(error)
            raise
        finally:
            self._release(worst)
            self._in_flight.pop(key).set()
        self._usd += usd or 0.0
        self._unpriced = self._unpriced or usd is None
        self.usage += completion.usage
        return answer

    async def _patiently(self, request: Request, worst: float) -> Completion:
        """A busy server is asked again; one that cannot be reached is gone."""
        for wait in WAITS:
            try:
                return await self._provider_of(request.model).complete(request)
            except (RateLimited, ServerFailed, MalformedReply) as error:
                asked = error.retry_after if isinstance(error, RateLimited) else None
                await anyio.sleep(wait if asked is None else min(asked, LONGEST_WAIT))
                # What the failed attempt was reserved for pays for the next one.
                self._count(worst, reserved=worst)
        return await self._provider_of(request.model).complete(request)

    def _end_at(self, error: ProviderFailed) -> None:
        """An outage is no wrong answer: it would be scored as one, so the search waits for better times."""
        if error.retryable or isinstance(error, AuthenticationFailed | ModelMissing):
            self.end(Stop(
                message=f"a model cannot be used: {error.message}", exit_code=error.exit_code,
                hint="the same command goes on where it stopped",
            ))  # fmt: skip
            raise Stopped from error

    async def _reserve(self, request: Request) -> float:
        """Counts a call before it is sent; its highest cost. Raises `Stopped` where a limit forbids it.

        What calls under way reserve is rarely what they cost: while they might leave too little, it waits.
        """
        worst = 0.0 if self._limits.usd is None else self._worst(request)
        while self.stop is None and self._reserving and self._left - self._reserved_usd < worst:
            await self._settled.wait()
        self._count(worst)
        self._reserving += 1
        self._reserved_usd += worst
        return worst

    def _release(self, worst: float) -> None:
        self._reserving -= 1
        self._reserved_usd = self._reserved_usd - worst if self._reserving else 0.0
        settled, self._settled = self._settled, anyio.Event()
        settled.set()

    def _count(self, worst: float, reserved: float = 0.0) -> None:
        if self.stop is None:
            self._check(worst, reserved)
        if self.stop is not None:
            raise Stopped
        self.sent += 1

    @property
    def _left(self) -> float:
        """US dollars that may still be spent."""
        limit = math.inf if self._limits.usd is None else self._limits.usd
        return limit - (self.held_back.usd or 0.0) - self._usd

    def _check(self, worst: float, reserved: float) -> None:
        limits, held = self._limits, self.held_back
        if limits.calls is not None and self.sent >= limits.calls - (held.calls or 0):
            self._over("--max-calls", limits.calls, held.calls or 0)
        elif limits.seconds is not None and self.seconds >= limits.seconds - (held.seconds or 0.0) - MARGIN:
            self._over("--max-seconds", limits.seconds, held.seconds or 0.0)
        elif limits.usd is not None:
            if math.isnan(worst):
                self.end(unpriced(""))
            elif self._left - self._reserved_usd + reserved < worst:
                self._over_usd(limits.usd, held.usd or 0.0, worst)

    def _over_usd(self, limit: float, held: float, worst: float) -> None:
        left = self._left - self._reserved_usd
        if held >= limit or left <= 0.0:
            self._over("--max-usd", limit, held)
            return
        kept = f", besides {held:.4g} for the final test" if held else ""
        self.end(Stop(
            message=f"--max-usd {limit:g}: a call may cost {worst:.4g}, and {left:.4g} is left{kept}",
            exit_code=3,
            hint="a lower max_tokens of the agent lowers what a call may cost" + (
                "; the same command goes on where it stopped" if limit - held >= worst else ""
            ),
        ))  # fmt: skip

    def _over(self, flag: str, value: float, held: float) -> None:
        if held < value:
            message, hint = f"{flag} {value:g} is reached", "the same command goes on where it stopped"
        else:
            message = f"{flag} {value:g} leaves nothing to search with: the final test may take {held:.4g}"
            hint = f"give {flag} more than that; what was asked is kept"
        self.end(Stop(message=message, exit_code=3, hint=hint))

    def _worst(self, request: Request) -> float:
        """The most that a call is expected to cost; NaN where the price is unknown."""
        letters = sum(len(message.content) for message in request.messages)
        usage = Usage(
            input_tokens=letters // LETTERS_PER_TOKEN + 16,
            output_tokens=(request.sampling.max_tokens or LONGEST_ANSWER) * request.n,
        )
        usd = self._cost_of(request.model, usage)
        return math.nan if usd is None else usd


class _Metered:
    """A model's provider, through the meter."""

    def __init__(self, meter: Meter, model: Model, account: Account) -> None:
        self._meter = meter
        self._model = model
        self._account = account

    async def complete(self, request: Request) -> Completion:
        return await self._meter.complete(request, self._account)

    async def stream(self, request: Request) -> AsyncIterator[str]:
        yield (await self.complete(request)).text

    async def installed(self) -> Sequence[Installed]:
        return await self._meter.provider(self._model).installed()

    async def check(self, model: Model) -> None:
        await self._meter.provider(model).check(model)

    async def unload(self, model: Model) -> None:
        await self._meter.provider(model).unload(model)

    async def aclose(self) -> None:
        """Nothing: whoever opened the provider closes it."""
