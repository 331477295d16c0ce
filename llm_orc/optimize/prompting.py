"""What optimizing may change of an ensemble: the system prompt and the examples of its llm agents."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256

from llm_orc.domain.ensemble import Demo, Ensemble, Llm
from llm_orc.domain.json import JsonValue


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompting:
    """The system prompt and the examples of one agent."""

    system_prompt: str = ""
    demos: tuple[Demo, ...] = ()


State = Mapping[str, Prompting]
"""Agents that are optimized, and how they are prompted; the others are as the file says."""


def state_of(ensemble: Ensemble, agents: tuple[str, ...]) -> dict[str, Prompting]:
    """How the file prompts the named llm agents."""
    state: dict[str, Prompting] = {}
    for name in agents:
        work = ensemble.agents[name].work
        assert isinstance(work, Llm)
        state[name] = Prompting(system_prompt=work.system_prompt, demos=work.demos)
    return state


def applied(ensemble: Ensemble, state: State) -> Ensemble:
    """The ensemble as it would be loaded with this state written into its file."""
    agents = dict(ensemble.agents)
    for name, prompting in state.items():
        work = agents[name].work
        assert isinstance(work, Llm)
        changed = replace(work, system_prompt=prompting.system_prompt, demos=prompting.demos)
        agents[name] = replace(agents[name], work=changed)
    return replace(ensemble, agents=agents)


def as_loaded(state: State, own: State) -> dict[str, Prompting]:
    """The state as it would be loaded from the file that it is written to; what is the file's `own` stays.

    Line breaks at the end of a prompt are lost there, and carriage returns in a prompt file. An example that
    is there twice says nothing more.
    """
    return {name: _as_loaded(prompting, own[name]) for name, prompting in state.items()}


def _as_loaded(found: Prompting, own: Prompting) -> Prompting:
    prompt, demos = found.system_prompt, found.demos
    if prompt != own.system_prompt:
        prompt = prompt.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n")
    if demos != own.demos:
        demos = tuple({json.dumps([dict(d.inputs), d.output]): d for d in reversed(demos)}.values())[::-1]
    return Prompting(system_prompt=prompt, demos=demos)


def fingerprint(state: State) -> str:
    """The same for two states exactly when they prompt alike."""
    text = json.dumps(state_json(state), sort_keys=True, ensure_ascii=False)
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def state_json(state: State) -> dict[str, dict[str, JsonValue]]:
    """A state as JSON."""
    return {
        name: {
            "system_prompt": prompting.system_prompt,
            "demos": [{"inputs": dict(demo.inputs), "output": demo.output} for demo in prompting.demos],
        }
        for name, prompting in state.items()
    }


def size(state: State) -> int:
    """Characters of all prompts and examples."""
    return sum(
        len(prompting.system_prompt)
        + sum(len(json.dumps(dict(demo.inputs))) + len(demo.output) for demo in prompting.demos)
        for prompting in state.values()
    )
