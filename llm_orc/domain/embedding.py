"""Texts as vectors: what a server of embedding models gives."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from llm_orc.domain.model import Model
from llm_orc.domain.usage import Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class Embedded:
    """One vector per text, in order, all of one length."""

    vectors: Sequence[Sequence[float]]
    usage: Usage = Usage()


@runtime_checkable
class Embedder(Protocol):
    """A provider that has embedding models too."""

    async def embed(
        self, model: Model, texts: Sequence[str], *, timeout_seconds: float | None = None
    ) -> Embedded:
        """Raises `ProviderFailed`."""
        ...
