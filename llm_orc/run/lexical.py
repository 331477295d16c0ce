"""How alike texts are by their words and letters: deterministic, without a model.

TF-IDF with logarithmic counts (Salton and Buckley 1988), and the mean of two cosines: of words, and of a few
letters in a row within words, which know a word in another form or with a typing error.
"""

from __future__ import annotations

import math
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    Similarities = np.ndarray[tuple[int], np.dtype[np.float64]]

_WORD = re.compile(r"\w+")
_LETTERS = (2, 3, 4)


class LexicalIndex:
    """Texts, to be compared with others."""

    def __init__(self, texts: Sequence[str]) -> None:
        counted = [_counts(text) for text in texts]
        self._kinds = [_Cosines([both[kind] for both in counted]) for kind in range(2)]

    def similarities(self, text: str) -> Similarities:
        """How alike each text is to this one, from 0 to 1."""
        words, letters = self._kinds
        word_counts, letter_counts = _counts(text)
        return (words.with_all(word_counts) + letters.with_all(letter_counts)) / 2


class _Cosines:
    """The vectors of all texts by feature: which texts have it, and with what weight."""

    def __init__(self, texts: Sequence[Counter[str]]) -> None:
        import numpy as np

        self._size = len(texts)
        found: dict[str, tuple[list[int], list[float]]] = defaultdict(lambda: ([], []))
        for place, counts in enumerate(texts):
            for feature, count in counts.items():
                places, logs = found[feature]
                places.append(place)
                logs.append(1 + math.log(count))
        squares = np.zeros(self._size)
        self._by_feature = {}
        for feature, (places, logs) in found.items():
            at, weights = np.array(places), np.array(logs) * self._rarity(len(places))
            squares[at] += weights**2
            self._by_feature[feature] = (at, weights)
        self._lengths = np.sqrt(squares)

    def with_all(self, counts: Counter[str]) -> Similarities:
        """The cosine with each text; 0 where one of the two has no features that tell texts apart."""
        import numpy as np

        products, square = np.zeros(self._size), 0.0
        for feature, count in counts.items():
            there = self._by_feature.get(feature)
            weight = (1 + math.log(count)) * self._rarity(0 if there is None else len(there[0]))
            square += weight**2
            if there is not None:
                places, weights = there
                products[places] += weights * weight
        lengths = self._lengths * math.sqrt(square)
        return np.divide(products, lengths, out=np.zeros(self._size), where=lengths > 0)

    def _rarity(self, texts: int) -> float:
        """0 for what every text has."""
        return math.log((1 + self._size) / (1 + texts))


def plain(text: str) -> str:
    """The text, so that Unicode forms, case and spaces make no difference."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _counts(text: str) -> tuple[Counter[str], Counter[str]]:
    """How often each word occurs, and each few letters in a row within a word."""
    words = _WORD.findall(plain(text))
    letters: Counter[str] = Counter()
    for word in words:
        framed = f" {word} "
        for size in _LETTERS:
            letters.update(framed[start : start + size] for start in range(len(framed) - size + 1))
    return Counter(words), letters
