"""Whether a server has a model."""

from __future__ import annotations

from difflib import get_close_matches

from llm_orc.domain.completion import Provider
from llm_orc.domain.model import Model
from llm_orc.errors import ModelMissing


async def must_have(provider: Provider, model: Model, hint: str = "") -> None:
    """Raises `ModelMissing` when the server does not list the model, and what `installed` raises."""
    names = [installed.wire_name for installed in await provider.installed()]
    if model.wire_name in names or f"{model.wire_name}:latest" in names:
        return
    near = get_close_matches(model.wire_name, names, n=1)
    raise ModelMissing(
        f"{model.provider} does not have the model {model.wire_name!r}",
        hint=f"did you mean {near[0]!r}?" if near else hint,
    )
