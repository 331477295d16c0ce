"""Text to token ids and back, the same way in training and in llama.cpp.

The vocabulary is a list of byte strings; the longest one that fits comes next (llama.cpp's `rwkv`
tokenizer). All 256 single bytes are in it, so that any text has ids. Words carry the space before
them; digits stand alone, so that numbers are spelled the same wherever they appear.
"""

from __future__ import annotations

import random
import re

from episodes import TASKS, Turns

SPECIAL = ("<unk>", "<|system|>", "<|user|>", "<|assistant|>", "<|end|>")
UNK, SYSTEM, USER, ASSISTANT, END = range(5)
ROLES = {"system": SYSTEM, "user": USER, "assistant": ASSISTANT}
_PIECES = re.compile(r" ?[A-Za-z]+|\d|[^A-Za-z\d]{1,3}")

CHAT_TEMPLATE = (
    "{% for message in messages %}"
    "{{ '<|' + message['role'] + '|>' + (message['content'] | trim) + '<|end|>' }}"
    "{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>' }}{% endif %}"
)


def build_vocabulary(episodes: int = 6000, least: int = 3) -> list[bytes]:
    """Special tokens, single bytes, then the pieces that the episodes are made of."""
    counts: dict[str, int] = {}
    rng = random.Random(0)
    for task in TASKS.values():
        for _ in range(episodes):
            for _, text in task(rng):
                for piece in _PIECES.findall(text):
                    counts[piece] = counts.get(piece, 0) + 1
    words = sorted(p for p, n in counts.items() if n >= least and len(p.encode()) > 1)
    both = {word for piece in words for word in (piece, piece.lstrip(" ")) if len(word) > 1}
    singles = [bytes([b]) for b in range(256)]
    return [name.encode() for name in SPECIAL] + singles + sorted(word.encode() for word in both)


class Tokenizer:
    """Greedy longest match over a vocabulary."""

    def __init__(self, vocabulary: list[bytes]) -> None:
        self.vocabulary = vocabulary
        self._ids = {piece: i for i, piece in enumerate(vocabulary) if i >= len(SPECIAL)}
        self._longest = max(map(len, self._ids))

    def encode(self, text: str) -> list[int]:
        """The ids of a text without special tokens."""
        data, ids, at = text.encode(), [], 0
        while at < len(data):
            length = next(
                n
                for n in range(self._longest, 0, -1)
                if data[at : at + n] in self._ids and at + n <= len(data)
            )
            ids.append(self._ids[data[at : at + length]])
            at += length
        return ids

    def conversation(self, turns: Turns) -> tuple[list[int], int]:
        """The ids of a conversation that ends with an answer, and where the answer begins."""
        ids: list[int] = []
        for role, text in turns[:-1]:
            ids += [ROLES[role], *self.encode(text.strip()), END]
        ids.append(ASSISTANT)
        return [*ids, *self.encode(turns[-1][1]), END], len(ids)
