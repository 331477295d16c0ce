"""DSPy's optimizers by name, with guards against what is known to go wrong in them.

Only `optimize` imports this module: it imports DSPy.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import dspy
from dspy.teleprompt import (
    COPRO,
    GEPA,
    SIMBA,
    BootstrapFewShot,
    BootstrapFewShotWithOptuna,
    BootstrapFewShotWithRandomSearch,
    InferRules,
    LabeledFewShot,
    MIPROv2,
    teleprompt_optuna,
)
from dspy.teleprompt.gepa import InstructionProposer
from dspy.teleprompt.simba_utils import append_a_rule

from llm_orc.optimize.proposing import Lenient
from llm_orc.optimize.search_plan import Effort
from llm_orc.optimize.simba_examples import Examples

_LEVEL: Mapping[Effort, int] = {"light": 0, "medium": 1, "heavy": 2}


@dataclass(frozen=True, kw_only=True)
class Making:
    """What an optimizer is made of. `metric` gives a number, `accepts` whether a trace may become an example,
    `reflects` a number and feedback. `proposer` is None where no model proposes; `teacher` are DSPy's
    settings under which examples are bootstrapped. `instructions` are the user's own candidates by attribute.
    """

    train: Sequence[Any]
    validation: Sequence[Any]
    metric: Callable[..., float]
    reflects: Callable[..., Any]
    accept: float
    seed: int
    effort: Effort
    threads: int
    demos: int
    labeled: int
    proposer: Any = None
    teacher: Mapping[str, Any] | None = None
    instructions: Mapping[str, Sequence[str]] | None = None

    def of_effort(self, light: int, medium: int, heavy: int) -> int:
        return (light, medium, heavy)[_LEVEL[self.effort]]


def labeled(m: Making, student: Any) -> Any:  # noqa: ANN401
    return LabeledFewShot(k=m.labeled).compile(student, trainset=list(m.train))


def bootstrap(m: Making, student: Any) -> Any:  # noqa: ANN401
    optimizer = BootstrapFewShot(
        metric=m.metric, metric_threshold=m.accept, teacher_settings=dict(m.teacher or {}),
        max_bootstrapped_demos=m.demos, max_labeled_demos=m.labeled,
    )  # fmt: skip
    return optimizer.compile(student, trainset=list(m.train))


def random_search(m: Making, student: Any) -> Any:  # noqa: ANN401
    optimizer = BootstrapFewShotWithRandomSearch(
        metric=m.metric, metric_threshold=m.accept, teacher_settings=dict(m.teacher or {}),
        max_bootstrapped_demos=m.demos, max_labeled_demos=m.labeled,
        num_candidate_programs=m.of_effort(6, 12, 24), num_threads=m.threads, stop_at_score=100.0,
    )  # fmt: skip
    return optimizer.compile(student, trainset=list(m.train), valset=list(m.validation))


def bootstrap_optuna(m: Making, student: Any) -> Any:  # noqa: ANN401
    def metric(example: Any, prediction: Any, trace: Any = None) -> float | bool:  # noqa: ANN401
        # This class knows no threshold: it takes every score above 0 for a good example.
        score = m.metric(example, prediction, trace)
        return score if trace is None else score >= m.accept

    optimizer = BootstrapFewShotWithOptuna(
        metric=metric, teacher_settings=dict(m.teacher or {}), max_bootstrapped_demos=m.demos,
        max_labeled_demos=m.labeled, num_candidate_programs=m.of_effort(8, 16, 32), num_threads=m.threads,
    )  # fmt: skip
    with _seeded_optuna(m.seed):
        return optimizer.compile(
            student, max_demos=m.demos, trainset=list(m.train), valset=list(m.validation)
        )


def copro(m: Making, student: Any) -> Any:  # noqa: ANN401
    optimizer = COPRO(
        prompt_model=m.proposer, metric=m.metric, breadth=m.of_effort(4, 7, 10), depth=m.of_effort(2, 3, 3)
    )
    evaluating = {"num_threads": m.threads, "display_progress": False}
    return optimizer.compile(student, trainset=list(m.train), eval_kwargs=evaluating)


def miprov2(m: Making, student: Any) -> Any:  # noqa: ANN401
    kind: Any = MIPROv2
    settings: dict[str, Any] = {"auto": m.effort}
    trials: dict[str, Any] = {}
    if m.instructions is not None:
        kind = _given_instructions(m.instructions)
        predictors = len(student.predictors())
        candidates = max(m.of_effort(6, 12, 18), *(len(each) + 1 for each in m.instructions.values()))
        settings = {"auto": None, "num_candidates": candidates}
        trials["num_trials"] = int(max(4 * predictors * math.log2(candidates), 1.5 * candidates))
        trials["minibatch"] = len(m.validation) > 50
    # With examples of the dataset alone it draws from an empty range: then wordings alone are searched.
    labeled = m.labeled if m.demos else 0
    # The seed goes to the constructor: `compile` takes 0 for none.
    optimizer = kind(
        metric=m.metric, prompt_model=m.proposer, metric_threshold=m.accept, seed=m.seed + 1,
        teacher_settings=dict(m.teacher or {}), max_bootstrapped_demos=m.demos, max_labeled_demos=labeled,
        num_threads=m.threads, **settings,
    )  # fmt: skip
    return optimizer.compile(student, trainset=list(m.train), valset=list(m.validation), **trials)


def simba(m: Making, student: Any) -> Any:  # noqa: ANN401
    examples = Examples(m.train, m.metric, accept=m.accept, demos=m.demos, labeled=m.labeled, seed=m.seed)
    # A step adds one example at most: of the same calls, more steps of fewer rows teach more labels.
    optimizer = SIMBA(
        metric=examples.metric, bsize=min(m.of_effort(16, 32, 32), len(m.train)),
        num_candidates=m.of_effort(4, 6, 8), max_steps=m.of_effort(8, 8, 12),
        max_demos=examples.room(student), prompt_model=m.proposer, num_threads=m.threads,
        teacher_settings=dict(m.teacher) if m.teacher else None,
    )  # fmt: skip
    # Rules are written by a model; without one there are the examples.
    rules = [] if m.proposer is None else [append_a_rule]
    optimizer.strategies = [*examples.strategies(student), *rules]
    if not optimizer.strategies:
        return student
    return optimizer.compile(student, trainset=list(m.train), seed=m.seed)


def gepa(m: Making, student: Any) -> Any:  # noqa: ANN401
    # Its own estimate of a budget is off by far, so the budget is given.
    optimizer = GEPA(
        metric=m.reflects, reflection_lm=m.proposer, num_threads=m.threads, seed=m.seed,
        max_metric_calls=m.of_effort(4, 10, 25) * (len(m.train) + len(m.validation)),
        instruction_proposer=InstructionProposer(adapter=Lenient()), warn_on_score_mismatch=False,
    )  # fmt: skip
    return optimizer.compile(student, trainset=list(m.train), valset=list(m.validation))


def infer_rules(m: Making, student: Any) -> Any:  # noqa: ANN401
    optimizer = InferRules(
        metric=m.metric, metric_threshold=m.accept, num_candidates=m.of_effort(3, 6, 10), num_rules=10,
        num_threads=m.threads, teacher_settings={**(m.teacher or {}), "lm": m.proposer},
        max_bootstrapped_demos=m.demos, max_labeled_demos=m.labeled,
    )  # fmt: skip
    # The rules are written by the proposer, the examples by the teacher, or the agents themselves.
    optimizer.teacher_settings = dict(m.teacher or {})
    return optimizer.compile(student, trainset=list(m.train), valset=list(m.validation))


OPTIMIZERS: Mapping[str, Callable[[Making, Any], Any]] = {
    "labeled": labeled,
    "bootstrap": bootstrap,
    "random-search": random_search,
    "bootstrap-optuna": bootstrap_optuna,
    "copro": copro,
    "miprov2": miprov2,
    "simba": simba,
    "gepa": gepa,
    "infer-rules": infer_rules,
}


def _given_instructions(given: Mapping[str, Sequence[str]]) -> type:
    """MIPROv2 that chooses among the user's instructions instead of proposing its own."""

    class Given(MIPROv2):  # type: ignore[misc]  # DSPy has no types
        def _propose_instructions(self, program: Any, *args: Any, **kwargs: Any) -> dict[int, list[str]]:  # noqa: ANN401
            return {
                place: [predictor.signature.instructions, *given.get(name, ())]
                for place, (name, predictor) in enumerate(program.named_predictors())
            }

    return Given


@contextmanager
def _seeded_optuna(seed: int) -> Iterator[None]:
    """DSPy gives this one optimizer no seed, so the same command would search elsewhere each time."""
    found = teleprompt_optuna._import_optuna

    def seeded() -> Any:  # noqa: ANN401
        optuna = found()

        def create_study(**settings: Any) -> Any:  # noqa: ANN401
            return optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed), **settings)

        return SimpleNamespace(create_study=create_study)

    teleprompt_optuna._import_optuna = seeded
    try:
        yield
    finally:
        teleprompt_optuna._import_optuna = found


def context(lm: Any, threads: int) -> Any:  # noqa: ANN401
    """DSPy's settings for the thread that optimizes; nothing global is touched."""
    return dspy.context(lm=lm, adapter=Lenient(), num_threads=threads, disable_history=True, max_errors=10**9)
