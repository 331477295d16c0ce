"""What a strict budget could never bound is found before anything is sent."""

from __future__ import annotations

from collections.abc import Sequence

from llm_orc.domain.ensemble import Dispatch, Ensemble, Llm, Loop, SubEnsemble
from llm_orc.domain.policy import Budget
from llm_orc.errors import UsageFailed
from llm_orc.orchestrator.completing import asked_by
from llm_orc.run.budget import unbounded


def refuse_unbounded(ensemble: Ensemble, budgets: Sequence[Budget]) -> None:
    """`budgets` are those around the ensemble. Raises `UsageFailed` for a model that a strict one cannot
    bound, of the ensemble and of those within it, whether or not it will be asked."""
    for agent in ensemble.agents.values():
        own = [*budgets, agent.budget] if agent.budget is not None else budgets
        match agent.work:
            case Llm() as llm:
                _refuse(agent.name, llm, [budget for budget in own if budget.strict])
            case SubEnsemble(ensemble=held) | Loop(body=held):
                _within(held, own)
            case Dispatch(allowed=allowed):
                for name in allowed:
                    _within(allowed[name], own)


def _within(ensemble: Ensemble, budgets: Sequence[Budget]) -> None:
    refuse_unbounded(ensemble, budgets if ensemble.budget is None else [*budgets, ensemble.budget])


def _refuse(agent: str, llm: Llm, budgets: Sequence[Budget]) -> None:
    for model in asked_by(llm) if budgets else ():
        for budget in budgets:
            found = unbounded(budget, model, model.sampling)
            if found is not None:
                raise UsageFailed(f"agent {agent!r}: {found[0]}", hint=found[1])
