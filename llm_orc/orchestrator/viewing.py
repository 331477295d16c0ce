"""What agents of a finished run were shown and said: what examples are made of."""

from __future__ import annotations

from collections.abc import Mapping

from llm_orc.domain.ensemble import Agent, Llm
from llm_orc.domain.json import JsonObject
from llm_orc.domain.outcome import Answered, Outcome
from llm_orc.optimize.slots import composed_variable
from llm_orc.optimize.trials import Shown
from llm_orc.run.render import composed
from llm_orc.run.view import View, list_of, view_of


def viewed(agent: Agent, inputs: JsonObject, outcomes: Mapping[str, Outcome]) -> Shown:
    """What an agent saw, by variable, and what it said; nothing where a fan-out left items out."""
    outcome = outcomes[agent.name]
    assert isinstance(outcome, Answered)
    assert isinstance(agent.work, Llm)
    view = view_of(agent, inputs, outcomes)
    if outcome.replaced is not None:
        return ()
    if agent.fan_out is None:
        return ((_variables(agent, view, inputs), outcome.output),)
    items = list_of(agent, agent.fan_out, view)
    outputs = outcome.output if isinstance(outcome.output, list | tuple) else ()
    if len(outputs) != len(items):
        return ()
    return tuple(
        (_variables(agent, view.of_item(agent.fan_out, item), inputs), output)
        for item, output in zip(items, outputs, strict=True)
        if output is not None
    )


def _variables(agent: Agent, view: View, inputs: JsonObject) -> JsonObject:
    assert isinstance(agent.work, Llm)
    if agent.work.prompt is not None:
        return view.variables()
    return inputs if composed_variable(agent) is None else {"input": composed(view)}
