"""Names to implementations: `name -> "module:Class"`, imported on first use.

Third parties add their own through entry points: `llm_orc.providers`, `llm_orc.strategies`,
`llm_orc.routers`.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from llm_orc.errors import NotAvailable, UsageFailed

PROVIDERS: Mapping[str, str] = {
    "openai": "llm_orc.providers.openai:OpenAI",
    "ollama": "llm_orc.providers.ollama:Ollama",
    "anthropic": "llm_orc.providers.anthropic:Anthropic",
    "llamacpp": "llm_orc.providers.llamacpp:LlamaCpp",
    "scripted": "llm_orc.providers.scripted:Scripted",
}
STRATEGIES: Mapping[str, str] = {
    "auto": "llm_orc.strategies.auto:Auto",
    "best_of": "llm_orc.strategies.best_of:BestOf",
    "cascade": "llm_orc.strategies.cascade:Cascade",
    "chain_of_thought": "llm_orc.strategies.chain_of_thought:ChainOfThought",
    "compare": "llm_orc.strategies.compare:Compare",
    "debate": "llm_orc.strategies.debate:Debate",
    "decompose": "llm_orc.strategies.decompose:Decompose",
    "moa": "llm_orc.strategies.moa:MixtureOfAgents",
    "mux": "llm_orc.strategies.mux:Mux",
    "react": "llm_orc.strategies.react:React",
    "refine": "llm_orc.strategies.refine:Refine",
    "self_consistency": "llm_orc.strategies.self_consistency:SelfConsistency",
    "single": "llm_orc.strategies.single:Single",
    "verify": "llm_orc.strategies.verify:Verify",
    "vote": "llm_orc.strategies.vote:MajorityVote",
}
ROUTERS: Mapping[str, str] = {
    "lp": "llm_orc.plan.exact:Exact",
    "greedy": "llm_orc.plan.greedy:Greedy",
    "planner": "llm_orc.plan.llm_planner:LlmPlanner",
    "fixed": "llm_orc.plan.fixed:Fixed",
}


def find(kind: str, name: str, table: Mapping[str, str]) -> Any:  # noqa: ANN401 - any class
    """The class registered as `name`. Raises `UsageFailed` with the nearest name when unknown."""
    target = table.get(name) or _from_entry_points(f"llm_orc.{kind}s", name)
    if target is None:
        near = get_close_matches(name, table, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(sorted(table))}"
        raise UsageFailed(f"unknown {kind} {name!r}", hint=hint)
    module, _, attribute = target.partition(":")
    try:
        return getattr(import_module(module), attribute)
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("llm_orc"):
            raise
        raise NotAvailable(
            f"{kind} {name!r} needs the package {error.name!r}", hint=f"pip install {error.name}"
        ) from error


def _from_entry_points(group: str, name: str) -> str | None:
    # Imported here because it costs 10 ms, and our own names never need it.
    from importlib.metadata import entry_points

    return next((point.value for point in entry_points(group=group) if point.name == name), None)
