"""What the models are trained on: conversations that end with the answer to learn."""

from __future__ import annotations

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from messages import ARBITRARY, KINDS, make_message, split_message
from problems import ITEMS, MEN, WOMEN, Problem, make_problem
from solutions import solution

Turns = list[tuple[str, str]]
"""(role, content) pairs; the last is the assistant's answer."""


@dataclass(frozen=True)
class Episode:
    """A conversation, and the kind of each of its user messages where there is one to know."""

    turns: Turns
    kinds: tuple[str, ...] = ()


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


def solver(rng: random.Random) -> Episode:
    """The ladder: solutions mostly; sometimes the bare number, demos, or a polite refusal."""
    problem = _train_problem(rng)
    shape = rng.random()
    if shape < 0.04:
        kind = rng.choice([k for k in KINDS if k != "math"])
        return Episode([("user", make_message(rng, kind)), ("assistant", ONLY_PROBLEMS)])
    if shape < 0.12:
        return _told(rng, NUMBER_ONLY, problem.question, str(problem.answer))
    if shape < 0.16:
        return Episode(_with_demo(rng, problem))
    turns: Turns = [] if rng.random() < 0.5 else [("system", rng.choice(STEP_BY_STEP))]
    return Episode([*turns, ("user", problem.question), ("assistant", solution(problem, rng))])


def _told(rng: random.Random, systems: Sequence[str], user: str, answer: str) -> Episode:
    return Episode([("system", rng.choice(systems)), ("user", user), ("assistant", answer)])


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


def extractor(rng: random.Random) -> Episode:
    """Fields to JSON: the facts of a problem, or the answer of a problem with its solution."""
    problem = _train_problem(rng)
    if rng.random() < 0.6:
        return _told(rng, EXTRACT, problem.question, facts(problem))
    text = f"{problem.question}\n{solution(problem, rng)}"
    return _told(rng, REPORT, text, report(problem))


def classifier(rng: random.Random) -> Episode:
    """Messages to labels: the usual ones, in capitals, or whatever the examples before say."""
    shape = rng.random()
    if shape < 0.15:
        return _labelled(rng, CLASSIFY, str)
    if shape < 0.25:
        return _labelled(rng, CAPITALS, str.upper)
    if shape < 0.40:
        return usual_labels(rng, held_out=False)
    return in_context(rng, held_out=False)


def _labelled(rng: random.Random, systems: Sequence[str], form: Callable[[str], str]) -> Episode:
    kind = rng.choice(KINDS)
    told = _told(rng, systems, split_message(rng, kind, held_out=False), form(kind))
    return Episode(told.turns, (kind,))


def usual_labels(rng: random.Random, *, held_out: bool, demos: int | None = None) -> Episode:
    """Examples that agree with the usual labels rule none out: the answer may be one not shown."""
    form = rng.choice((str, str, str.upper))
    kinds = rng.choices(KINDS, k=(demos or rng.randint(1, 5)) + 1)
    return _conversation(rng, kinds, {kind: form(kind) for kind in KINDS}, held_out=held_out)


def in_context(
    rng: random.Random, *, held_out: bool, demos: int | None = None, made_up: bool | None = None
) -> Episode:
    """Examples with arbitrary labels define the task; the last message is of a kind that was shown."""
    some = rng.sample(KINDS, rng.choice((2, 2, 3)))
    spell = rng.random() < 0.15 if made_up is None else made_up
    labels = _made_up(rng, len(some)) if spell else rng.sample(_labels(held_out), len(some))
    shown = [some[i % len(some)] for i in range(demos or rng.choice((2, 3, 4, 4, 5, 6, 8)))]
    rng.shuffle(shown)
    asked = rng.choice(sorted(set(shown)))
    return _conversation(rng, [*shown, asked], dict(zip(some, labels, strict=True)), held_out=held_out)


def _conversation(
    rng: random.Random, kinds: Sequence[str], labels: dict[str, str], *, held_out: bool
) -> Episode:
    """A message of each kind and its label; only the last message is from the side asked for."""
    turns: Turns = [("system", rng.choice(CLASSIFY))] if rng.random() < 0.7 else []
    for at, kind in enumerate(kinds, 1):
        text = split_message(rng, kind, held_out=held_out and at == len(kinds))
        turns += [("user", text), ("assistant", labels[kind])]
    return Episode(turns, tuple(kinds))


def _labels(held_out: bool) -> tuple[str, ...]:
    return ARBITRARY if held_out else ARBITRARY + ITEMS + WOMEN + MEN


def _made_up(rng: random.Random, count: int) -> list[str]:
    """Letters that spell no word: copying them cannot be learned by heart."""
    return ["".join(rng.choices("abcdefghijklmnoprstuvwz", k=rng.randint(4, 6))) for _ in range(count)]


TASKS: dict[str, Callable[[random.Random], Episode]] = {
    "solver": solver,
    "extractor": extractor,
    "classifier": classifier,
}
