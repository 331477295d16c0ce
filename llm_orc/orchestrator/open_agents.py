"""Which agents a search may change."""

from __future__ import annotations

from collections.abc import Sequence

from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.errors import NotFound, UsageFailed


def refuse_wordings(ensemble: Ensemble, agents: Sequence[str]) -> None:
    """Raise `UsageFailed` for an agent that is asked otherwise from run to run: there is no one prompt."""
    for name in agents:
        llm = ensemble.agents[name].work
        if isinstance(llm, Llm) and (llm.variants or llm.nearest is not None):
            what = "several wordings" if llm.variants else "examples that are chosen for each input"
            raise UsageFailed(
                f"agent {name!r} has {what}: there is no one prompt to make better",
                hint="optimize: false leaves it as it is; `llm-orc runs ab` compares wordings",
            )


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
