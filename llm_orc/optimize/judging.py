"""An ensemble of the user's as the judge of another's outputs."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import replace

from llm_orc.answers.equivalence import number
from llm_orc.answers.extraction import auto, json_in
from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.outcome import Answered, Failed, RunResult
from llm_orc.domain.text import as_text, one_line
from llm_orc.errors import AgentFailed, AnswerRejected, ScriptFailed, UsageFailed
from llm_orc.optimize.dataset import Row
from llm_orc.optimize.metrics import Scored, score_in

Ask = Callable[[JsonObject], Awaitable[RunResult]]
"""Runs the judge on its inputs."""

_RIGHT = {"yes", "true", "correct", "right", "pass", "passed", "good"}
_WRONG = {"no", "false", "incorrect", "wrong", "fail", "failed", "bad"}
_MARKED = re.compile(r"\b(?:score|rating|grade|verdict)\b[*_]{0,3}\s?(?:is|:|=)\s?([^\n]+)", re.IGNORECASE)
_SHOWN = 100


class Judge:
    """A metric: what an ensemble says of an output, given the row's inputs, `output` and `expected`.

    An ensemble with no inputs of its own is given all of that as one text. It answers with a number in [0,
    1] (also `4/5` and `80%`), yes or no, or JSON with `score` and perhaps `feedback`. `agent` is the one of
    the judge whose output counts, "" for the judge's own output.
    """

    def __init__(self, ensemble: Ensemble, ask: Ask, agent: str = "") -> None:
        if agent and agent not in ensemble.agents:
            known = ", ".join(ensemble.agents)
            raise UsageFailed(
                f"the judge {ensemble.name!r} has no agent {agent!r}", hint=f"its agents: {known}"
            )
        self.ensemble = ensemble
        self._ask = ask
        self._agent = agent

    async def __call__(self, row: Row, output: JsonValue) -> Scored:
        result = await self._ask(judge_inputs(self.ensemble, row, output))
        try:
            said = verdict(self._output(result))
        except AgentFailed as error:
            said = Scored(0.0, error.message, fault=error)
        return replace(said, usage=result.usage, cost_usd=result.cost_usd)

    def _output(self, result: RunResult) -> JsonValue:
        if self._agent:
            outcome = result.agents[self._agent]
            if isinstance(outcome, Answered):
                return outcome.output
        elif result.status in ("succeeded", "partial"):
            return result.output
        failed = [o.cause for o in result.agents.values() if isinstance(o, Failed)]
        cause = result.ended_by or (failed[0] if failed else None)
        raise AgentFailed(
            f"the judge failed: {cause.message if cause else 'no output'}", hint=cause.hint if cause else ""
        )


def judge_inputs(judge: Ensemble, row: Row, output: JsonValue) -> JsonObject:
    """What the judge is given, by the names of its inputs."""
    seen: dict[str, JsonValue] = {"input": _question(row), **row.inputs}
    seen |= {"output": output, "expected": "" if row.expected is None else row.expected}
    if set(judge.inputs) == {"input"}:
        parts = {"Input": _question(row), "Output": output, "Expected": row.expected}
        texts = [f"{name}:\n{as_text(value)}" for name, value in parts.items() if value is not None]
        return {"input": "\n\n".join(texts)}
    return {
        name: as_text(seen[name]) if schema.get("type", "string") == "string" else seen[name]
        for name, schema in judge.inputs.items()
        if name in seen
    }


def verdict(output: JsonValue) -> Scored:
    """The score in what a judge answered. Raises `AnswerRejected` where there is none."""
    value: object = output
    if isinstance(output, str):
        read = json_in(output)
        value = read if isinstance(read, Mapping) and "score" in read else _said(output)
    try:
        return score_in(value, "the judge")
    except ScriptFailed as error:
        raise AnswerRejected(
            f"the judge gave no score: {one_line(output, _SHOWN)!r}",
            hint='it should answer with a number from 0 to 1, yes or no, or {"score": ..., "feedback": ...}',
        ) from error


def _said(text: str) -> float | None:
    """What follows the last "score:" or the like, else the answer."""
    *_, marked = ("", *_MARKED.findall(text))
    answer = (marked or auto(text) or "").strip(" *_\t\r\n")
    word = answer.split()[0].strip(".,:;!*").casefold() if answer else ""
    if word in _RIGHT | _WRONG:
        return float(word in _RIGHT)
    found = number(answer)
    return float(found[1]) if found is not None and not found[0] else None


def _question(row: Row) -> str:
    if len(row.inputs) == 1:
        return as_text(next(iter(row.inputs.values())))
    return as_text(row.inputs)
