"""Train the classifier of tasks: `python examples/task_typing/train.py` (needs scikit-learn).

Writes llm_orc/plan/task_weights.bin, and prints how well it does on the prompts of held_out.txt, which
were written apart from the training prompts, beside a list of keywords.
"""

from __future__ import annotations

import json
import math
import sys
import zlib
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

from prompts import prompts  # noqa: E402

from llm_orc.domain.task import TASK_KINDS  # noqa: E402
from llm_orc.plan import task_typing  # noqa: E402

PER_KIND = 1500
KEYWORDS = (
    ("classification", ("classify", "is this", "yes or no")),
    ("extraction", ("extract", "find all", "list the")),
    ("code_generation", ("write code", "implement", "function")),
    ("analysis", ("analyze", "analyse", "compare", "evaluate", "why")),
    ("reasoning", ("solve", "calculate", "prove")),
)


def by_keywords(text: str) -> str:
    """The heuristic of the literature: the first list with a word in the text."""
    lower = text.lower()
    found = (kind for kind, words in KEYWORDS if any(word in lower for word in words))
    return next(found, "qa_complex")


def held_out() -> list[tuple[str, str]]:
    """(kind, prompt) of the prompts that training never sees."""
    pairs, kind = [], ""
    for line in (HERE / "held_out.txt").read_text(encoding="utf-8").splitlines():
        if line in TASK_KINDS:
            kind = line
        else:
            pairs.append((kind, line))
    return pairs


def wilson(right: int, total: int) -> tuple[float, float]:
    """95 % interval of a share (Wilson 1927)."""
    z, share = 1.96, right / total
    middle = share + z * z / (2 * total)
    spread = z * math.sqrt(share * (1 - share) / total + z * z / (4 * total * total))
    below = 1 + z * z / total
    return (middle - spread) / below, (middle + spread) / below


def report() -> None:
    """Accuracy on the held-out prompts, ours and by keywords."""
    pairs = held_out()
    for name, guess in (
        ("classifier", lambda text: task_typing.classified(text)[0]),
        ("keywords", by_keywords),
    ):
        right = sum(guess(text) == kind for kind, text in pairs)
        low, high = wilson(right, len(pairs))
        print(f"{name}: {right / len(pairs):.1%} of {len(pairs)} [{low:.1%}, {high:.1%}]")
        for kind in TASK_KINDS:
            of_kind = [text for wanted, text in pairs if wanted == kind]
            print(f"  {kind:16} {sum(guess(text) == kind for text in of_kind) / len(of_kind):6.0%}")


def train() -> None:
    import numpy as np
    from scipy.sparse import csr_matrix
    from sklearn.linear_model import LogisticRegression

    pairs = list(prompts(seed=1, per_kind=PER_KIND))
    rows = [sorted(set(task_typing.features(text))) for _, text in pairs]
    values = np.concatenate([np.full(len(row), 1 / math.sqrt(len(row))) for row in rows])
    starts = np.cumsum([0, *(len(row) for row in rows)])
    table = csr_matrix((values, np.concatenate(rows), starts), shape=(len(rows), task_typing.BUCKETS))
    model = LogisticRegression(C=3.0, max_iter=400)
    model.fit(table, [TASK_KINDS.index(kind) for kind, _ in pairs])
    scale = float(np.abs(model.coef_).max() / 127)
    weights = np.round(model.coef_.T / scale).astype(np.int8)
    header = json.dumps({
        "kinds": list(TASK_KINDS), "scale": scale, "biases": [float(b) for b in model.intercept_],
    })  # fmt: skip
    task_typing.WEIGHTS.write_bytes(header.encode() + b"\n" + zlib.compress(weights.tobytes(), 9))
    print(f"{len(pairs)} prompts, {task_typing.WEIGHTS.stat().st_size:,} bytes")


if __name__ == "__main__":
    train()
    report()
