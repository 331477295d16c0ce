"""The flags that say what a run may spend and how its calls are treated, which several verbs share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from llm_orc.cli.numbers import Number
from llm_orc.domain.policy import Budget, Policy

F = TypeVar("F", bound=Callable[..., Any])


_FLAGS = (
    click.option("--max-usd", type=Number(0, min_open=True), metavar="X",
                 help="Stop before more than this is spent; exit code 3, and the run can be resumed."),
    click.option("--max-tokens", type=click.IntRange(1), metavar="N",
                 help="Stop before more tokens are read and written."),
    click.option("--max-calls", type=click.IntRange(1), metavar="N",
                 help="Stop before more calls of models are made."),
    click.option("--max-seconds", type=Number(0, min_open=True), metavar="S",
                 help="End the run after this time; exit code 3."),
    click.option("--strict-budget", is_flag=True,
                 help="Also hold back a call that might exceed a limit at worst."),
    click.option("--retries", type=click.IntRange(0, 20), metavar="N",
                 help="Further attempts at a call that may work later."),
    click.option("--no-cache", is_flag=True, help="Use no answers of earlier runs."),
)  # fmt: skip


def limit_flags(command: F) -> F:
    """Adds the flags; `budget_of` and `policy_of` take their values."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


def budget_of(usd: float | None, tokens: int | None, calls: int | None, *, strict: bool) -> Budget:
    """What the flags say; what they leave open is the file's. Time is told to the run itself."""
    return Budget(usd=usd, tokens=tokens, calls=calls, strict=strict)


def policy_of(retries: int | None, *, no_cache: bool) -> Policy:
    """What the flags say; what they leave open is the file's."""
    return Policy(retries=retries, cache="off" if no_cache else None)
