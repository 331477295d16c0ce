"""`plan`: what a run would do, before it costs anything."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator

import anyio
import click

from llm_orc.cli.inputs import input_text
from llm_orc.cli.routing import routing_flags, routing_of
from llm_orc.domain.ensemble import RouterName
from llm_orc.domain.foresight import Expected, Foresight, Range
from llm_orc.domain.plan import Plan, Weighed
from llm_orc.domain.text import safe
from llm_orc.domain.wire import foresight_json
from llm_orc.orchestrator import Orchestrator

WARNINGS = 20
"""Warnings that are printed; JSON has all."""


@click.command(
    epilog="""\b
Examples:
  llm-orc plan quickstart
  llm-orc plan quickstart --model tiny-small --json
"""
)
@click.argument("ensemble")
@click.argument("text", metavar="[INPUT]", required=False)
@click.option("--model", metavar="NAME", help="The model of every agent.")
@routing_flags
@click.option("--explain", is_flag=True, help="Add the optimisation problem of the first step.")
@click.option("--json", "as_json", is_flag=True, help="For programs.")
def plan(
    ensemble: str, text: str | None, model: str | None, explain: bool, as_json: bool,
    router: RouterName | None, horizon: int | None, vram: tuple[float, ...], lambda_token: float | None,
    lambda_switch: float | None,
) -> int:  # fmt: skip
    """Show which model would serve which agent of ENSEMBLE, and what that would take.

    No model is asked; local servers are asked what is in their memory. INPUT makes the estimates better.
    """
    routing = routing_of(router, horizon, vram, lambda_token, lambda_switch)
    given = input_text(text, named=True, quiet=True)

    async def foresee() -> None:
        async with Orchestrator() as orchestrator:
            loaded = orchestrator.load(ensemble, model=model)
            found = await orchestrator.plan(loaded, given, routing=routing, explain=explain)
        # Here, and not where it would be returned to: asyncio makes a text of what its task returns, which
        # nobody sees, and which takes long for a large ensemble.
        _print(found, as_json=as_json)

    anyio.run(foresee)
    return 0


def _print(found: Foresight, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps(foresight_json(found), ensure_ascii=False, indent=2))
        return
    click.echo("\n".join(safe(line) for line in shown(found)))
    warnings = [warning for plan in found.plans for warning in plan.warnings]
    for warning in warnings[:WARNINGS]:
        click.echo(f"warning: {safe(warning)}", err=True)
    if len(warnings) > WARNINGS:
        click.echo(f"… and {len(warnings) - WARNINGS} more warnings: --json has all", err=True)


def shown(found: Foresight) -> Iterator[str]:
    """The plan for people."""
    room = " + ".join(f"{size:g}" for size in found.room_gb)
    yield f"{found.ensemble}: router {found.router}, room {f'{room} GB' if room else 'unlimited'}"
    yield "layers: " + " → ".join(", ".join(layer) for layer in found.layers)
    for number, (plan, used) in enumerate(zip(found.plans, found.vram_gb, strict=True), start=1):
        yield ""
        yield from _step(number, plan, used, found)
    yield ""
    yield "in all: " + _taken(found.tokens, found.usd, found.seconds)
    if any(found.room_worth):
        worth = ", ".join(f"{value:.4f}" for value in found.room_worth)
        yield f"one more GB would be worth {worth} of the objective"
    if found.formulation:
        yield ""
        yield found.formulation


def _step(number: int, plan: Plan, used: float, found: Foresight) -> Iterator[str]:
    route = plan.route
    yield f"step {number}: {', '.join(plan.ready)}" + (
        f"   (then {'; '.join(', '.join(names) for names in plan.ahead if names)})" if any(plan.ahead) else ""
    )
    width = max(len(name) for name in plan.ready)
    for name in plan.ready:
        chosen = route.assignments[name]
        yield (
            f"  {name:{width}}  {chosen.model}  utility {chosen.utility:.3f} = quality {chosen.quality:.3f}"
            f" - tokens {chosen.token_term:.3f}{_loading(plan.weighed.get(name, ()), chosen.model)}"
        )
        others = [each for each in plan.weighed.get(name, ()) if each.model != chosen.model]
        if others:
            yield f"  {'':{width}}  rather than {'; '.join(map(_other, others))}"
        yield f"  {'':{width}}  {_about(found.agents[name])}"
        if found.agents[name].thinks:
            yield f"  {'':{width}}  {found.agents[name].thinks}"
    if route.resident and route.resident[0]:
        yield f"  resident: {', '.join(route.resident[0])} ({used:g} GB)" + (
            f", unloaded: {', '.join(plan.unloaded)}" if plan.unloaded else ""
        )
    if route.objective is not None:
        gap = "" if route.bound is None else f", gap {max(0.0, route.bound - route.objective):.4f}"
        yield (
            f"  objective {route.objective:.4f}{gap}, {route.status} by {route.solver} in "
            f"{route.solve_ms:.1f} ms" + (f" ({route.note})" if route.note else "")
        )


def _other(each: Weighed) -> str:
    if each.refused:
        return f"{each.model}, which {each.refused}"
    return f"{each.model}: utility {each.utility:.3f}{_loading([each], each.model)}"


def _loading(weighed: Iterable[Weighed], model: str) -> str:
    takes = next((each.switch_term for each in weighed if each.model == model), 0.0)
    return f", loading it takes {takes:.3f}" if takes else ""


def _about(expected: Expected) -> str:
    task = expected.task
    source = "as the file says" if task.source == "file" else f"classified, {task.confidence:.0%} sure"
    return f"{task.kind} ({source}); " + _taken(expected.tokens, expected.usd, expected.seconds)


def _taken(tokens: Range, usd: Range | None, seconds: Range | None) -> str:
    parts = [f"{tokens.low:.0f} to {tokens.high:.0f} tokens"]
    parts.append("price unknown" if usd is None else _money(usd))
    parts.append("time unknown" if seconds is None else f"{seconds.low:.1f} to {seconds.high:.1f} s")
    return ", ".join(parts)


def _money(usd: Range) -> str:
    return f"${usd.low:.4f} to ${usd.high:.4f}" if usd.high else "$0"
