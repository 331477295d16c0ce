"""How alike texts are to an embedding model; the vectors of texts that come again are kept on the disk."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from llm_orc.domain.model import Model
from llm_orc.errors import MalformedReply

if TYPE_CHECKING:
    import numpy as np

    from llm_orc.run.lexical import Similarities

    Matrix = np.ndarray[tuple[int, int], np.dtype[np.float32]]

AT_ONCE = 64
"""Texts per request."""

Embed = Callable[[Sequence[str]], Awaitable[Sequence[Sequence[float]]]]
"""A vector for each text."""


class Vectors:
    """The vectors of texts by model, kept in `folder`, which need not exist or be writable."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known: dict[str, Matrix] = {}
        self._lock = anyio.Lock()

    async def similarities(self, texts: Sequence[str], text: str, model: Model, embed: Embed) -> Similarities:
        """The cosine of each of `texts` with `text`. Raises what `embed` raises."""
        import numpy as np

        key = _key(texts, model)
        async with self._lock:
            if key not in self._known:
                self._known[key] = await self._learned(texts, key, embed)
        known = self._known[key]
        asked = await _matrix([text], embed)
        if asked.shape[1] != known.shape[1]:
            message = f"{model.name} gives {asked.shape[1]} numbers per text, and gave {known.shape[1]}"
            raise MalformedReply(message, hint=f"is it another model now? remove {self._folder}")
        found: Similarities = (known @ asked[0]).astype(np.float64)
        return found

    async def _learned(self, texts: Sequence[str], key: str, embed: Embed) -> Matrix:
        import numpy as np

        file = self._folder / f"{key}.npy"
        with suppress(OSError, ValueError, EOFError):
            kept: Matrix = np.load(file, allow_pickle=False)
            if kept.ndim == 2 and len(kept) == len(texts):
                return kept
        made = await _matrix(texts, embed)
        # Where it cannot be kept, the next process asks again.
        with suppress(OSError):
            _keep(made, file)
        return made


def _keep(made: Matrix, file: Path) -> None:
    import numpy as np

    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=file.parent)
    with os.fdopen(handle, "wb") as partial:
        np.save(partial, made)
    Path(name).replace(file)


async def _matrix(texts: Sequence[str], embed: Embed) -> Matrix:
    """Vectors of length 1 as rows."""
    import numpy as np

    rows: list[Sequence[float]] = []
    for start in range(0, len(texts), AT_ONCE):
        # Servers refuse an empty text.
        rows += await embed([text or " " for text in texts[start : start + AT_ONCE]])
    if len(rows) != len(texts) or len({len(row) for row in rows}) != 1:
        raise MalformedReply("the embedding model gave no vector for each text, or of different lengths")
    made: Matrix = np.array(rows, dtype=np.float32)
    lengths = np.linalg.norm(made, axis=1, keepdims=True)
    made /= np.where(lengths > 0, lengths, 1)
    return made


def _key(texts: Sequence[str], model: Model) -> str:
    served = [model.provider, model.base_url, model.wire_name, model.digest]
    return sha256(json.dumps([served, list(texts)]).encode()).hexdigest()[:32]
