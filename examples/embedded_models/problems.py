"""Arithmetic word problems with worked solutions, and the split that keeps some of them unseen.

A problem is a start, one to three events and a question. Its solution is a list of steps such as
`3 * 4 = 12`, in an order and wording that vary, and ends with "The answer is N.".
"""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass

WOMEN = ("Ann", "Eva", "Ida", "Lea", "Mia", "Nora", "Rosa", "Sara", "Tina", "Zoe")
MEN = ("Ben", "Dan", "Finn", "Hugo", "Jan", "Leo", "Max", "Noah", "Paul", "Tom")
ITEMS = (
    "apples", "books", "cards", "coins", "cups", "eggs", "flowers", "keys", "lamps", "marbles",
    "nuts", "pears", "pens", "plums", "rolls", "shells", "stamps", "stones", "toys", "tickets",
)  # fmt: skip
BOXES = ("bags", "boxes", "jars", "packs", "rows", "sets")
LARGEST = 400


@dataclass(frozen=True)
class Step:
    """One operation: `left op right = result`."""

    left: int
    op: str
    right: int

    @property
    def result(self) -> int:
        """What the step comes to."""
        if self.op == "/":
            return self.left // self.right
        return {"+": self.left + self.right, "-": self.left - self.right, "*": self.left * self.right}[
            self.op
        ]

    def __str__(self) -> str:
        return f"{self.left} {self.op} {self.right} = {self.result}"


@dataclass(frozen=True)
class Problem:
    """A question, its answer, and what is in it. `events` are (operator, number, times or 0)."""

    question: str
    answer: int
    who: str
    item: str
    unit: str
    asks: str
    numbers: tuple[int, ...]
    start: tuple[int, int]
    events: tuple[tuple[str, int, int], ...]

    @property
    def held_out(self) -> bool:
        """One problem in ten is never trained on, chosen by a hash of its text."""
        return hashlib.sha256(self.question.encode()).digest()[0] % 10 == 0


def make_problem(rng: random.Random) -> Problem:
    """A random problem whose numbers stay between 0 and `LARGEST`."""
    while True:
        problem = _attempt(rng)
        if problem is not None:
            return problem


def unseen(count: int, seed: int) -> list[Problem]:
    """Different problems that training never saw."""
    return _collect(count, seed, held_out=True)


def seen(count: int, seed: int) -> list[Problem]:
    """Different problems from the training side of the split."""
    return _collect(count, seed, held_out=False)


def held_out(count: int, seed: int) -> list[tuple[str, int]]:
    """Questions that training never saw, with their answers."""
    return [(problem.question, problem.answer) for problem in unseen(count, seed)]


def _collect(count: int, seed: int, *, held_out: bool) -> list[Problem]:
    rng = random.Random(seed)
    found: dict[str, Problem] = {}
    while len(found) < count:
        problem = make_problem(rng)
        if problem.held_out == held_out:
            found[problem.question] = problem
    return list(found.values())


def _attempt(rng: random.Random) -> Problem | None:
    who, they = rng.choice([(name, "She") for name in WOMEN] + [(name, "He") for name in MEN])
    other = rng.choice([name for name in WOMEN + MEN if name != who])
    item = rng.choice([name for name in ITEMS if name != "coins"])
    sentences: list[str] = []
    start, total = _start(rng, who, item, sentences)
    events: list[tuple[str, int, int]] = []
    for _ in range(rng.choice((1, 2, 2, 3))):
        if rng.random() < 0.12:
            sentences.append(_aside(rng, other, item))
        event, total = _event(rng, they, other, item, total, sentences)
        if total < 1 or total > LARGEST:
            return None
        events.append(event)
    asks, unit, answer, event = _question(rng, who, they, item, total, sentences)
    if answer is None or answer > LARGEST:
        return None
    if event:
        events.append(event)
    question = " ".join(sentences)
    return Problem(question, answer, who, item, unit, asks, _numbers(question), start, tuple(events))


def _start(rng: random.Random, who: str, item: str, sentences: list[str]) -> tuple[tuple[int, int], int]:
    if rng.random() < 0.65:
        n = rng.randint(3, 40)
        sentences.append(rng.choice((f"{who} has {n} {item}.", f"{who} starts with {n} {item}.")))
        return (n, 0), n
    k, m, box = rng.randint(2, 9), rng.randint(2, 9), rng.choice(BOXES)
    sentences.append(
        rng.choice(
            (f"{who} has {k} {box} of {m} {item} each.", f"{who} owns {k} {box} with {m} {item} in each.")
        )
    )
    return (k, m), k * m


def _event(
    rng: random.Random, they: str, other: str, item: str, total: int, sentences: list[str]
) -> tuple[tuple[str, int, int], int]:
    then = rng.choice((f"{they} ", f"Then {they.lower()} "))
    kind = rng.choice(("more", "less", "less", "boxes", "boxes_less", "times"))
    if kind == "more":
        n = rng.randint(2, 40)
        sentences.append(
            then
            + rng.choice((f"buys {n} more {item}.", f"finds {n} {item}.", f"gets {n} {item} from {other}."))
        )
        return ("+", n, 0), total + n
    if kind == "less":
        n = rng.randint(1, max(1, min(40, total - 1)))
        sentences.append(
            then + rng.choice((f"loses {n} {item}.", f"gives {n} {item} to {other}.", f"sells {n} {item}."))
        )
        return ("-", n, 0), total - n
    k, m, box = rng.randint(2, 9), rng.randint(2, 9), rng.choice(BOXES)
    if kind == "boxes":
        sentences.append(
            then
            + rng.choice((f"buys {k} {box} of {m} {item} each.", f"gets {k} {box} with {m} {item} in each."))
        )
        return ("+", k, m), total + k * m
    if kind == "boxes_less":
        sentences.append(
            then
            + rng.choice(
                (f"gives {k} {box} of {m} {item} each to {other}.", f"sells {k} {box} of {m} {item} each.")
            )
        )
        return ("-", k, m), total - k * m
    n, word = rng.choice(((2, "doubles"), (3, "triples")))
    sentences.append(f"{then}{word} the number of {item}.")
    return ("*", n, 0), total * n


def _aside(rng: random.Random, other: str, item: str) -> str:
    n = rng.randint(2, 40)
    things = rng.choice([name for name in ITEMS if name != item])
    return rng.choice((f"{other} has {n} {things}.", f"The table has {n} {things} on it."))


def _question(
    rng: random.Random, who: str, they: str, item: str, total: int, sentences: list[str]
) -> tuple[str, str, int | None, tuple[str, int, int] | None]:
    kind = rng.choice(("total", "total", "total", "each", "coins"))
    if kind == "each":
        divisors = [k for k in range(2, 10) if total % k == 0 and total > k]
        if not divisors:
            return kind, item, None, None
        k = rng.choice(divisors)
        sentences.append(
            f"{they} shares all {item} equally among {k} friends. How many {item} does each friend get?"
        )
        return kind, item, total // k, ("/", k, 0)
    if kind == "coins":
        price = rng.randint(2, 9)
        sentences.append(f"{they} sells all {item} for {price} coins each. How many coins does {who} get?")
        return kind, "coins", total * price, ("*", price, 0)
    sentences.append(
        rng.choice((f"How many {item} does {who} have now?", f"How many {item} are there in the end?"))
    )
    return kind, item, total, None


def _numbers(text: str) -> tuple[int, ...]:
    words = "".join(c if c.isdigit() else " " for c in text).split()
    return tuple(int(word) for word in words)
