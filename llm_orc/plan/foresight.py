"""A run as it would go: layer by layer, each as if those before had gone as planned."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import cast

from llm_orc.domain.ensemble import Agent, Ensemble, Llm
from llm_orc.domain.foresight import Expected, Foresight, Range
from llm_orc.domain.model import Model
from llm_orc.domain.plan import Asker, Plan
from llm_orc.domain.strategy_choice import Quality, choose
from llm_orc.domain.task import Task
from llm_orc.plan.estimates import tokens_of
from llm_orc.plan.planning import Planned

LESS, MORE = 0.5, 2.0
"""How far the tokens that are written may be from what is expected."""

Layers = tuple[tuple[str, ...], ...]


async def foresee(
    ensemble: Ensemble,
    router: str,
    layers: Layers,
    successors: Callable[[Sequence[str], int], Layers],
    text: str,
    planned: Planned,
    *,
    explain: bool = False,
) -> Foresight:
    """`text` is the run's input where it is known. Raises `RoutingFailed`."""
    plans: list[Plan] = []
    expected: dict[str, Expected] = {}
    for layer in layers:
        askers = _askers(layer, ensemble.agents, text)
        if askers:
            later = successors([asker.name for asker in askers], planned.horizon)
            ahead = [_askers(step, ensemble.agents, text) for step in later]
            plan = await planned.plan(askers, ahead, frozenset())
            plans.append(plan)
            for asker in askers:
                name = plan.route.assignments[asker.name].model
                model = next(each for each in asker.llm.models if each.name == name)
                expected[asker.name] = _expected(planned, asker, model, ensemble.agents[asker.name])
    money = [each.usd for each in expected.values()]
    return Foresight(
        ensemble=ensemble.name,
        router=router,
        layers=layers,
        plans=tuple(plans),
        agents=expected,
        vram_gb=tuple(planned.size_of(plan.route.resident[:1]) for plan in plans),
        room_gb=planned.room_gb,
        room_worth=planned.room_worth(),
        tokens=sum((each.tokens for each in expected.values()), Range(0, 0)),
        usd=None if None in money else sum((usd for usd in money if usd is not None), Range(0, 0)),
        seconds=_longest(layers, ensemble.agents, expected),
        formulation=planned.explained() if explain else "",
    )


def _askers(names: Sequence[str], agents: Mapping[str, Agent], text: str) -> list[Asker]:
    return [
        Asker(name=name, llm=work, text="" if agents[name].depends_on else text)
        for name in names
        if isinstance(work := agents[name].work, Llm)
    ]


def _expected(planned: Planned, asker: Asker, model: Model, agent: Agent) -> Expected:
    """An agent that may be left out takes nothing at the least."""
    task = planned.task(asker)
    samples = planned.samples(asker)
    belief = planned.beliefs.of(model, task.kind)
    read, written = tokens_of(asker.llm, task, asker.text, len(agent.depends_on))
    least = 0.0 if agent.when is not None else 1.0
    most = written * MORE
    if model.sampling.max_tokens:
        most = min(most, model.sampling.max_tokens)
    low, high = least * samples, samples * belief.tokens
    seconds = belief.seconds_per_token or (1 / model.tokens_per_second if model.tokens_per_second else None)
    usd = None
    if model.price is not None:
        price = model.price
        usd = Range(
            low * (read * price.input_per_million + LESS * written * price.output_per_million) / 1e6,
            high * (read * price.input_per_million + most * price.output_per_million) / 1e6,
        )
    return Expected(
        task=task,
        model=model.name,
        tokens=Range(low * (read + LESS * written), high * (read + most)),
        usd=usd,
        thinks=_thinks(asker.llm, task, model),
        seconds=None if seconds is None else Range(
            low * seconds * LESS * written, high * seconds * most + (model.load_seconds or 0.0)
        ),
    )  # fmt: skip


def _thinks(llm: Llm, task: Task, model: Model) -> str:
    if llm.strategy.type != "auto":
        return ""
    given = llm.strategy.settings.get("quality", "normal")
    spec, reason = choose(task, model, cast("Quality", given))
    return f"{spec.type}: {reason}"


def _longest(layers: Layers, agents: Mapping[str, Agent], expected: Mapping[str, Expected]) -> Range | None:
    """Along the critical path, agents that ask no model taking no time; None where a speed is unknown."""
    if any(each.seconds is None for each in expected.values()):
        return None
    finish: dict[str, Range] = {}
    for layer in layers:
        for name in layer:
            before = [finish[need] for need in agents[name].depends_on]
            own = expected[name].seconds if name in expected else None
            start = Range(max((b.low for b in before), default=0), max((b.high for b in before), default=0))
            finish[name] = start + (own or Range(0, 0))
    return Range(
        max((end.low for end in finish.values()), default=0),
        max((end.high for end in finish.values()), default=0),
    )
