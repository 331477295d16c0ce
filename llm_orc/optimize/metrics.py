"""What an output is worth: a score in [0, 1] and, for what is not right, a sentence that says why."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import partial
from pathlib import Path
from typing import Any, Protocol, TypeAlias

import anyio

from llm_orc.answers.equivalence import same
from llm_orc.answers.functions import failed, place_of, user_function
from llm_orc.domain.json import JsonValue
from llm_orc.domain.text import as_text, one_line
from llm_orc.domain.usage import Usage
from llm_orc.errors import InvalidFile, OrcError, Problem, ScriptFailed, UsageFailed
from llm_orc.optimize.dataset import Row
from llm_orc.optimize.records import shortened
from llm_orc.optimize.text_scores import (
    Verdict,
    contains,
    exact,
    mathematical,
    numeric,
    pattern,
    regex,
    token_f1,
)
from llm_orc.optimize.tree_score import tree_score

_SHOWN = 100


@dataclass(frozen=True, slots=True)
class Scored:
    """`feedback` is what a better answer would have to mend, "" for a perfect one.

    `usage` and `cost_usd` are what the scoring itself took, as a judge's does; the cost is None when unknown.
    `fault` says why there is no score where that took something too; the score is 0 then.
    """

    score: float
    feedback: str = ""
    usage: Usage = Usage()
    cost_usd: float | None = 0.0
    fault: OrcError | None = None


class Metric(Protocol):
    """Scores one output of one row. Raises `OrcError` where it cannot."""

    async def __call__(self, row: Row, output: JsonValue) -> Scored: ...


Judging: TypeAlias = Callable[[str], Metric]
"""What makes a metric of the ensemble that a judge's name stands for. Raises `OrcError` where there is
none."""

_PLAIN: Mapping[str, Callable[[JsonValue, JsonValue], Verdict]] = {
    "exact": exact,
    "contains": contains,
    "f1": token_f1,
    "json": tree_score,
}
NAMES = ("exact", "contains", "numeric", "f1", "json", "regex", "math", "judge")


def metric_of(spec: str, *, folder: Path | None = None, judging: Judging | None = None) -> Metric:
    """The metric of a name, `numeric:TOLERANCE`, `regex:PATTERN`, `judge:ENSEMBLE`, or a function of the
    user's.

    A function is `module:name` or `file.py:name`; a relative file starts from `folder`. It is called with the
    row and the output and returns a number in [0, 1], a bool, or a pair of that and the feedback. Raises
    `UsageFailed` for what cannot be used.
    """
    name, colon, rest = spec.partition(":")
    if spec in _PLAIN:
        return _Known(_PLAIN[spec])
    if name == "numeric":
        return _Known(partial(numeric, tolerance=_tolerance(rest) if colon else 0.0))
    if name == "regex":
        sought = pattern(rest) if colon else None
        return _Known(partial(regex, pattern=sought), needs_answer=not colon, slow=True)
    if spec == "math":
        same("x + 1", "1 + x")  # raises NotAvailable now, not after the first row was paid for
        return _Known(mathematical, slow=True)
    if name == "judge":
        if judging is None or not rest:
            raise UsageFailed("a judge is an ensemble", hint="write judge:ENSEMBLE, or judge:ENSEMBLE#AGENT")
        return judging(rest)
    if name in _PLAIN or not colon:
        near = get_close_matches(name, NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(NAMES)}, file.py:function"
        raise UsageFailed(f"unknown metric {spec!r}", hint=hint)
    return _Own(spec, user_function(spec, folder))


class _Known:
    """A metric that compares with what the row expects. Several expected answers are alternatives."""

    def __init__(
        self,
        verdict: Callable[[JsonValue, JsonValue], Verdict],
        *,
        needs_answer: bool = True,
        slow: bool = False,
    ) -> None:
        self._verdict = verdict
        self._needs_answer = needs_answer
        self._slow = slow

    async def __call__(self, row: Row, output: JsonValue) -> Scored:
        if self._needs_answer and row.expected is None:
            raise UsageFailed("the row has no expected answer", hint="this metric needs one")
        if self._slow:
            best = await anyio.to_thread.run_sync(self._best, row.expected, output, abandon_on_cancel=True)
            return Scored(*best)
        return Scored(*self._best(row.expected, output))

    def _best(self, expected: JsonValue, output: JsonValue) -> Verdict:
        found = [self._verdict(each, output) for each in alternatives(expected)]
        if len(found) > 1 and not isinstance(output, str | int | float):
            found.append(self._verdict(expected, output))
        return max(found, key=lambda verdict: verdict[0])


async def check_rows(rows: Sequence[Row], metric: Metric) -> None:
    """Raise `InvalidFile` with the rows that this metric cannot score, whatever the output."""
    problems = []
    for row in rows:
        file, _, line = row.source.rpartition(":")
        try:
            if isinstance(metric, _Known):
                await metric(row, "")
        except UsageFailed as error:
            message, hint = error.message, error.hint
            problems.append(Problem(file=file, line=int(line), column=1, message=message, hint=hint))
    if problems:
        raise InvalidFile(shortened(problems))


class _Own:
    """A function of the user's."""

    def __init__(self, spec: str, function: Callable[..., Any]) -> None:
        self._spec = spec
        self._function = function

    async def __call__(self, row: Row, output: JsonValue) -> Scored:
        value = await anyio.to_thread.run_sync(self._called, row, output)
        if inspect.isawaitable(value):
            value = await self._awaited(value)
        place = place_of(self._function)
        return score_in(value, f"{self._spec} ({place})" if place else self._spec)

    def _called(self, row: Row, output: JsonValue) -> object:
        try:
            return self._function(row, output)
        except KeyboardInterrupt as error:  # of the user's making: Ctrl-C reaches the main thread only
            raise failed(self._spec, self._function, error) from error

    async def _awaited(self, value: Awaitable[object]) -> object:
        try:
            return await value
        except OrcError:
            raise
        except (Exception, KeyboardInterrupt) as error:
            raise failed(self._spec, self._function, error) from error


def alternatives(expected: JsonValue) -> Sequence[JsonValue]:
    """The answers that are right: the members of a list, else the one."""
    if isinstance(expected, Sequence) and not isinstance(expected, str) and expected:
        return expected
    return (expected,)


def score_in(value: object, who: str) -> Scored:
    """What a function or a judge said. Raises `ScriptFailed` for what is no score in [0, 1]."""
    match value:
        case Scored():
            found = value
        case (score, str() as feedback):
            found = Scored(_number(score), feedback)
        case {"score": score, **rest}:
            said = rest.get("feedback") or rest.get("reason") or rest.get("explanation") or ""
            found = Scored(_number(score), as_text(said) if isinstance(said, str | list | dict) else "")
        case _:
            found = Scored(_number(value))
    if not 0.0 <= found.score <= 1.0:
        raise ScriptFailed(
            f"{who} gave no score: {one_line(str(value), _SHOWN)}",
            hint='write a number from 0 to 1, a bool, (score, feedback), or {"score": ..., "feedback": ...}',
        )
    return found


def _number(value: object) -> float:
    """NaN for what is no number, which is in no range."""
    try:
        return float(value) if not isinstance(value, str) else math.nan  # type: ignore[arg-type]
    except (TypeError, ValueError, OverflowError):
        return math.nan


def _tolerance(text: str) -> float:
    if not re.fullmatch(r"\d+(\.\d+)?(e-?\d+)?|\.\d+", text):
        raise UsageFailed(f"{text!r} is not a tolerance", hint="write numeric:0.01")
    return float(text)
