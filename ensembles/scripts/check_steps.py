"""Check the arithmetic of a worked solution: every step, and that the answer is the last result.

Reads llm-orc's JSON from standard input and takes the solution from the only dependency. Prints
`{"ok", "steps", "wrong", "answer"}`; ends with exit code 1 unless all is well, so that the run stops.
A step is `a op b = c` with whole numbers; any other use of `=` is counted as wrong.
"""

from __future__ import annotations

import json
import operator
import re
import sys
from dataclasses import asdict, dataclass

WHOLE = r"(-?\d+)(?![.,]?\d)"
STEP = re.compile(rf"(?<![\d.,])(?<![-+*/] ){WHOLE}\s*([-+*/])\s*{WHOLE}\s*=\s*{WHOLE}")
ANSWER = re.compile(rf"answer is\s*{WHOLE}", re.IGNORECASE)
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


@dataclass(frozen=True)
class Checked:
    """What is right and wrong in a solution."""

    ok: bool
    steps: int
    wrong: list[str]
    answer: int | None


def check(solution: str) -> Checked:
    """Check every step, and the answer against the last of them."""
    steps = STEP.findall(solution)
    wrong = [f"{a} {op} {b} = {c}" for a, op, b, c in steps if not holds(int(a), op, int(b), int(c))]
    if solution.count("=") > len(steps):
        wrong.append("a step is not of the form a op b = c")
    if not steps:
        wrong.append("there are no steps")
    stated = ANSWER.search(solution)
    answer = int(stated[1]) if stated else None
    if answer is None:
        wrong.append("no answer is stated")
    elif steps and int(steps[-1][3]) != answer:
        wrong.append(f"the answer is {answer}, but the last step gives {steps[-1][3]}")
    return Checked(not wrong, len(steps), wrong, answer)


def holds(left: int, op: str, right: int, result: int) -> bool:
    """Whether a step is true; nothing can be divided by zero."""
    return not (op == "/" and right == 0) and bool(OPERATORS[op](left, right) == result)


if __name__ == "__main__":
    (given,) = json.load(sys.stdin.buffer)["dependencies"].values()
    checked = check(str(given))
    print(json.dumps(asdict(checked)))
    if not checked.ok:
        sys.exit("; ".join(checked.wrong))
