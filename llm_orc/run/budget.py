"""Budgets: reserve before a call is sent, settle when it has ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio

from llm_orc.domain.completion import Request
from llm_orc.domain.expecting import Lengths, input_bytes
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.policy import Budget
from llm_orc.domain.text import dollars
from llm_orc.domain.usage import Usage
from llm_orc.errors import BudgetSpent

WARN_AT = 0.8
_PER_MESSAGE = 16
"""Tokens that a chat template may add to each message; more than any that is known."""

Warn = Callable[[str], None]


@dataclass(slots=True)
class Amount:
    """Money, tokens and calls."""

    usd: float = 0.0
    tokens: int = 0
    calls: int = 0

    def add(self, other: Amount, sign: int = 1) -> None:
        self.usd += sign * other.usd
        self.tokens += sign * other.tokens
        self.calls += sign * other.calls


@dataclass(slots=True)
class Bill:
    """What an attempt at a call took. `is_open`: it was sent and not answered, and nobody says what it
    costs."""

    taken: Amount = field(default_factory=Amount)
    is_open: bool = False


class Purse:
    """What one budget holds: what was spent of it, and what is reserved for calls under way.

    `whose` begins the sentences about it; an agent's own has none, since what is said of agents begins with
    their names. When the `run`'s is spent, the run ends; it knows already what earlier attempts at the run
    spent. `elsewhere` is what others spend of the same money.
    """

    def __init__(
        self,
        budget: Budget,
        whose: str,
        warn: Warn,
        *,
        run: bool = False,
        can_resume: bool = False,
        elsewhere: Callable[[], Amount] | None = None,
    ) -> None:
        self.budget = budget
        self.whose = whose
        self.run = run
        self.spent = Amount()
        self._reserved = Amount()
        self._more = "a higher limit lets the run be resumed" if can_resume else "raise the limit"
        self._elsewhere = elsewhere
        self._warn = warn
        self._warned: set[str] = set()
        self._unpriced: set[str] = set()
        self._settled = anyio.Event()

    async def reserve(
        self, request: Request, expected: Amount, waits: Callable[[], None] | None = None
    ) -> Amount:
        """Waits for calls under way where they may leave enough, and calls `waits` before. Raises
        `BudgetSpent` where nothing does."""
        if self.budget.strict:
            self._refuse_unbounded(request)
        elif request.model.price is None and self.budget.usd is not None:
            self._unknown_price(request.model)
        wanted = _worst(request) if self.budget.strict else expected
        while (short := self._short_of(wanted)) and self._reserved.calls:
            if waits is not None:
                waits()
            await self._settled.wait()
        if short:
            raise self._spent(short, self._more)
        self._reserved.add(wanted)
        return wanted

    def settle(self, reserved: Amount, bill: Bill) -> None:
        """An attempt has ended. An open bill takes the worst from a strict budget: what is reserved."""
        self._reserved.add(reserved, -1)
        self.count(reserved if bill.is_open and self.budget.strict else bill.taken)
        self._settled.set()
        self._settled = anyio.Event()

    def count(self, taken: Amount) -> None:
        """Something was spent."""
        self.spent.add(taken)
        for limit, used, said in self._limits(self.spent):
            if used >= WARN_AT * limit and said not in self._warned:
                self._warned.add(said)
                self._warn(self._said(f"{used / limit:.0%} of {said} is spent"))

    def _short_of(self, wanted: Amount) -> str:
        """Which limit does not allow it; "" where all do. Unless it is strict, a budget of which anything is
        left pays for a call."""
        needed = Amount(calls=1)
        for part in (self.spent, self._reserved):
            needed.add(part)
        if self.budget.strict:
            needed.add(Amount(usd=wanted.usd, tokens=wanted.tokens))
        for limit, used, said in self._limits(needed):
            is_exact = self.budget.strict or limit is self.budget.calls
            if used > limit * (1 + 1e-9) if is_exact else used >= limit:
                at_worst = f", which may take it to {used:g}" if self.budget.strict else ""
                return f"{said} does not allow another call{at_worst}"
        return ""

    def _limits(self, amount: Amount) -> Iterator[tuple[float, float, str]]:
        budget = self.budget
        others = Amount() if self._elsewhere is None else self._elsewhere()
        if budget.usd is not None:
            yield budget.usd, amount.usd + others.usd, f"the budget of {dollars(budget.usd)}"
        if budget.tokens is not None:
            yield (
                budget.tokens,
                amount.tokens + others.tokens,
                f"the budget of {_many(budget.tokens, 'token')}",
            )
        if budget.calls is not None:
            yield (
                budget.calls,
                amount.calls + others.calls,
                f"the budget of {_many(budget.calls, 'call')}",
            )

    def _refuse_unbounded(self, request: Request) -> None:
        found = unbounded(self.budget, request.model, request.sampling)
        if found is not None:
            raise self._spent(*found)

    def _spent(self, what: str, hint: str) -> BudgetSpent:
        return BudgetSpent(self._said(what), hint=hint, ends_run=self.run)

    def _said(self, what: str) -> str:
        return f"{self.whose}: {what}" if self.whose else what

    def _unknown_price(self, model: Model) -> None:
        if model.name not in self._unpriced:
            self._unpriced.add(model.name)
            self._warn(self._said(f"the price of {model.name!r} is unknown: its calls are not counted"))


class Purses:
    """The purses that a call is paid from: the agent's, those of what is around it, the run's."""

    def __init__(self, purses: Sequence[Purse] = ()) -> None:
        self._purses = tuple(purses)

    def and_also(self, purse: Purse | None) -> Purses:
        """These, and one more that is asked first."""
        return self if purse is None else Purses((purse, *self._purses))

    @asynccontextmanager
    async def paying(
        self, request: Request, expected: Amount, waits: Callable[[], None] | None = None
    ) -> AsyncIterator[Bill]:
        """Reserved in all of them while the block lasts, which writes the bill."""
        held: list[tuple[Purse, Amount]] = []
        bill = Bill()
        try:
            for purse in self._purses:
                held.append((purse, await purse.reserve(request, expected, waits)))
            yield bill
        finally:
            for purse, reserved in held:
                purse.settle(reserved, bill)

    def recall(self, taken: Amount) -> None:
        """An earlier attempt at the run has paid for it."""
        for purse in self._purses:
            if not purse.run:
                purse.count(taken)


class Expectations:
    """What a call will take: what is asked, and as much output as the model's answers had so far."""

    def __init__(self) -> None:
        self._lengths = Lengths()

    def of(self, request: Request) -> Amount:
        return amount_of(request, *self._lengths.of(request))

    def learn(self, request: Request, usage: Usage) -> None:
        self._lengths.learn(request, usage.output_tokens)


def unbounded(budget: Budget, model: Model, sampling: Sampling) -> tuple[str, str] | None:
    """Why a strict budget cannot know what a call may take at worst, and what to do; None where it can."""
    said = f"a strict budget cannot bound a call of {model.name!r}"
    if budget.usd is not None and model.price is None:
        return f"{said}: its price is unknown", "give its catalogue entry a price"
    if budget.usd is None and budget.tokens is None:
        return None
    if sampling.max_tokens is None and model.context is None:
        return said, "give it max_tokens, or its catalogue entry a context"
    return None


def _worst(request: Request) -> Amount:
    """The most that a call can take, where that has an end."""
    written = request.sampling.max_tokens or request.model.context or 0
    return amount_of(request, read_at_most(request), written)


def amount_of(request: Request, read: int, written_each: int) -> Amount:
    """A call that reads and, in each of its answers, writes so many tokens."""
    written = written_each * request.n
    price = request.model.price
    usd = 0.0
    if price is not None:
        usd = (read * price.input_per_million + written * price.output_per_million) / 1e6
    return Amount(usd=usd, tokens=read + written, calls=1)


def _many(number: int, what: str) -> str:
    return f"{number:,} {what}{'s' * (number != 1)}"


def read_at_most(request: Request) -> int:
    """No tokeniser makes more than one token of a byte."""
    return input_bytes(request) + _PER_MESSAGE * (len(request.messages) + 1)


def cost_of(model: Model, usage: Usage) -> float | None:
    """US dollars; None when the model's price is unknown."""
    if model.price is None:
        return None
    return (
        usage.input_tokens * model.price.input_per_million
        + usage.output_tokens * model.price.output_per_million
    ) / 1e6


def taken_by(request: Request, usage: Usage) -> Amount:
    """What a call that was answered takes from a budget."""
    return Amount(
        usd=cost_of(request.model, usage) or 0.0, tokens=usage.input_tokens + usage.output_tokens, calls=1
    )
