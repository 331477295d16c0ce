"""Worked solutions: the same problem is solved in different orders and words."""

from __future__ import annotations

import random

from problems import Problem, Step

OPENINGS = ("", "", "Let us see. ", "Step by step. ")


def steps_in_order(problem: Problem) -> list[Step]:
    """Each event when it happens, a product right before it is used."""
    steps: list[Step] = []
    total = _begin(problem, steps)
    for op, n, times in problem.events:
        if times:
            product = Step(n, "*", times)
            steps.append(product)
            n = product.result
        steps.append(Step(total, op, n))
        total = steps[-1].result
    return steps


def steps_products_first(problem: Problem) -> list[Step]:
    """All products of boxes first, then the events in order."""
    steps: list[Step] = []
    total = _begin(problem, steps)
    amounts = []
    for _, n, times in problem.events:
        if times:
            steps.append(Step(n, "*", times))
        amounts.append(n * times if times else n)
    for (op, _, _), amount in zip(problem.events, amounts, strict=True):
        steps.append(Step(total, op, amount))
        total = steps[-1].result
    return steps


def solution(problem: Problem, rng: random.Random) -> str:
    """A worked solution in a random order and wording."""
    steps = rng.choice((steps_in_order, steps_in_order, steps_products_first))(problem)
    style = rng.randrange(3)
    if style == 0:
        lines = [f"{step}." for step in steps]
    elif style == 1:
        lines = [f"{'First' if i == 0 else 'Then'} {step}." for i, step in enumerate(steps)]
    else:
        lines = [f"So {step}." if i and rng.random() < 0.5 else f"{step}." for i, step in enumerate(steps)]
    return f"{rng.choice(OPENINGS)}{' '.join(lines)} The answer is {problem.answer}."


def _begin(problem: Problem, steps: list[Step]) -> int:
    first, times = problem.start
    if not times:
        return first
    steps.append(Step(first, "*", times))
    return steps[-1].result
