"""How an agent is asked in this run: in which of its wordings, and with which worked examples."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from hashlib import sha256

from llm_orc.domain.embedding import Embedded
from llm_orc.domain.ensemble import Llm
from llm_orc.domain.json import JsonObject
from llm_orc.domain.wording import Nearest, Variant, Wording
from llm_orc.domain.wording_events import DemosChosen, VariantChosen
from llm_orc.run.attempt import Attempt
from llm_orc.run.budget import cost_of
from llm_orc.run.examples import Examples
from llm_orc.run.render import render
from llm_orc.run.stream import EventStream
from llm_orc.run.view import View


class Wordings:
    """Settles the wordings of one run. An agent keeps its wording through loops, fan-outs and resumed runs.

    Without `examples` no agent may need them chosen.
    """

    def __init__(self, run_id: str, inputs: JsonObject, examples: Examples | None, emit: EventStream) -> None:
        self._run_id = run_id
        self._inputs = inputs
        self._examples = examples
        self._emit = emit
        self._told: set[str] = set()

    async def of(
        self, llm: Llm, view: View, seconds: float | None, attempt: Attempt
    ) -> tuple[Llm, tuple[Wording, ...]]:
        """The agent as it is asked; and where its variants vote, what each of them asks.

        Raises `PromptFailed`, and `ProviderFailed` where examples are compared by a model.
        """
        if llm.nearest is not None:
            llm = await self._with_nearest(llm, llm.nearest, view, seconds, attempt)
        if llm.variants_vote:
            voting = [variant for variant in llm.variants if variant.weight]
            return llm, tuple(
                Wording(name=each.name, weight=each.weight, messages=render(worded(llm, each), view))
                for each in voting
            )
        if llm.variants:
            llm = worded(llm, self._chosen(llm, attempt))
        return llm, ()

    async def _with_nearest(
        self, llm: Llm, nearest: Nearest, view: View, seconds: float | None, attempt: Attempt
    ) -> Llm:
        model = nearest.embedding
        assert self._examples is not None

        def count(embedded: Embedded) -> None:
            if model is not None:
                attempt.count(embedded.usage, cost_of(model, embedded.usage))

        chosen = await self._examples.choose(nearest, view, seconds, count)
        self._emit(DemosChosen(
            agent=attempt.name, lines=chosen.lines, similarities=chosen.similarities,
            by="words" if model is None else model.name,
        ))  # fmt: skip
        return replace(llm, demos=chosen.demos)

    def _chosen(self, llm: Llm, attempt: Attempt) -> Variant:
        variant = share_out(llm.variants, self._point(llm, attempt.name))
        attempt.variant = variant.name
        if attempt.name not in self._told:
            self._told.add(attempt.name)
            share = variant.weight / sum(each.weight for each in llm.variants)
            self._emit(VariantChosen(
                agent=attempt.name, variant=variant.name, share=round(share, 6), wording=variant.wording
            ))  # fmt: skip
        return variant

    def _point(self, llm: Llm, agent: str) -> float:
        """In [0, 1), the same for the same run; with a seed, for the same inputs."""
        seed = llm.models[0].sampling.seed
        run = self._run_id if seed is None else json.dumps([seed, self._inputs], sort_keys=True, default=dict)
        return int.from_bytes(sha256(f"{agent}\0{run}".encode(errors="replace")).digest()[:8]) / 2**64


def share_out(variants: Sequence[Variant], point: float) -> Variant:
    """The variant at a point of [0, 1), on which each has a stretch as long as its share."""
    left = point * sum(variant.weight for variant in variants)
    usable = [variant for variant in variants if variant.weight]
    for variant in usable:
        if left < variant.weight:
            return variant
        left -= variant.weight
    return usable[-1]  # what rounding left over


def worded(llm: Llm, variant: Variant) -> Llm:
    """The agent in one of its wordings."""
    return replace(llm, system_prompt=variant.system_prompt, prompt=variant.prompt)
