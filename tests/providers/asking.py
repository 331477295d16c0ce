"""Requests for tests, and the ways of awaiting them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from llm_orc.domain.completion import Message, Provider, Request
from llm_orc.domain.model import Model
from llm_orc.errors import OrcError

MODEL = Model(name="ours", provider="test", wire_name="theirs")


def asking(text: str = "hello", *, model: Model = MODEL, **options: Any) -> Request:
    return Request(model=model, messages=(Message("user", text),), **options)


def asking_model(text: str = "hello", **details: Any) -> Request:
    return asking(text, model=replace(MODEL, **details))


async def failure(provider: Provider, request: Request | None = None) -> OrcError:
    """The error that a request ends in."""
    with pytest.raises(OrcError) as caught:
        await provider.complete(request or asking())
    return caught.value


async def streamed(provider: Provider, request: Request | None = None) -> list[str]:
    return [piece async for piece in provider.stream(request or asking())]
