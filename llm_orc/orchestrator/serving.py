"""The providers and strategies of one orchestrator, made when they are first asked for."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from weakref import ref

import anyio

from llm_orc.domain.completion import Provider
from llm_orc.domain.ensemble import StrategySpec
from llm_orc.domain.model import Model
from llm_orc.domain.strategy import Strategy
from llm_orc.registry import PROVIDERS, STRATEGIES, find


class Providers:
    """One provider for each kind, address and key; `given` ones take the place of registered ones."""

    def __init__(self, given: Mapping[str, Provider]) -> None:
        self._given = dict(given)
        self._open: dict[tuple[str, str | None, str | None], Provider] = {}

    def of(self, model: Model) -> Provider:
        """What serves the model."""
        given = self._given.get(model.provider)
        if given is not None:
            return given
        key = (model.provider, model.base_url, model.api_key_env)
        if key not in self._open:
            kind = find("provider", model.provider, PROVIDERS)
            self._open[key] = kind(base_url=model.base_url, api_key_env=model.api_key_env)
        return self._open[key]

    async def aclose(self) -> None:
        """Close those that were opened here."""
        opened, self._open = self._open, {}
        with anyio.CancelScope(shield=True):
            for provider in opened.values():
                await provider.aclose()


class Strategies:
    """One strategy for each specification, as long as that is in use."""

    def __init__(self) -> None:
        # Without keeping the specifications: each time that a file is read it has new ones.
        self._made: dict[int, tuple[ref[StrategySpec], Strategy]] = {}

    def of(self, spec: StrategySpec) -> Strategy:
        """The strategy that an agent asks for."""
        key = id(spec)
        if key not in self._made:
            parts = {name: self.of(part) for name, part in spec.parts.items()}
            kind = find("strategy", spec.type, STRATEGIES)
            strategy: Strategy = kind(**spec.settings, **spec.models, **parts, **spec.handed_on)
            self._made[key] = ref(spec, partial(self._forget, key)), strategy
        return self._made[key][1]

    def _forget(self, key: int, gone: ref[StrategySpec]) -> None:
        self._made.pop(key, None)
