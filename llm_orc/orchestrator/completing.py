"""An ensemble made complete before it runs: seeds, timeouts, prices and contexts where the file sets none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from operator import is_

from llm_orc.domain.ensemble import (
    Agent,
    Dispatch,
    Ensemble,
    Llm,
    Loop,
    RouterName,
    RoutingSpec,
    StrategySpec,
    SubEnsemble,
    Work,
)
from llm_orc.domain.model import Model, Sampling
from llm_orc.providers.prices import list_price
from llm_orc.spec.settings import Settings


def completed(ensemble: Ensemble, seed: int | None, timeout_seconds: float | None) -> Ensemble:
    """The same ensemble, with a seed and a timeout for the agents that set none, also of those within it."""
    if seed is not None:
        base = Sampling(seed=seed)
        ensemble = with_models(ensemble, lambda model: replace(model, sampling=model.sampling.over(base)))
    if timeout_seconds is not None:
        ensemble = with_agents(
            ensemble, lambda a: replace(a, timeout_seconds=a.timeout_seconds or timeout_seconds)
        )
    return ensemble


def priced(ensemble: Ensemble) -> Ensemble:
    """The same ensemble, hosted models without a price of the user's having their list price."""
    return with_models(ensemble, with_list_price)


def with_list_price(model: Model) -> Model:
    """The same model; its list price where the user gives none and it is known."""
    price = list_price(model) if model.price is None else None
    return model if price is None else replace(model, price=price)


def with_one_context(ensemble: Ensemble, works: Iterable[Llm]) -> Ensemble:
    """The same ensemble; each of Ollama's models has the largest `num_ctx` that any agent gives it.

    A request with another one would load the model anew.
    """
    largest: dict[str, int] = {}
    for model in (model for llm in works for model in (*llm.models, *llm.fallbacks)):
        size = model.sampling.options.get("num_ctx")
        if model.provider == "ollama" and isinstance(size, int):
            largest[model.name] = max(size, largest.get(model.name, 0))

    def sized(model: Model) -> Model:
        if model.name not in largest:
            return model
        sampling = Sampling(options={"num_ctx": largest[model.name]}).over(model.sampling)
        return replace(model, sampling=sampling)

    return with_models(ensemble, sized) if largest else ensemble


def with_models(ensemble: Ensemble, change: Callable[[Model], Model]) -> Ensemble:
    """The same ensemble with other models, in all of its llm agents."""

    def changed(agent: Agent) -> Agent:
        if not isinstance(agent.work, Llm):
            return agent
        work = agent.work
        models = tuple(change(model) for model in work.models)
        fallbacks = tuple(change(model) for model in work.fallbacks)
        nearest = work.nearest
        if nearest is not None and nearest.embedding is not None:
            nearest = replace(nearest, embedding=change(nearest.embedding))
        elif all(map(is_, (*models, *fallbacks), (*work.models, *work.fallbacks))):
            return agent
        return replace(agent, work=replace(work, models=models, fallbacks=fallbacks, nearest=nearest))

    return with_agents(ensemble, changed)


def with_agents(ensemble: Ensemble, change: Callable[[Agent], Agent]) -> Ensemble:
    """The same ensemble with other agents, also in the ensembles that run as agents of it."""
    agents: dict[str, Agent] = {}
    for name, agent in ensemble.agents.items():
        match agent.work:
            case SubEnsemble(ensemble=part):
                agent = replace(agent, work=SubEnsemble(ensemble=with_agents(part, change)))
            case Loop(body=body) as loop:
                agent = replace(agent, work=replace(loop, body=with_agents(body, change)))
            case Dispatch(allowed=allowed) as dispatch:
                agent = replace(agent, work=replace(dispatch, allowed=_Changed(allowed, change)))
        agents[name] = change(agent)
    return replace(ensemble, agents=agents)


def llm_works(ensemble: Ensemble) -> Iterator[Llm]:
    """The llm agents of an ensemble and of those within it, as far as the file names them."""
    for agent in ensemble.agents.values():
        yield from _of_work(agent.work)


def asked_by(llm: Llm) -> Iterator[Model]:
    """Every model that an agent may ask."""
    yield from (*llm.models, *llm.fallbacks, *_of_strategy(llm.strategy))


def _of_strategy(spec: StrategySpec) -> Iterator[Model]:
    for named in spec.models.values():
        yield from (named,) if isinstance(named, Model) else named
    for part in (*spec.parts.values(), *spec.handed_on.values()):
        yield from _of_strategy(part)


def _of_work(work: Work) -> Iterator[Llm]:
    match work:
        case Llm():
            yield work
        case SubEnsemble(ensemble=held) | Loop(body=held):
            yield from llm_works(held)
        case Dispatch(allowed=allowed):
            for name in allowed:
                yield from llm_works(allowed[name])


def router_of(ensemble: Ensemble, flags: RoutingSpec) -> RouterName:
    """Flags, then the file; else `lp` where an agent has a choice of models, and `fixed` where none has."""
    return flags.router or ensemble.routing.router or ("lp" if has_choice(ensemble) else "fixed")


def has_choice(ensemble: Ensemble) -> bool:
    """Whether an agent may be served by one of several models."""
    return any(len(llm.choices) > 1 for llm in llm_works(ensemble))


class _Changed(Mapping[str, Ensemble]):
    """The ensembles that a dispatch may choose, changed when they are chosen: it may be any."""

    def __init__(self, allowed: Mapping[str, Ensemble], change: Callable[[Agent], Agent]) -> None:
        self._allowed = allowed
        self._change = change

    def __getitem__(self, name: str) -> Ensemble:
        return with_agents(self._allowed[name], self._change)

    def __iter__(self) -> Iterator[str]:
        return iter(self._allowed)

    def __len__(self) -> int:
        return len(self._allowed)


def grace_of(settings: Settings) -> float:
    """How long what is under way may go on after the first Ctrl-C."""
    from llm_orc.run.ending import GRACE_SECONDS

    return GRACE_SECONDS if settings.grace_seconds is None else settings.grace_seconds
