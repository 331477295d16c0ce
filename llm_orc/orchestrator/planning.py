"""How a run gets its models: settings, room, memory, beliefs and router, brought together."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from llm_orc.domain.completion import Provider
from llm_orc.domain.ensemble import Ensemble, RouterName, RoutingSpec
from llm_orc.domain.foresight import Foresight
from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Fleet, Model
from llm_orc.domain.plan import Router, RoutingSettings
from llm_orc.errors import ProviderFailed
from llm_orc.graph.agent_graph import AgentGraph
from llm_orc.orchestrator.completing import llm_works, router_of
from llm_orc.plan.beliefs import Beliefs, identity
from llm_orc.plan.foresight import foresee
from llm_orc.plan.planning import Memory, Planned, Resident
from llm_orc.registry import ROUTERS, find

if TYPE_CHECKING:
    from llm_orc.run.records import Records

ASK_SECONDS = 2.0
"""How long a server may take to say what is in its memory; then nothing is assumed to be."""

ProviderOf = Callable[[Model], Provider]


def settings_of(ensemble: Ensemble, flags: RoutingSpec) -> RoutingSettings:
    """Flags over the file over the defaults."""
    found = {**ensemble.routing.settings, **flags.settings}
    return replace(RoutingSettings(), **found)  # type: ignore[arg-type]  # checked by the schema


def planning_of(
    ensemble: Ensemble,
    flags: RoutingSpec,
    fleet: Fleet,
    provider_of: ProviderOf,
    records: Records | None = None,
    is_down: Callable[[Model], bool] = lambda model: False,
) -> Planned:
    """What plans the models of a run, and learns from it where there are records to keep it in."""
    name = router_of(ensemble, flags)
    learning = records if ensemble.routing.learning and flags.learning else None
    return Planned(
        _router(name, ensemble, flags, fleet, provider_of),
        settings_of(ensemble, flags),
        pool={model.name: model for llm in llm_works(ensemble) for model in llm.models},
        memory=Memory(
            resident=lambda models: resident(models, provider_of),
            unload=lambda model: provider_of(model).unload(model),
        ),
        room_gb=flags.vram_gb or ensemble.routing.vram_gb or fleet.vram_gb,
        beliefs=Beliefs(learning.evidence()) if learning else None,
        guardrails=ensemble.guardrails,
        keep=learning.learned if learning else None,
        is_down=is_down,
    )


async def foreseen(
    ensemble: Ensemble,
    flags: RoutingSpec,
    fleet: Fleet,
    provider_of: ProviderOf,
    records: Records,
    text: str,
    *,
    explain: bool,
) -> Foresight:
    """What a run would do, without asking a model. Raises `RoutingFailed`."""
    graph = AgentGraph({name: agent.depends_on for name, agent in ensemble.agents.items()})
    planned = planning_of(ensemble, flags, fleet, provider_of, records).as_if()
    name = router_of(ensemble, flags)
    return await foresee(ensemble, name, graph.layers, graph.ahead, text, planned, explain=explain)


def _router(
    name: RouterName, ensemble: Ensemble, flags: RoutingSpec, fleet: Fleet, provider_of: ProviderOf
) -> Router:
    router = find("router", name, ROUTERS)
    if name != "planner":
        made: Router = router()
        return made
    model = flags.planner or ensemble.routing.planner or strongest(ensemble)
    planner: Router = router(model, provider_of(model))
    return planner


def strongest(ensemble: Ensemble) -> Model:
    """The planner where nobody named one: the largest model of the pool."""
    models = {model.name: model for llm in llm_works(ensemble) for model in llm.models}
    return max(models.values(), key=lambda model: (model.parameters_b or 0.0, model.name))


async def resident(models: Sequence[Model], provider_of: ProviderOf) -> Mapping[str, Resident]:
    """Which models are in memory, by asking each server once; a server that does not answer has none."""
    by_provider: dict[int, tuple[Provider, list[Model]]] = {}
    for model in models:
        if "load_control" in model.supports:
            provider = provider_of(model)
            by_provider.setdefault(id(provider), (provider, []))[1].append(model)
    found: dict[str, Resident] = {}
    async with anyio.create_task_group() as tasks:
        for provider, theirs in by_provider.values():
            tasks.start_soon(_ask, provider, theirs, found)
    return found


async def _ask(provider: Provider, models: Sequence[Model], found: dict[str, Resident]) -> None:
    try:
        with anyio.move_on_after(ASK_SECONDS):
            for installed in await provider.installed():
                if installed.resident:
                    for name in _names(models, installed.wire_name):
                        found[name] = Resident(vram_gb=installed.vram_gb)
    except ProviderFailed:
        # The agents that need it will say so.
        return


def _names(models: Sequence[Model], wire_name: str) -> list[str]:
    """Ours for a server's; a resident model that is none of ours takes room all the same."""
    names = [m.name for m in models if wire_name in (m.wire_name, f"{m.wire_name}:latest")]
    return names or [wire_name]


def believed(model: Model, records: Records) -> dict[str, JsonObject]:
    """What is believed of a model by kind of task, where anything is declared or was learned."""
    evidence = list(records.evidence())
    beliefs = Beliefs(evidence)
    seen = {piece.task for piece in evidence if piece.model == identity(model)} | model.capabilities.keys()
    found: dict[str, JsonObject] = {}
    for task in sorted(seen):
        belief = beliefs.of(model, task)
        found[task] = {
            "quality": round(belief.mean, 4),
            "deviation": round(belief.deviation, 4),
            "observed": belief.observed,
            "tokens": round(belief.tokens, 3),
            "seconds_per_token": belief.seconds_per_token,
        }
    return found
