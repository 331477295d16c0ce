"""Train the classifier of tasks: `python examples/task_typing/train.py` (needs scikit-learn).

Writes llm_orc/plan/task_weights.bin, and prints how well it does on prompts that it is not trained on, beside
a list of keywords. Those of held_out.txt avoid the usual words, those of held_out_plain.txt do not.
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
HELD_OUT = ("held_out.txt", "held_out_plain.txt")
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


def held_out(name: str = HELD_OUT[0]) -> list[tuple[str, str]]:
    """(kind, prompt) of a set that training never sees."""
    pairs, kind = [], ""
    for line in (HERE / name).read_text(encoding="utf-8").splitlines():
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


def named_by_keywords() -> set[str]:
    """The kinds that the keywords can name at all."""
    return {"qa_complex", *(kind for kind, _ in KEYWORDS)}


def report() -> None:
    """Accuracy on each held-out set, ours and by keywords; also on the kinds that keywords can name."""
    guessers = {"classifier": lambda text: task_typing.classified(text)[0], "keywords": by_keywords}
    for name in HELD_OUT:
        pairs = held_out(name)
        worded = sum(
            any(word in text.lower() for _, words in KEYWORDS for word in words) for _, text in pairs
        )
        print(f"{name}: {len(pairs)} prompts, {worded} with a keyword")
        for who, guess in guessers.items():
            _print(who, [(kind, guess(text)) for kind, text in pairs])


def _print(who: str, guesses: list[tuple[str, str]]) -> None:
    nameable = [pair for pair in guesses if pair[0] in named_by_keywords()]
    for where, some in (("", guesses), (", kinds that keywords can name", nameable)):
        right = sum(kind == guess for kind, guess in some)
        low, high = wilson(right, len(some))
        print(f"  {who}{where}: {right / len(some):.1%} of {len(some)} [{low:.1%}, {high:.1%}]")
    for kind in TASK_KINDS:
        of_kind = [guess for wanted, guess in guesses if wanted == kind]
        print(f"    {kind:16} {of_kind.count(kind) / len(of_kind):6.0%}")


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
