"""Check the arithmetic of a worked solution: every step, and that the answer is the last result.

Reads llm-orc's JSON from standard input and takes the solution from the only dependency. Prints
`{"ok", "steps", "wrong", "answer"}`; ends with exit code 1 when a step is wrong, so that the run stops.
"""

from __future__ import annotations

import json
import operator
import re
import sys

STEP = re.compile(r"(\d+)\s*([-+*/])\s*(\d+)\s*=\s*(\d+)")
ANSWER = re.compile(r"answer is\s*(-?\d+)", re.IGNORECASE)
OPERATORS = {"+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv}


def check(solution: str) -> dict[str, object]:
    """What is right and wrong in a solution."""
    steps = STEP.findall(solution)
    wrong = [f"{a} {op} {b} = {c}" for a, op, b, c in steps if not holds(int(a), op, int(b), int(c))]
    stated = ANSWER.search(solution)
    answer = int(stated[1]) if stated else None
    if answer is None:
        wrong.append("no answer is stated")
    elif steps and int(steps[-1][3]) != answer:
        wrong.append(f"the answer is {answer}, but the last step gives {steps[-1][3]}")
    return {"ok": not wrong and bool(steps), "steps": len(steps), "wrong": wrong, "answer": answer}


def holds(left: int, op: str, right: int, result: int) -> bool:
    """Whether a step is true; nothing can be divided by zero."""
    return not (op == "/" and right == 0) and OPERATORS[op](left, right) == result


if __name__ == "__main__":
    (solution,) = json.load(sys.stdin)["dependencies"].values()
    checked = check(str(solution))
    print(json.dumps(checked))
    if not checked["ok"]:
        sys.exit("; ".join(checked["wrong"]) or "there are no steps")
