"""Text to token ids and back, the same way in training and in llama.cpp.

The vocabulary is a list of byte strings; the longest one that fits comes next (llama.cpp's `rwkv`
tokenizer). All 256 single bytes are in it, so that any text has ids. Words carry the space before
them; digits stand alone, so that numbers are spelled the same wherever they appear.
"""

from __future__ import annotations

import random
import re
from dataclasses import dataclass

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
    """Special tokens, single bytes, then the pieces found in several episodes."""
    counts: dict[str, int] = {}
    rng = random.Random(0)
    for task in TASKS.values():
        for _ in range(episodes):
            for piece in {p for _, text in task(rng).turns for p in _PIECES.findall(text)}:
                counts[piece] = counts.get(piece, 0) + 1
    words = sorted(p for p, n in counts.items() if n >= least and len(p.encode()) > 1)
    both = {word for piece in words for word in (piece, piece.lstrip(" ")) if len(word) > 1}
    singles = [bytes([b]) for b in range(256)]
    return [name.encode() for name in SPECIAL] + singles + sorted(word.encode() for word in both)


@dataclass(frozen=True)
class Encoded:
    """A conversation as ids, the places of those to learn, and where each answer begins."""

    ids: list[int]
    learn: list[int]
    answers: list[int]


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

    def conversation(self, turns: Turns) -> Encoded:
        """Learned are the last answer and earlier ones that repeat one before them.

        A label that examples define can be known from its second appearance on.
        """
        ids: list[int] = []
        learn: list[int] = []
        answers: list[int] = []
        given: set[str] = set()
        for at, (role, text) in enumerate(turns, 1):
            begin = len(ids) + 1
            ids += [ROLES[role], *self.encode(text.strip()), END]
            if role == "assistant":
                answers.append(begin)
                if at == len(turns) or text in given:
                    learn += range(begin, len(ids))
                given.add(text)
        return Encoded(ids, learn, answers)
