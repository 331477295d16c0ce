"""What a command may send, and why nothing more is sent."""

from __future__ import annotations

from dataclasses import dataclass, field

import anyio


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What one command may send; None is no limit. Answers from the journal are free."""

    calls: int | None = None
    usd: float | None = None
    seconds: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Stop:
    """Why nothing more is sent: a limit, Ctrl-C, or a server that cannot be used."""

    message: str
    exit_code: int
    hint: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interrupt:
    """The user's wish to end. Once `asked` is set nothing more begins, and what is under way may still end
    within `grace_seconds`, or until `cancel` is set."""

    asked: anyio.Event = field(default_factory=anyio.Event)
    cancel: anyio.Event = field(default_factory=anyio.Event)
    grace_seconds: float = 0.0

    async def grace(self) -> None:
        """Returns when what is under way has had its time."""
        await self.asked.wait()
        with anyio.move_on_after(self.grace_seconds):
            await self.cancel.wait()


INTERRUPTED = Stop(message="interrupted", exit_code=130, hint="the same command goes on where it stopped")


def unpriced(model: str) -> Stop:
    """A limit in money where a price is not known; `model` is whose."""
    whose = f"the model {model!r}" if model else "a model"
    return Stop(
        message=f"--max-usd: the price of {whose} is unknown", exit_code=2,
        hint="give its price in models.yaml, or use --max-calls",
    )  # fmt: skip


class Stopped(Exception):
    """Nothing more may be sent. Not an `OrcError`: a run that is cut short has no result."""
