"""A model plans: it is told what the solver is told and answers with a plan as JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from time import perf_counter

from llm_orc.domain.completion import Message, Provider, Request
from llm_orc.domain.json import JsonObject, JsonValue, parse_json
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.plan import Horizon, Route, RoutingSettings
from llm_orc.errors import ProviderFailed
from llm_orc.plan.exact import Exact
from llm_orc.plan.problem import SLACK_GB, Placement, Problem, prepare
from llm_orc.plan.solution import route_of

_SYSTEM = (
    "You assign models to tasks. Answer with one JSON object that maps every task to one of its candidates, "
    'such as {"draft": "small", "check": "large"}, and nothing else. Prefer high utility (quality less '
    "cost). Loading a model that is not resident costs its load_cost once. All models that are used at the "
    "same step must fit together into the room, in gigabytes."
)
_SCHEMA: JsonObject = {"type": "object", "additionalProperties": {"type": "string"}}


class LlmPlanner:
    """Asks twice at most, the second time with what was wrong; then the exact router plans."""

    def __init__(self, model: Model, provider: Provider) -> None:
        self._model = model
        self._provider = provider
        self._exact = Exact()

    async def route(self, horizon: Horizon, settings: RoutingSettings) -> Route:
        began = perf_counter()
        problem = prepare(horizon, settings)
        messages: tuple[Message, ...] = (
            Message("system", _SYSTEM),
            Message("user", json.dumps(described(problem))),
        )
        fault = ""
        for _ in range(2):
            try:
                completion = await self._provider.complete(Request(
                    model=self._model,
                    messages=messages,
                    sampling=Sampling(temperature=0.0).over(self._model.sampling),
                    schema=_SCHEMA if "json_schema" in self._model.supports else None,
                ))  # fmt: skip
            except ProviderFailed as error:
                fault = error.message
                break
            found = understood(problem, completion.text)
            if not isinstance(found, str):
                chosen, resident = found
                return route_of(problem, resident, "planned", "planner", began, chosen=chosen)
            fault = found
            messages = (
                *messages,
                Message("assistant", completion.text),
                Message("user", f"That plan cannot be used: {fault}. Answer with the corrected JSON."),
            )
        route = self._exact.solve(horizon, settings)
        return _with_note(route, f"the planner's plan cannot be used: {fault}")


def described(problem: Problem) -> dict[str, JsonValue]:
    """The problem as the planner reads it."""
    horizon = problem.horizon
    return {
        "room_gb": list(horizon.room_gb) or "unlimited",
        "money_left_usd": horizon.money_left,
        "resident": sorted(horizon.resident),
        "in_use": sorted(horizon.pinned),
        "models": {
            name: {"vram_gb": model.vram_gb, "load_cost": round(problem.switch_cost(name), 4)}
            for name, model in sorted(horizon.models.items())
        },
        "tasks": [
            {
                "task": agent,
                "step": group.step,
                "candidates": {
                    option.model: {"utility": round(option.utility, 4), "usd": option.candidate.usd}
                    for option in group.options
                },
            }
            for group in problem.groups
            for agent in group.agents
        ],
    }


def understood(problem: Problem, text: str) -> tuple[list[int], list[frozenset[Placement]]] | str:
    """The option of each group and what is resident step by step; a text says what is wrong."""
    start, end = text.find("{"), text.rfind("}")
    try:
        plan = parse_json(text[start : end + 1])
    except ValueError:
        return "it is not JSON"
    if not isinstance(plan, Mapping):
        return "it is not a JSON object"
    chosen: list[int] = []
    for group in problem.groups:
        names = [option.model for option in group.options]
        wanted = {plan.get(agent) for agent in group.agents}
        if len(wanted) > 1:
            return f"{', '.join(group.agents)} are alike and have to share a model"
        (name,) = wanted
        if name not in names:
            return f"{group.agents[0]!r} needs one of {', '.join(names)}"
        chosen.append(names.index(str(name)))
    return _placed(problem, chosen)


def _placed(problem: Problem, chosen: list[int]) -> tuple[list[int], list[frozenset[Placement]]] | str:
    money = problem.horizon.money_left
    spent = sum(
        (group.options[place].candidate.usd or 0.0) * group.weight
        for group, place in zip(problem.groups, chosen, strict=True)
    )
    if money is not None and spent > money:
        return f"it costs ${spent:.4f}, and ${money:.4f} are left"
    resident: list[frozenset[Placement]] = []
    for step in range(problem.steps):
        wanted = {
            group.options[place].model
            for group, place in zip(problem.groups, chosen, strict=True)
            if group.step == step
        }
        wanted |= problem.horizon.pinned if step == 0 else frozenset()
        left, there = list(problem.room), set()
        for name in sorted(wanted & problem.placements.keys()):
            placed = problem.placements[name]
            kept = [p for p in placed if p in problem.kept]
            fitting = [p for p in (*kept, *placed) if all(s <= left[d] + SLACK_GB for d, s in p.load)]
            if not fitting:
                return f"the models of step {step} do not fit: {', '.join(sorted(wanted))}"
            there.add(fitting[0])
            for device, size in fitting[0].load:
                left[device] -= size
        resident.append(frozenset(there))
    return chosen, resident


def _with_note(route: Route, note: str) -> Route:
    return replace(route, note=f"{note}; {route.note}" if route.note else note)
