"""Measure the exported files through llama.cpp on problems that training never saw.

`python evaluate.py --count 300 --seed 7 --json results.json` prints one line per measure.
"""

from __future__ import annotations

import argparse
import json
import math
import random
import re
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import xllamacpp
from episodes import (
    CAPITALS,
    CLASSIFY,
    EXTRACT,
    NUMBER_ONLY,
    REPORT,
    Episode,
    facts,
    in_context,
    report,
    usual_labels,
)
from messages import unseen_messages
from problems import unseen
from solutions import solution

FOLDER = Path(__file__).parents[2] / "llm_orc" / "embedded"
LADDER = ("tiny-small", "tiny-medium", "tiny-large")
SLOTS = 8
_ANSWER = re.compile(r"The answer is (-?\d+)\.?\s*$")


class Served:
    """A model in process; `ask` may be called from several threads."""

    def __init__(self, name: str) -> None:
        params = xllamacpp.CommonParams()
        params.model.path = str(FOLDER / f"{name}.gguf")
        params.n_ctx, params.n_parallel, params.verbosity = 1024 * SLOTS, SLOTS, 0
        # One thread: small models gain nothing from a second, and lose everything on a busy machine.
        params.cpuparams.n_threads = params.cpuparams_batch.n_threads = 1
        self._server = xllamacpp.Server(params)

    def ask(
        self, user: str, system: str = "", *, temperature: float = 0.0, seed: int = 1
    ) -> tuple[str, float]:
        """The answer, and the mean probability of its tokens."""
        turns = [("system", system)] if system else []
        return self.converse([*turns, ("user", user)], temperature=temperature, seed=seed)

    def converse(
        self, turns: Sequence[tuple[str, str]], *, temperature: float = 0.0, seed: int = 1
    ) -> tuple[str, float]:
        """The same for a conversation of several turns."""
        choice = self._server.handle_chat_completions({
            "messages": [{"role": role, "content": text} for role, text in turns],
            "max_tokens": 160, "temperature": temperature, "seed": seed, "logprobs": True,
            "top_k": 0, "top_p": 1.0, "min_p": 0.0,
        })["choices"][0]  # fmt: skip
        tokens = choice["logprobs"]["content"]
        return choice["message"]["content"], sum(math.exp(t["logprob"]) for t in tokens) / max(1, len(tokens))


def share(hits: Sequence[bool]) -> float:
    """Per cent, one decimal."""
    return round(100 * sum(hits) / len(hits), 1)


def auroc(right: Sequence[float], wrong: Sequence[float]) -> float | None:
    """The chance that a right answer scores above a wrong one (Mann-Whitney)."""
    if not right or not wrong:
        return None
    pairs = sum((r > w) + 0.5 * (r == w) for r in right for w in wrong)
    return round(pairs / len(right) / len(wrong), 3)


def final(text: str) -> str:
    """The number a solution ends with, or the text itself."""
    found = _ANSWER.search(text)
    return found[1] if found else text.strip()


def in_threads(work: Callable[..., object], rows: Sequence[tuple]) -> list:
    """Call `work` with each row, several at a time, results in order."""
    with ThreadPoolExecutor(SLOTS) as pool:
        return list(pool.map(lambda row: work(*row), rows))


def ladder(name: str, count: int, seed: int) -> dict[str, object]:
    """Greedy, sampled and voted accuracy on word problems, and what confidence is worth."""
    model, problems = Served(name), unseen(count, seed)
    truth = [str(p.answer) for p in problems]
    greedy = in_threads(lambda p: model.ask(p.question), [(p,) for p in problems])
    right = [final(text) == answer for (text, _), answer in zip(greedy, truth, strict=True)]
    bare = in_threads(lambda p: model.ask(p.question, NUMBER_ONLY[0]), [(p,) for p in problems])
    rows = [(p, s) for p in problems for s in range(10)]
    drawn = in_threads(lambda p, s: final(model.ask(p.question, temperature=0.7, seed=s)[0]), rows)
    votes = [drawn[10 * i : 10 * i + 10] for i in range(count)]
    sure = [confidence for _, confidence in greedy]
    return {
        "greedy": share(right),
        "number only": share([text.strip() == a for (text, _), a in zip(bare, truth, strict=True)]),
        "one sample, T=0.7": share([d == a for v, a in zip(votes, truth, strict=True) for d in v]),
        "vote of 5": share([_vote(v[:5]) == a for v, a in zip(votes, truth, strict=True)]),
        "vote of 10": share([_vote(v) == a for v, a in zip(votes, truth, strict=True)]),
        "any of 10": share([a in v for v, a in zip(votes, truth, strict=True)]),
        "confidence AUROC": auroc(
            [c for c, r in zip(sure, right, strict=True) if r],
            [c for c, r in zip(sure, right, strict=True) if not r],
        ),
    }


def _vote(answers: Sequence[str]) -> str:
    return Counter(answers).most_common(1)[0][0]


def specialists(name: str, count: int, seed: int) -> dict[str, object]:
    """Any model on the specialists' tasks: exact JSON, labels, labels given by examples."""
    model, problems, rng = Served(name), unseen(count, seed), random.Random(seed)
    found = in_threads(lambda p: model.ask(p.question, EXTRACT[0])[0] == facts(p), [(p,) for p in problems])
    texts = [(p, f"{p.question}\n{solution(p, rng)}") for p in problems]
    told = in_threads(lambda p, text: model.ask(text, REPORT[0])[0] == report(p), texts)
    messages = unseen_messages(count, seed)
    plain = in_threads(lambda text, kind: model.ask(text, CLASSIFY[0])[0] == kind, messages)
    capital = in_threads(lambda text, kind: model.ask(text, CAPITALS[0])[0] == kind.upper(), messages)
    figures: dict[str, object] = {
        "facts as JSON": share(found), "answer as JSON": share(told),
        "labels": share(plain), "labels in capitals": share(capital),
    }  # fmt: skip
    shown: dict[str, Callable[[], Episode]] = {
        f"labels by {n} examples": partial(in_context, rng, held_out=True, demos=n, made_up=False)
        for n in (2, 4, 6)
    }
    shown["made-up labels by 4"] = partial(in_context, rng, held_out=True, demos=4, made_up=True)
    shown["usual labels after 4"] = partial(usual_labels, rng, held_out=True, demos=4)
    for measure, make in shown.items():
        episodes = [make().turns for _ in range(count)]
        hits = in_threads(
            lambda turns: model.converse(turns[:-1])[0] == turns[-1][1], [(e,) for e in episodes]
        )
        figures[measure] = share(hits)
    return figures


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=300)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--json", type=Path)
    parser.add_argument("names", nargs="*")
    options = parser.parse_args()
    chosen = options.names or [file.stem for file in sorted(FOLDER.glob("tiny-*.gguf"))]
    results: dict[str, dict[str, object]] = {}
    for each in chosen:
        results[each] = ladder(each, options.count, options.seed) if each in LADDER else {}
        results[each] |= specialists(each, options.count, options.seed)
        for measure, value in results[each].items():
            print(f"{each:14} {measure:20} {value}", flush=True)
    if options.json:
        options.json.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
