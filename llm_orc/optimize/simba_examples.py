"""Where SIMBA's examples come from; only `optimize` imports this module: it imports DSPy.

DSPy's takes them from answers alone: the best of a row's, however bad. Where no answer is ever right there
are none, whatever the rows themselves say.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from dspy.teleprompt.simba_utils import append_a_demo

from llm_orc.optimize.program import EnsembleProgram, shown

Strategy = Callable[..., bool]
"""Changes a candidate by what happened on one row. False where it had nothing to change."""
LONGEST = 100_000
"""Letters of an input that an example shows: DSPy's own bound."""


class Examples:
    """Answers worth `accept` or more, and the rows' own labels where nobody was right: at most `demos` and
    `labeled` of them. `metric` is to be used as the metric, so that it is known which rows these are."""

    def __init__(
        self,
        train: Sequence[Any],
        metric: Callable[..., float],
        *,
        accept: float,
        demos: int,
        labeled: int,
        seed: int,
    ) -> None:
        self._train = train
        self._metric = metric
        self._accept = accept
        self._demos = demos
        self._labeled = labeled
        self._random = Random(seed)
        # Sets, as DSPy scores in several threads: nothing is read before it is written.
        self._tried: set[str] = set()
        self._right: set[str] = set()
        self._own = append_a_demo(LONGEST)

    def metric(self, example: Any, prediction: Any, trace: Any = None) -> float:  # noqa: ANN401
        score = self._metric(example, prediction, trace)
        self._tried.add(example._row.id)
        if score >= self._accept:
            self._right.add(example._row.id)
        return score

    def strategies(self, program: EnsembleProgram) -> list[Strategy]:
        """Those that have anything to offer to this program."""
        offered: list[Strategy] = [self.an_answer] if self._demos else []
        return [*offered, self.a_label] if self._labels(program) else offered

    def room(self, program: EnsembleProgram) -> int:
        """How many examples an agent has before some are dropped. The file's own are many already, and what
        they say may be needed."""
        held = (len(predictor.demos) for predictor in program.predictors())
        return max(self._demos, self._labeled if self._labels(program) else 0, *held)

    def an_answer(self, bucket: Sequence[Any], system: EnsembleProgram, **given: Any) -> bool:  # noqa: ANN401
        """The best answer of a row, where it was good; else a label."""
        if bucket[0]["score"] >= self._accept:
            return bool(self._own(bucket, system, **given))
        return self._shown_a_label(system)

    def a_label(self, bucket: Sequence[Any], system: EnsembleProgram, **given: Any) -> bool:  # noqa: ANN401
        """What a row that nobody answered well says itself; a good answer where there is no such row."""
        if self._shown_a_label(system):
            return True
        return bool(self._demos) and self.an_answer(bucket, system, **given)

    def _shown_a_label(self, system: EnsembleProgram) -> bool:
        names = self._tried - self._right
        missed = [row for row in self._labels(system) if row._row.id in names]
        if not missed:
            return False
        chosen = self._random.choice(missed)
        for predictor in shown(system, chosen):
            predictor.demos.append(chosen)
        return True

    def _labels(self, program: EnsembleProgram) -> list[Any]:
        return [row for row in self._train if shown(program, row)] if self._labeled else []
