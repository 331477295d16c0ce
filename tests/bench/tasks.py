"""The classifier of tasks against keywords, on prompts it never saw: accuracy and what is taken for what."""

from __future__ import annotations

import sys
from collections import Counter
from importlib import import_module
from pathlib import Path
from types import ModuleType

from llm_orc.domain.task import TASK_KINDS
from llm_orc.plan.task_typing import classified

FOLDER = Path(__file__).parents[2] / "examples" / "task_typing"


def main() -> None:
    """Print the figures of docs/tasks.md, then per set a row for each kind and a column for each guess."""
    train = _training()
    train.report()
    for name in train.HELD_OUT:
        pairs = train.held_out(name)
        guesses = Counter((kind, classified(text)[0]) for kind, text in pairs)
        print(f"\n{name}: rows are what a prompt asks for, columns what it is taken for")
        print(" " * 16 + "".join(f"{kind[:9]:>10}" for kind in TASK_KINDS))
        for kind in TASK_KINDS:
            print(f"{kind:16}" + "".join(f"{guesses[kind, guess] or '.':>10}" for guess in TASK_KINDS))


def _training() -> ModuleType:
    sys.path.insert(0, str(FOLDER))
    try:
        return import_module("train")
    finally:
        sys.path.remove(str(FOLDER))


if __name__ == "__main__":
    main()
