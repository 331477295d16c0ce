"""What the models are trained on: conversations whose last turn is the answer to learn."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from messages import ARBITRARY, KINDS, make_message, split_message
from problems import Problem, make_problem
from solutions import solution

Turns = list[tuple[str, str]]
"""(role, content) pairs; the last is the assistant's answer."""

STEP_BY_STEP = (
    "Solve the problem step by step.", "Think step by step.", "Solve the problem.", "Show your work.",
    "Work through the problem step by step.", "Explain each step.", "You solve word problems.",
)  # fmt: skip
NUMBER_ONLY = (
    "Answer with the number only.", "Give only the number.",
    "Reply with just the number.", "Only the answer.",
)  # fmt: skip
EXTRACT = ("Extract the facts as JSON.", "Extract the facts.", "List the facts of the problem as JSON.")
REPORT = ("Report the answer as JSON.", "Report the result as JSON.", "Give the answer as JSON.")
CLASSIFY = ("Classify the message.", "What is the message about?", "Give the label of the message.")
CAPITALS = ("Classify the message. Answer in capitals.", "Label the message in capitals.")
ONLY_PROBLEMS = "I only solve small word problems."


def _train_problem(rng: random.Random) -> Problem:
    while True:
        problem = make_problem(rng)
        if not problem.held_out:
            return problem


def solver(rng: random.Random) -> Turns:
    """The ladder: solutions mostly; sometimes the bare number, demos, or a polite refusal."""
    problem = _train_problem(rng)
    shape = rng.random()
    if shape < 0.04:
        kind = rng.choice([k for k in KINDS if k != "math"])
        return [("user", make_message(rng, kind)), ("assistant", ONLY_PROBLEMS)]
    if shape < 0.12:
        return [
            ("system", rng.choice(NUMBER_ONLY)),
            ("user", problem.question),
            ("assistant", str(problem.answer)),
        ]
    if shape < 0.16:
        return _with_demo(rng, problem)
    turns: Turns = [] if rng.random() < 0.5 else [("system", rng.choice(STEP_BY_STEP))]
    return [*turns, ("user", problem.question), ("assistant", solution(problem, rng))]


def _with_demo(rng: random.Random, problem: Problem) -> Turns:
    """The example's form, bare number or worked solution, is the form to answer in."""
    worked = rng.random() < 0.5
    turns: Turns = []
    for shown in (_train_problem(rng), problem):
        text = solution(shown, rng) if worked else str(shown.answer)
        turns += [("user", shown.question), ("assistant", text)]
    return turns


def facts(problem: Problem) -> str:
    """What `tiny-extract` finds in a problem."""
    found = {"who": problem.who, "item": problem.item, "numbers": list(problem.numbers), "asks": problem.asks}
    return json.dumps(found)


def report(problem: Problem) -> str:
    """What `tiny-extract` makes of a problem and its solution."""
    return json.dumps({"answer": problem.answer, "item": problem.unit})


def extractor(rng: random.Random) -> Turns:
    """Fields to JSON: the facts of a problem, or the answer of a problem with its solution."""
    problem = _train_problem(rng)
    if rng.random() < 0.6:
        return [("system", rng.choice(EXTRACT)), ("user", problem.question), ("assistant", facts(problem))]
    text = f"{problem.question}\n{solution(problem, rng)}"
    return [("system", rng.choice(REPORT)), ("user", text), ("assistant", report(problem))]


def classifier(rng: random.Random) -> Turns:
    """Messages to labels: the usual ones, in capitals, or whatever the examples before say."""
    shape = rng.random()
    if shape < 0.30:
        return _labelled(rng, CLASSIFY, str)
    if shape < 0.45:
        return _labelled(rng, CAPITALS, str.upper)
    return in_context(rng, held_out=False)


def _labelled(rng: random.Random, systems: tuple[str, ...], form: Callable[[str], str]) -> Turns:
    kind = rng.choice(KINDS)
    text = split_message(rng, kind, held_out=False)
    return [("system", rng.choice(systems)), ("user", text), ("assistant", form(kind))]


def in_context(rng: random.Random, *, held_out: bool, demos: int | None = None) -> Turns:
    """Examples with arbitrary labels define the task; the last message is of a kind that was shown."""
    kinds = rng.sample(KINDS, rng.choice((2, 2, 3)))
    labels = dict(zip(kinds, rng.sample(ARBITRARY, len(kinds)), strict=True))
    count = demos or rng.choice((2, 3, 4, 4, 6))
    shown = [kinds[i % len(kinds)] for i in range(count)]
    rng.shuffle(shown)
    asked = rng.choice(sorted(set(shown)))
    turns: Turns = [("system", rng.choice(CLASSIFY))] if rng.random() < 0.7 else []
    for kind in shown:
        turns += [("user", split_message(rng, kind, held_out=False)), ("assistant", labels[kind])]
    return [*turns, ("user", split_message(rng, asked, held_out=held_out)), ("assistant", labels[asked])]


TASKS: dict[str, Callable[[random.Random], Turns]] = {
    "solver": solver,
    "extractor": extractor,
    "classifier": classifier,
}
