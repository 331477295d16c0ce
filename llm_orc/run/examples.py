"""The worked examples that are nearest to an input."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import anyio

from llm_orc.domain.completion import Provider
from llm_orc.domain.embedding import Embedded, Embedder
from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Model
from llm_orc.domain.wording import Demo, Nearest
from llm_orc.errors import NotAvailable
from llm_orc.run.lexical import LexicalIndex, plain
from llm_orc.run.render import as_text, composed
from llm_orc.run.vectors import Embed, Vectors
from llm_orc.run.view import View, input_text

PLACES = 9
"""Decimal places that count: what differs by less is as near, and comes in the order of the file."""

Count = Callable[[Embedded], None]
"""Is told of each answer of an embedding model."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Worked examples, the nearest last; `lines` and `similarities` are theirs."""

    demos: tuple[Demo, ...]
    lines: tuple[int, ...]
    similarities: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class _Compared:
    """The texts of examples, as they are and `plain`. The examples stay, so that their id stays theirs."""

    demos: tuple[Demo, ...]
    texts: tuple[str, ...]
    plain: tuple[str, ...]
    index: LexicalIndex | None


class Examples:
    """Chooses among examples. What it made of them it keeps for later runs, vectors also in `folder`."""

    def __init__(self, provider_of: Callable[[Model], Provider], folder: Path) -> None:
        self._provider_of = provider_of
        self._vectors = Vectors(folder)
        self._known: dict[tuple[int, tuple[str, ...], bool], _Compared] = {}
        self._lock = anyio.Lock()

    async def choose(self, nearest: Nearest, view: View, seconds: float | None, count: Count) -> Chosen:
        """The nearest to what the agent sees; one that asks the very same is not shown: it has the answer.

        Raises `ProviderFailed` where an embedding model cannot be asked; `seconds` bounds each request.
        """
        import numpy as np

        known, text = await self._compared(nearest), text_of(nearest.names, view)
        if known.index is not None:
            found = known.index.similarities(text)
        else:
            assert nearest.embedding is not None
            embed = self._embed(nearest.embedding, seconds, count)
            found = await self._vectors.similarities(known.texts, text, nearest.embedding, embed)
        asked, places = plain(text), list[int]()
        for place in np.argsort(-np.round(found, PLACES), kind="stable").tolist():
            if len(places) < nearest.k and known.plain[place] != asked:
                places.insert(0, place)
        return Chosen(
            demos=tuple(nearest.demos[place] for place in places),
            lines=tuple(nearest.lines[place] for place in places),
            similarities=tuple(round(float(found[place]), 4) for place in places),
        )

    async def _compared(self, nearest: Nearest) -> _Compared:
        key = (id(nearest.demos), nearest.names, nearest.embedding is None)
        async with self._lock:
            if key not in self._known:
                # Thousands of examples take a second, in which the rest of the run should go on.
                self._known[key] = await anyio.to_thread.run_sync(_compared, nearest)
        return self._known[key]

    def _embed(self, model: Model, seconds: float | None, count: Count) -> Embed:
        provider = self._provider_of(model)
        if not isinstance(provider, Embedder):
            raise NotAvailable(f"provider {model.provider!r} has no embedding models")

        async def embed(texts: Sequence[str]) -> Sequence[Sequence[float]]:
            found = await provider.embed(model, texts, timeout_seconds=seconds)
            count(found)
            return found.vectors

        return embed


def text_of(names: Sequence[str], view: View) -> str:
    """What an agent sees, as the text that examples are compared with."""
    return _joined(names, view.variables()) if names else composed(view)


def _compared(nearest: Nearest) -> _Compared:
    texts = tuple(_text_of_demo(nearest.names, demo) for demo in nearest.demos)
    index = LexicalIndex(texts) if nearest.embedding is None else None
    return _Compared(nearest.demos, texts, tuple(plain(text) for text in texts), index)


def _text_of_demo(names: Sequence[str], demo: Demo) -> str:
    whole = input_text(demo.inputs)
    return _joined(names, {"input": whole, **demo.inputs}) if names else as_text(whole)


def _joined(names: Sequence[str], values: JsonObject) -> str:
    return "\n".join(as_text(values[name]) for name in names if name in values)
