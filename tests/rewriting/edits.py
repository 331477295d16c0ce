"""Random edits of an agent, and what the file's data are to be after them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random
from typing import Any

from llm_orc.domain.edit import Edit
from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.domain.json import JsonValue
from tests.rewriting import texts

_STRATEGIES: tuple[JsonValue, ...] = (
    "single", "chain_of_thought", "auto", {"type": "refine", "rounds": 3},
    {"type": "self_consistency", "samples": 7, "temperature": 0.4, "early_stop": {"window": 4, "beta": 0.9}},
    {"type": "self_consistency", "samples": 3}, {"type": "chain_of_thought", "instruction": "# Think: 'now'"},
)  # fmt: skip
_SETTINGS: dict[str, tuple[JsonValue, ...]] = {
    "self_consistency": (
        ("samples", 11), ("temperature", 0.25), ("early_stop", {"window": 6}), ("early_stop.window", 3),
    ),
    "cascade": (("threshold", 0.75), ("verify.samples", 4), ("threshold", None)),
    "refine": (("rounds", 4), ("rounds", None)),
    "verify": (("retries", 3),),
    "chain_of_thought": (("instruction", None),),
}  # fmt: skip
_SAMPLING = ("temperature", "top_p", "top_k", "min_p", "max_tokens")
_MODELS = ("tiny-small", "tiny-large", {"provider": "ollama", "name": "some: model#1"})


def random_edit(random: Random, ensemble: Ensemble) -> Edit:
    """A hostile edit of one of the agents that ask a model."""
    name, work = random.choice(
        [(name, a.work) for name, a in ensemble.agents.items() if isinstance(a.work, Llm)]
    )
    assert isinstance(work, Llm)
    match random.randrange(12):
        case 0 | 1 | 2 | 3:
            key, value = "system_prompt", texts.text(random)
        case 4 | 5 | 6:
            key, value = "prompt", texts.template(random)
        case 7 | 8:
            key, value = "demos", _demos(random, work)
        case 9:
            key, value = _setting(random, work)
        case 10:
            key, value = random.choice(_SAMPLING), random.choice([0, 1, 0.5, 1.0, 5])
        case _:
            key = random.choice(["strategy", "model", "demos", "temperature", "system_prompt"])
            value = random.choice({"strategy": _STRATEGIES, "model": _MODELS}.get(key, (None,)))
    return Edit(agent=name, key=key, value=value)


def _demos(random: Random, work: Llm) -> JsonValue:
    """New ones, some of the old ones among them."""
    names = [*work.prompt.names - work.prompt.optional - {"parameters"}] if work.prompt else ["input"]
    made: list[JsonValue] = [{"inputs": dict(demo.inputs), "output": demo.output} for demo in work.demos]
    made = [demo for demo in made if random.random() < 0.7]
    for _ in range(random.randrange(3)):
        inputs = {name: texts.text(random) for name in names}
        made.insert(random.randrange(len(made) + 1), {"inputs": inputs, "output": texts.text(random)})
    return made


def _setting(random: Random, work: Llm) -> tuple[str, JsonValue]:
    known: Sequence[Any] = _SETTINGS.get(work.strategy.type, ())
    if not known or random.random() < 0.2:
        return "strategy.instruction", texts.text(random)
    setting, value = random.choice(known)
    return f"strategy.{setting}", value


def intended(data: Any, edit: Edit) -> Any:
    """The file's data with the edit in them; a prompt that is in a file of its own is written out."""
    agents = [_edited(agent, edit) if agent.get("name") == edit.agent else agent for agent in data["agents"]]
    return {**data, "agents": agents}


def _edited(agent: dict[str, Any], edit: Edit) -> dict[str, Any]:
    *way, last = edit.key.split(".")
    agent = {key: value for key, value in agent.items() if key != f"{edit.key}_file"}
    place = agent
    for step in way:
        inner = place.get(step, {})
        place[step] = {"type": inner} if isinstance(inner, str) else dict(inner)
        place = place[step]
    if edit.value is None:
        place.pop(last, None)
    else:
        place[last] = edit.value
    return agent
