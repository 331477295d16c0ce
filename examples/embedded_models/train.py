"""Train one model of the family: `python train.py tiny-large`.

Loss on the answer only; AdamW with warm-up and cosine decay; a fresh batch of random conversations
at every step, so that no problem is seen often.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from episodes import TASKS
from model import Decoder, Size
from tokens import Tokenizer, build_vocabulary
from torch import Tensor

POOL = 16
FOLDER = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True)
class Recipe:
    """What a model learns, how large it is and for how long it is trained."""

    task: str
    size: Size
    steps: int
    batch: int = 96
    rate: float = 2e-3
    seed: int = 1


RECIPES = {
    "tiny-small": Recipe("solver", Size(width=64, layers=2, heads=4, hidden=176), steps=2400),
    "tiny-medium": Recipe("solver", Size(width=48, layers=3, heads=4, hidden=128), steps=2600),
    "tiny-large": Recipe("solver", Size(width=96, layers=4, heads=4, hidden=256), steps=2200),
    "tiny-extract": Recipe("extractor", Size(width=64, layers=3, heads=4, hidden=176), steps=1800, batch=64),
    "tiny-classify": Recipe(
        "classifier", Size(width=96, layers=3, heads=4, hidden=256), steps=2200, batch=64
    ),
}


def batches(tokenizer: Tokenizer, recipe: Recipe, rng: random.Random) -> Iterator[tuple[Tensor, Tensor]]:
    """Ids and which of them are to be learned, both of shape (batch, longest), for ever.

    Conversations of about the same length go together: half of the work would be padding otherwise.
    """
    while True:
        rows = [tokenizer.conversation(TASKS[recipe.task](rng)) for _ in range(recipe.batch * POOL)]
        rows.sort(key=lambda row: len(row[0]))
        groups = [rows[i : i + recipe.batch] for i in range(0, len(rows), recipe.batch)]
        rng.shuffle(groups)
        for group in groups:
            yield _padded(group)


def _padded(rows: list[tuple[list[int], int]]) -> tuple[Tensor, Tensor]:
    longest = max(len(ids) for ids, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    learn = torch.zeros(len(rows), longest, dtype=torch.bool)
    for row, (tokens, answer_at) in enumerate(rows):
        ids[row, : len(tokens)] = torch.tensor(tokens)
        learn[row, answer_at : len(tokens)] = True
    return ids, learn


def train(name: str, recipe: Recipe, steps: int | None = None) -> Path:
    """Train, report every hundred steps, and keep a checkpoint every five hundred."""
    torch.manual_seed(recipe.seed)
    rng = random.Random(recipe.seed)
    vocabulary = build_vocabulary()
    tokenizer, total = Tokenizer(vocabulary), steps or recipe.steps
    model = Decoder(recipe.size, len(vocabulary))
    print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters, {total} steps", flush=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.rate, betas=(0.9, 0.98), weight_decay=0.01)
    began, seen = time.time(), 0.0
    feed = batches(tokenizer, recipe, rng)
    for step in range(1, total + 1):
        warm = min(1.0, step / 100)
        cosine = 0.5 * (1 + math.cos(math.pi * step / total))
        for group in optimizer.param_groups:
            group["lr"] = recipe.rate * warm * (0.02 + 0.98 * cosine)
        loss = model.loss(*next(feed))
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seen += loss.item()
        if step % 100 == 0:
            print(f"{name} step {step} loss {seen / 100:.4f} {time.time() - began:.0f} s", flush=True)
            seen = 0.0
        if step % 500 == 0 or step == total:
            save(name, model, recipe)
    return FOLDER / f"{name}.pt"


def save(name: str, model: Decoder, recipe: Recipe) -> None:
    """Write the weights and the size they belong to."""
    FOLDER.mkdir(exist_ok=True)
    torch.save({"size": asdict(recipe.size), "weights": model.state_dict()}, FOLDER / f"{name}.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=RECIPES)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for chosen in options.names:
        train(chosen, RECIPES[chosen], options.steps)
