"""Which agents a search may change."""

from __future__ import annotations

from collections.abc import Sequence

from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.errors import NotFound, UsageFailed
from llm_orc.optimize.dataset import Row


def left_alone(
    ensemble: Ensemble, agents: Sequence[str], named: Sequence[str]
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The agents with one prompt to make better, and a note for each that is asked otherwise from run to run.

    Raises `UsageFailed` where one of these is named, or none of the others is left.
    """
    several = {name: what for name in agents if (what := _several(ensemble, name))}
    kept = tuple(name for name in agents if name not in several)
    for name, what in several.items():
        if name in named or not kept:
            raise UsageFailed(
                f"agent {name!r} has {what}: there is no one prompt to make better",
                hint="optimize: false leaves it as it is; `llm-orc runs ab` compares wordings",
            )
    return kept, tuple(f"agent {name!r} has {what} and stays as it is" for name, what in several.items())


def unused_labels(ensemble: Ensemble, agents: Sequence[str], rows: Sequence[Row]) -> tuple[str, ...]:
    """A note for each agent whose labels can be no examples."""
    labelled = {name for row in rows for name in row.labels}
    return tuple(
        f"the labels of agent {name!r} are not used: it runs once for each item, and learns from those"
        for name in agents
        if name in labelled and ensemble.agents[name].fan_out is not None
    )


def _several(ensemble: Ensemble, name: str) -> str:
    llm = ensemble.agents[name].work
    assert isinstance(llm, Llm)
    if llm.variants:
        return "several wordings"
    return "examples that are chosen for each input" if llm.nearest is not None else ""


def open_agents(ensemble: Ensemble, named: Sequence[str]) -> tuple[str, ...]:
    """The llm agents that may be changed: those that are named, else all but those that say no."""
    llms = {name: agent.work for name, agent in ensemble.agents.items() if isinstance(agent.work, Llm)}
    for name in named:
        if name not in llms:
            raise NotFound(f"{ensemble.name!r} has no llm agent {name!r}", hint=f"it has {', '.join(llms)}")
        if not llms[name].optimize:
            raise UsageFailed(f"agent {name!r} says optimize: false", hint="remove that, or leave it out")
    found = tuple(name for name, work in llms.items() if work.optimize and (not named or name in named))
    if not found:
        raise UsageFailed(f"{ensemble.name!r} has no agent that may be optimized")
    return found
