"""A complex task in parts: subtasks become agents of the run, and their answers one (Khot et al. 2022, arXiv
2210.02406; least-to-most: Zhou et al. 2022, arXiv 2205.10625)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Literal

from llm_orc.answers.extraction import json_answer
from llm_orc.domain.completion import Message
from llm_orc.domain.ensemble import Agent, Default, Ensemble, Llm, StrategySpec
from llm_orc.domain.json import JsonValue, parse_json
from llm_orc.domain.strategy import Answer, Ask
from llm_orc.domain.task import LEVELS, Task
from llm_orc.errors import OrcError, ProviderFailed
from llm_orc.strategies.presenting import aside, listed, question

MAX_SUBTASKS = 6
LEAST_COMPLEXITY, LEAST_STEPS = 0.6, 3
_TASK = (
    "You break a task into parts that can be done one by one. Reply with a JSON list and nothing else: "
    '[{"name": "facts", "task": "List the facts.", "depends_on": []}, '
    '{"name": "judgement", "task": "Judge them.", "depends_on": ["facts"]}]'
)
_ARRAY = re.compile(r"\[\s*\{.*\}\s*\]", re.DOTALL)
_NAME = re.compile(r"[^A-Za-z0-9_-]+")


class Decompose:
    """Tasks that are not complex are answered at once, and so are those whose parts cannot be used: none,
    only one, or in a circle. Of too many parts the first are taken. A part that fails is left out."""

    def __init__(
        self,
        *,
        when: Literal["complex", "always"] = "complex",
        max_subtasks: int = MAX_SUBTASKS,
        subtask: StrategySpec | None = None,
    ) -> None:
        self._always = when == "always"
        self._most = max_subtasks
        self._subtask = subtask or StrategySpec()

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer:
        if not self._always and not is_complex(ask.task(messages)):
            ask.note("not_complex", "the task is not complex: it is answered at once")
            return Answer(text=(await ask(messages)).text)
        prompt = f"Task:\n{question(messages)}\n\nAt most {self._most} parts."
        try:
            reply = (await ask(aside(_TASK, prompt), aside=True)).text
            parts, fault = understood(reply, self._most)
        except ProviderFailed as error:
            parts, fault = {}, f"asking for parts failed: {error.message}"
        if fault:
            ask.note("no_parts", f"{fault}: the task is answered at once")
            return Answer(text=(await ask(messages)).text, samples=2)
        ask.note("decomposed", f"{len(parts)} parts: {', '.join(parts)}", parts=list(parts))
        outputs = await self._carried_out(parts, messages, ask)
        done = {name: str(output) for name, output in outputs.items() if output is not None}
        told = listed([f"{parts[name][0]}\n\n{text}" for name, text in done.items()], "part")
        combined = (
            *messages[:-1],
            Message(
                "user", f"{messages[-1].content}\n\nParts of it are done:\n\n{told}\n\nNow answer the whole."
            ),
        )
        text = (await ask(combined if done else messages)).text
        shown: dict[str, JsonValue] = dict(done)
        return Answer(text=text, samples=2 + len(parts), evidence={"parts": shown})

    async def _carried_out(
        self, parts: Mapping[str, tuple[str, tuple[str, ...]]], messages: tuple[Message, ...], ask: Ask
    ) -> Mapping[str, JsonValue]:
        agents = {
            name: Agent(
                name=name,
                work=Llm(models=ask.models, system_prompt=task, strategy=self._subtask),
                depends_on=needs,
                on_failure=Default(None),
            )
            for name, (task, needs) in parts.items()
        }
        ensemble = Ensemble(name="subtasks", agents=agents, outputs=tuple(agents))
        try:
            outputs = await ask.run(ensemble, {"input": question(messages)})
        except OrcError as error:
            ask.note("failed", f"the parts failed: {error.message}", kind=error.kind)
            return {}
        return outputs if isinstance(outputs, Mapping) else {}


def is_complex(task: Task) -> bool:
    """Complex enough that parts help: many steps, and at least analysis."""
    high = LEVELS.index(task.level) >= LEVELS.index("analyse")
    return task.complexity > LEAST_COMPLEXITY and task.steps > LEAST_STEPS and high


Parts = dict[str, tuple[str, tuple[str, ...]]]


def understood(reply: str, most: int) -> tuple[Parts, str]:
    """The parts by name with what they need, or what is wrong with the reply."""
    array = _ARRAY.search(reply)
    found = json_answer(reply) or (array[0] if array else None)
    try:
        listed_parts = parse_json(found or "")
    except ValueError:
        return {}, "the parts are not JSON"
    if not isinstance(listed_parts, list):
        return {}, "the parts are not a list"
    parts: Parts = {}
    for item in listed_parts[:most]:
        if isinstance(item, Mapping) and isinstance(item.get("task"), str) and item["task"].strip():
            needs = item.get("depends_on")
            wanted = tuple(_named(need) for need in needs) if isinstance(needs, list) else ()
            parts[_free(_named(item.get("name")), parts)] = (str(item["task"]), wanted)
    parts = {
        name: (task, tuple(dict.fromkeys(n for n in needs if n in parts and n != name)))
        for name, (task, needs) in parts.items()
    }
    if len(parts) < 2:
        return {}, "there are no parts" if not parts else "there is only one part"
    return (parts, "") if _ordered(parts) else ({}, "the parts depend on each other in a circle")


def _named(name: JsonValue) -> str:
    """A name as an agent may have it: what depends on it is named in the same way."""
    return _NAME.sub("-", str(name or "")).strip("-")[:40]


def _free(name: str, parts: Parts) -> str:
    name = name or f"part-{len(parts) + 1}"
    return name if name not in parts else _free(f"{name}-{len(parts) + 1}", parts)


def _ordered(parts: Parts) -> bool:
    left = {name: set(needs) for name, (_, needs) in parts.items()}
    while left:
        free = [name for name, needs in left.items() if not needs]
        if not free:
            return False
        left = {name: needs.difference(free) for name, needs in left.items() if name not in free}
    return True
