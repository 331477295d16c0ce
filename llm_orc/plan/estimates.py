"""What an agent's work is expected to take: tokens, money and time."""

from __future__ import annotations

from llm_orc.domain.ensemble import Llm
from llm_orc.domain.model import Model
from llm_orc.domain.plan import Candidate
from llm_orc.domain.task import Task
from llm_orc.plan.beliefs import Beliefs

CHARACTERS_PER_TOKEN = 4.0
COST_PER_BILLION = 0.15
"""What 1,000 tokens of a model without a price cost, per billion parameters, in the router's unit: about
what the published router's models of 2 to 14 billion parameters are given."""
WRITTEN: dict[str, float] = {
    "classification": 10, "extraction": 100, "qa_simple": 60, "qa_complex": 250, "reasoning": 300,
    "code_generation": 400, "creative": 500, "analysis": 500, "summarisation": 200,
}  # fmt: skip
"""Tokens that are written per kind of task before anything was learned."""
_UPSTREAM_TOKENS = 200


def tokens_of(llm: Llm, task: Task, text: str, dependencies: int) -> tuple[float, float]:
    """Tokens that one answer is expected to read and to write."""
    known = len(llm.system_prompt) + len(text) + sum(len(demo.output) * 2 for demo in llm.demos)
    if llm.nearest is not None:
        shown = llm.nearest.demos[: llm.nearest.k]
        known += sum(len(demo.output) * 2 for demo in shown)
    if llm.prompt is not None:
        known += len(llm.prompt.source)
    read = known / CHARACTERS_PER_TOKEN + dependencies * _UPSTREAM_TOKENS
    written = WRITTEN[task.kind]
    limits = [model.sampling.max_tokens for model in llm.models if model.sampling.max_tokens]
    return read, min([written, *limits])


def samples_of(llm: Llm) -> float:
    """How often the agent will ask for one answer."""
    samples = llm.strategy.settings.get("samples")
    return float(samples) if isinstance(samples, int | float) and not isinstance(samples, bool) else 1.0


def candidate(model: Model, task: Task, read: float, written: float, beliefs: Beliefs) -> Candidate:
    """What is expected of `model` at one answer of this size."""
    belief = beliefs.of(model, task.kind)
    read, written = read * belief.tokens, written * belief.tokens
    speed = belief.seconds_per_token
    if speed is None and model.tokens_per_second:
        speed = 1 / model.tokens_per_second
    usd = None
    if model.price is not None:
        usd = (read * model.price.input_per_million + written * model.price.output_per_million) / 1e6
    return Candidate(
        model=model.name,
        quality=belief.optimistic,
        tokens=read + written,
        token_cost=token_cost(model, read, written),
        usd=usd,
        seconds=None if speed is None else speed * written,
    )


def token_cost(model: Model, read: float, written: float) -> float:
    """What a token costs in the router's unit: dollars per million, at this mix of read and written ones.

    A model that costs no money still costs time and power, which grow with its size.
    """
    price = model.price
    if price is not None and (price.input_per_million or price.output_per_million):
        total = read + written
        paid = read * price.input_per_million + written * price.output_per_million
        return paid / total if total else price.output_per_million
    return COST_PER_BILLION * (model.parameters_b or 0.0)
