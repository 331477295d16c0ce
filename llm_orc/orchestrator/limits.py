"""Limits of a search that are known to be of no use before it begins."""

from __future__ import annotations

from collections.abc import Iterable

from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.domain.model import Model
from llm_orc.domain.usage import Usage
from llm_orc.optimize.dataset import Split
from llm_orc.optimize.stopping import Limits, Stop, unpriced
from llm_orc.orchestrator.completing import llm_works
from llm_orc.run.budget import cost_of


def unpriced_model(
    limits: Limits, ensembles: Iterable[Ensemble], others: Iterable[Model | None]
) -> Stop | None:
    """Where money is limited, a model that may be asked and whose price is unknown."""
    if limits.usd is None:
        return None
    works = [work for ensemble in ensembles for work in llm_works(ensemble)]
    models = [model for work in works for model in (*work.models, *work.fallbacks)]
    models += [model for model in others if model is not None]
    return next((unpriced(model.name) for model in models if cost_of(model, Usage()) is None), None)


def too_few_calls(limits: Limits, ensemble: Ensemble, parts: Split) -> Stop | None:
    """Where calls are limited to fewer than the final test takes, which are kept back for it."""
    sure = [agent for agent in ensemble.agents.values() if agent.when is None and agent.fan_out is None]
    per_run = sum(isinstance(agent.work, Llm) for agent in sure)
    final = per_run * (2 * len(parts.held_out) + len(parts.validation))
    if limits.calls is None or limits.calls > final:
        return None
    first = per_run * len(parts.validation)
    return Stop(
        message=f"--max-calls {limits.calls} leaves nothing to search with: the final test may take {final}",
        exit_code=3,
        hint=f"give --max-calls more than {final + first}; --estimate says what a search takes",
    )
