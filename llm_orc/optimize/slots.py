"""Where each agent stands in a DSPy program, and under which names DSPy knows its variables."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from keyword import iskeyword

from llm_orc.domain.ensemble import Agent, Ensemble, Llm, variable_name

_NOT_A_WORD = re.compile(r"\W", re.ASCII)
_TAKEN = frozenset({
    "args", "augmented", "base", "callbacks", "config", "copy", "demos", "dict", "expected", "fields",
    "history", "instructions", "json", "kwargs", "lm", "output", "prediction", "schema", "self",
    "signature", "stage", "traces", "train", "validate",
})  # fmt: skip
"""Names with a meaning of their own in DSPy or pydantic."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Slot:
    """One agent in the program.

    `fields` are the signature's input fields, each with the variable of the prompt that it stands for, and
    `output` is its output field. `optional` are fields that an example may lack.
    """

    agent: str
    attribute: str
    fields: Mapping[str, str]
    output: str
    optional: frozenset[str] = frozenset()
    description: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """The program's outline: input names and their fields, and a slot for each agent that is optimized.

    `outputs` are the fields of all agents, also of those that are left alone; `answer` is that of the only
    agent whose output is the run's, None where there are several.
    """

    name: str
    description: str
    inputs: Mapping[str, str]
    slots: tuple[Slot, ...]
    outputs: Mapping[str, str]
    answer: str | None
    steps: tuple[Agent, ...]


def layout_of(ensemble: Ensemble, agents: Sequence[str], members: Collection[str]) -> Layout:
    """The layout of an ensemble whose `agents` are optimized; `members` are names that no agent may take."""
    taken: set[str] = set()
    inputs = {name: _unused(_safe(name), taken) for name in ensemble.inputs}
    outputs = {name: _unused(_safe(variable_name(name)), taken) for name in ensemble.agents}
    attributes: set[str] = set(members)
    slots = []
    for name in agents:
        agent = ensemble.agents[name]
        variables = _variables(ensemble, agent)
        fields = {_field(variable, ensemble, agent, inputs, outputs): variable for variable in variables}
        prompt = agent.work.prompt if isinstance(agent.work, Llm) else None
        optional: frozenset[str] = getattr(prompt, "optional", frozenset())
        slots.append(
            Slot(
                agent=name,
                attribute=_unused(_safe(variable_name(name)), attributes),
                fields=fields,
                output=outputs[name],
                optional=frozenset(field for field, variable in fields.items() if variable in optional),
                description=agent.description,
            )
        )
    return Layout(
        name=_safe(ensemble.name).title().replace("_", "") or "Ensemble",
        description=ensemble.description,
        inputs=inputs,
        slots=tuple(slots),
        outputs=outputs,
        answer=outputs[ensemble.outputs[0]] if len(ensemble.outputs) == 1 else None,
        steps=tuple(ensemble.agents.values()),
    )


def composed_variable(agent: Agent) -> str | None:
    """The variable that holds the whole message of an agent without a prompt of its own.

    None where that message is the ensemble's inputs, each under its own name.
    """
    assert isinstance(agent.work, Llm)
    plain = not agent.depends_on or agent.input_scope == "input"
    if plain and agent.input_key is None and agent.fan_out is None and agent.input_scope != "dependencies":
        return None
    return "input"


def _variables(ensemble: Ensemble, agent: Agent) -> tuple[str, ...]:
    """The variables that an agent's examples need."""
    assert isinstance(agent.work, Llm)
    if agent.work.prompt is not None:
        return tuple(sorted(agent.work.prompt.names - {"parameters"}))
    whole = composed_variable(agent)
    return tuple(ensemble.inputs) if whole is None else (whole,)


def _field(
    variable: str, ensemble: Ensemble, agent: Agent, inputs: Mapping[str, str], outputs: Mapping[str, str]
) -> str:
    if variable in inputs:
        return inputs[variable]
    for need in agent.depends_on:
        if variable == variable_name(need):
            return outputs[need]
    narrowed = agent.input_key is not None or agent.fan_out is not None or agent.input_scope == "dependencies"
    composed = isinstance(agent.work, Llm) and agent.work.prompt is None
    if variable == "input" and len(inputs) == 1 and not narrowed and not composed:
        return next(iter(inputs.values()))
    return _unused(_safe(f"{outputs[agent.name]}_{variable}"), {*inputs.values(), *outputs.values()})


def _safe(name: str) -> str:
    """A Python name that neither DSPy nor pydantic uses for anything else."""
    word = _NOT_A_WORD.sub("_", name).lstrip("_")
    if not word or word[0].isdigit():
        word = f"v_{word}"
    reserved = word.lower() in _TAKEN or iskeyword(word) or word.startswith(("model_", "dspy_"))
    return (
        f"{word}_"
        if reserved and not word.startswith(("model_", "dspy_"))
        else (f"v_{word}" if reserved else word)
    )


def _unused(name: str, taken: set[str]) -> str:
    """The name, or the name with a number; it is taken then."""
    unused, number = name, 2
    while unused in taken:
        unused, number = f"{name}_{number}", number + 1
    taken.add(unused)
    return unused
