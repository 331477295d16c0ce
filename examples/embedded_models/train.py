"""Train one model of the family: `python train.py tiny-large`.

Loss on the answer only; AdamW with warm-up and cosine decay; a fresh batch of random conversations
at every step, so that no problem is seen often.

Where the episodes know the kinds of their messages, a probe on the middle layer learns to tell them
at the answer's beginning (deep supervision, Lee et al. 2014), fades out and is thrown away. The
layers above it then find the match between a message and an example of its kind, which they did not
find in 2,400 steps without it.
"""

from __future__ import annotations

import argparse
import math
import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from episodes import TASKS
from messages import KINDS
from model import Decoder, Size
from tokens import Encoded, Tokenizer, build_vocabulary
from torch import Tensor, nn
from torch.nn import functional

POOL = 16
HINT_SHARE = 0.7
"""Over this share of the steps the probe's loss fades to nothing."""
FOLDER = Path(__file__).parent / "checkpoints"


@dataclass(frozen=True)
class Recipe:
    """What a model learns, how large it is and for how long it is trained: cycles of `steps`."""

    task: str
    size: Size
    steps: tuple[int, ...]
    batch: int = 96
    rate: float = 2e-3
    seed: int = 1


RECIPES = {
    "tiny-small": Recipe("solver", Size(width=48, layers=2, heads=4, hidden=128), steps=(2600, 900)),
    "tiny-medium": Recipe("solver", Size(width=48, layers=3, heads=4, hidden=128), steps=(2600,)),
    "tiny-large": Recipe("solver", Size(width=96, layers=4, heads=4, hidden=256), steps=(2200, 2200)),
    "tiny-extract": Recipe(
        "extractor", Size(width=64, layers=3, heads=4, hidden=176), steps=(1800,), batch=64
    ),
    "tiny-classify": Recipe(
        "classifier", Size(width=96, layers=4, heads=4, hidden=256), steps=(2000,), batch=48, rate=1.5e-3
    ),
}


@dataclass(frozen=True)
class Batch:
    """Ids and which are to be learned, (batch, longest); kinds, and the rows and places that show them."""

    ids: Tensor
    learn: Tensor
    rows: Tensor
    places: Tensor
    kinds: Tensor


def batches(tokenizer: Tokenizer, recipe: Recipe, rng: random.Random) -> Iterator[Batch]:
    """Random batches for ever.

    Conversations of about the same length go together: half of the work would be padding otherwise.
    """
    while True:
        episodes = [TASKS[recipe.task](rng) for _ in range(recipe.batch * POOL)]
        rows = [(tokenizer.conversation(e.turns), e.kinds) for e in episodes]
        rows.sort(key=lambda row: len(row[0].ids))
        groups = [rows[i : i + recipe.batch] for i in range(0, len(rows), recipe.batch)]
        rng.shuffle(groups)
        for group in groups:
            yield _batch(group)


def _batch(rows: Sequence[tuple[Encoded, Sequence[str]]]) -> Batch:
    longest = max(len(encoded.ids) for encoded, _ in rows)
    ids = torch.zeros(len(rows), longest, dtype=torch.long)
    learn = torch.zeros(len(rows), longest, dtype=torch.bool)
    shown: list[tuple[int, int, int]] = []
    for row, (encoded, kinds) in enumerate(rows):
        ids[row, : len(encoded.ids)] = torch.tensor(encoded.ids)
        learn[row, torch.tensor(encoded.learn)] = True
        for kind, begin in zip(kinds, encoded.answers, strict=False):
            shown += [(row, place, KINDS.index(kind)) for place in (begin - 1, begin)]
    row_of, place_of, kind_of = torch.tensor(shown, dtype=torch.long).reshape(-1, 3).unbind(1)
    return Batch(ids, learn, row_of, place_of, kind_of)


def train(name: str, recipe: Recipe, *, first_cycle: int = 1) -> None:
    """Train in cycles; each starts at the full rate again (Loshchilov and Hutter 2017) and is kept."""
    vocabulary = build_vocabulary()
    tokenizer = Tokenizer(vocabulary)
    torch.manual_seed(recipe.seed)
    model = Decoder(recipe.size, len(vocabulary))
    print(f"{name}: {sum(p.numel() for p in model.parameters()):,} parameters", flush=True)
    if first_cycle > 1:
        model.load_state_dict(torch.load(FOLDER / f"{name}.pt", weights_only=True)["weights"])
    for cycle, steps in list(enumerate(recipe.steps, 1))[first_cycle - 1 :]:
        rng = random.Random(recipe.seed * 1000 + cycle)
        run_cycle(f"{name} cycle {cycle}", model, recipe.rate, steps, batches(tokenizer, recipe, rng))
        save(name, model, recipe)


def run_cycle(title: str, model: Decoder, rate: float, steps: int, feed: Iterator[Batch]) -> None:
    """`steps` steps of AdamW with warm-up and cosine decay; reports every hundred."""
    probe = nn.Linear(model.size.width, len(KINDS))
    learned = [*model.parameters(), *probe.parameters()]
    optimizer = torch.optim.AdamW(learned, lr=rate, betas=(0.9, 0.98), weight_decay=0.01)
    began, seen = time.time(), 0.0
    for step in range(1, steps + 1):
        cosine = 0.5 * (1 + math.cos(math.pi * step / steps))
        for group in optimizer.param_groups:
            group["lr"] = rate * min(1.0, step / 100) * (0.02 + 0.98 * cosine)
        batch = next(feed)
        halfway, last = model.features(batch.ids[:, :-1])
        loss = _answer_loss(model, last, batch)
        hint = max(0.0, 1 - step / steps / HINT_SHARE) * _kind_loss(probe, halfway, batch)
        optimizer.zero_grad(set_to_none=True)
        (loss + hint).backward()
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        seen += loss.item()
        if step % 100 == 0:
            print(f"{title} step {step} loss {seen / 100:.4f} {time.time() - began:.0f} s", flush=True)
            seen = 0.0


def _answer_loss(model: Decoder, states: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of the tokens to learn, given what stands before them."""
    wanted = batch.learn[:, 1:]
    return functional.cross_entropy(states[wanted] @ model.embed.weight.T, batch.ids[:, 1:][wanted])


def _kind_loss(probe: nn.Linear, states: Tensor, batch: Batch) -> Tensor:
    """Mean cross-entropy of the kinds told by the probe; nothing where no kind is known."""
    if not len(batch.kinds):
        return torch.zeros(())
    return functional.cross_entropy(probe(states[batch.rows, batch.places]), batch.kinds)


def save(name: str, model: Decoder, recipe: Recipe) -> None:
    """Write the weights and the size they belong to."""
    FOLDER.mkdir(exist_ok=True)
    torch.save({"size": asdict(recipe.size), "weights": model.state_dict()}, FOLDER / f"{name}.pt")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="+", choices=RECIPES)
    parser.add_argument("--first-cycle", type=int, default=1, help="go on from the checkpoint before it")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for chosen in options.names:
        train(chosen, RECIPES[chosen], first_cycle=options.first_cycle)
