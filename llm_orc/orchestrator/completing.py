"""An ensemble made complete before it runs: seeds and timeouts where the file sets none."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace

from llm_orc.domain.ensemble import Agent, Dispatch, Ensemble, Llm, Loop, SubEnsemble, Work
from llm_orc.domain.model import Model, Sampling
from llm_orc.providers.prices import list_price


def completed(ensemble: Ensemble, seed: int | None, timeout_seconds: float | None) -> Ensemble:
    """The same ensemble, with a seed and a timeout for the agents that set none, also of those within it."""
    if seed is None and timeout_seconds is None:
        return ensemble
    agents: dict[str, Agent] = {}
    for name, agent in ensemble.agents.items():
        work = _completed_work(agent.work, seed, timeout_seconds)
        agents[name] = replace(agent, work=work, timeout_seconds=agent.timeout_seconds or timeout_seconds)
    return replace(ensemble, agents=agents)


def priced(ensemble: Ensemble) -> Ensemble:
    """The same ensemble, hosted models without a price of the user's having their list price."""
    agents = {}
    for name, agent in ensemble.agents.items():
        match agent.work:
            case Llm(models=models, fallbacks=fallbacks) as llm if any(
                model.price is None for model in (*models, *fallbacks)
            ):
                work: Work = replace(llm, models=_priced(models), fallbacks=_priced(fallbacks))
                agent = replace(agent, work=work)
            case SubEnsemble(ensemble=part):
                agent = replace(agent, work=SubEnsemble(ensemble=priced(part)))
            case Loop(body=body) as loop:
                agent = replace(agent, work=replace(loop, body=priced(body)))
        agents[name] = agent
    return replace(ensemble, agents=agents)


def _priced(models: tuple[Model, ...]) -> tuple[Model, ...]:
    return tuple(
        model if model.price is not None else replace(model, price=list_price(model)) for model in models
    )


def _completed_work(work: Work, seed: int | None, timeout_seconds: float | None) -> Work:
    match work:
        case Llm(models=models, fallbacks=fallbacks) if seed is not None:
            return replace(work, models=_seeded(models, seed), fallbacks=_seeded(fallbacks, seed))
        case SubEnsemble(ensemble=part):
            return replace(work, ensemble=completed(part, seed, timeout_seconds))
        case Loop(body=body):
            return replace(work, body=completed(body, seed, timeout_seconds))
        case Dispatch(allowed=allowed):
            return replace(work, allowed=_Completed(allowed, seed, timeout_seconds))
    return work


def _seeded(models: tuple[Model, ...], seed: int) -> tuple[Model, ...]:
    sampling = Sampling(seed=seed)
    return tuple(replace(model, sampling=model.sampling.over(sampling)) for model in models)


class _Completed(Mapping[str, Ensemble]):
    """The ensembles that a dispatch may choose, completed when they are chosen: it may be any."""

    def __init__(self, allowed: Mapping[str, Ensemble], seed: int | None, seconds: float | None) -> None:
        self._allowed = allowed
        self._seed = seed
        self._seconds = seconds

    def __getitem__(self, name: str) -> Ensemble:
        return completed(self._allowed[name], self._seed, self._seconds)

    def __iter__(self) -> Iterator[str]:
        return iter(self._allowed)

    def __len__(self) -> int:
        return len(self._allowed)
