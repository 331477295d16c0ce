"""What a command may send, and why nothing more is sent."""

from __future__ import annotations

from dataclasses import dataclass


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


def unpriced(model: str) -> Stop:
    """A limit in money where a price is not known; `model` is whose."""
    whose = f"the model {model!r}" if model else "a model"
    return Stop(
        message=f"--max-usd: the price of {whose} is unknown", exit_code=2,
        hint="give its price in models.yaml, or use --max-calls",
    )  # fmt: skip


class Stopped(Exception):
    """Nothing more may be sent. Not an `OrcError`: a run that is cut short has no result."""
