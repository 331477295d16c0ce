"""The flags that say how models are chosen, which `invoke` and `plan` share."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import click

from llm_orc.cli.numbers import Number
from llm_orc.domain.ensemble import RouterName, RoutingSpec

ROUTERS = ("lp", "greedy", "planner", "fixed")
F = TypeVar("F", bound=Callable[..., Any])

_FLAGS = (
    click.option("--router", type=click.Choice(ROUTERS), help="How models are chosen."),
    click.option("--horizon", type=click.IntRange(0, 20), help="Layers that are planned ahead."),
    click.option("--vram", "vram", type=Number(0), multiple=True, metavar="GB",
                 help="Room for local models; repeat it for several devices."),
    click.option("--lambda-token", type=Number(0), help="What tokens cost against quality."),
    click.option("--lambda-switch", type=Number(0), help="What loading costs against quality."),
)  # fmt: skip


def routing_flags(command: F) -> F:
    """Adds the flags; `routing_of` takes their values."""
    for flag in reversed(_FLAGS):
        command = flag(command)
    return command


def routing_of(
    router: RouterName | None,
    horizon: int | None,
    vram: tuple[float, ...],
    lambda_token: float | None,
    lambda_switch: float | None,
) -> RoutingSpec:
    """What the flags say; what they leave open is the file's."""
    given = {"horizon": horizon, "lambda_token": lambda_token, "lambda_switch": lambda_switch}
    settings = {name: value for name, value in given.items() if value is not None}
    return RoutingSpec(router=router, settings=settings, vram_gb=vram)
