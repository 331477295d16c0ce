"""What an optimization would take: DSPy's own optimizers, over a model that answers nothing in particular."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from llm_orc.domain.completion import Choice, Completion, Installed, Message, Request
from llm_orc.domain.ensemble import Agent, Ensemble, Llm
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import Answered, Effort, Outcome, RunResult
from llm_orc.domain.usage import Usage
from llm_orc.optimize.calls import Calls
from llm_orc.optimize.dataset import Row, Split
from llm_orc.optimize.ledger import Ledger
from llm_orc.optimize.meter import CostOf, Limits, Meter, ProviderOf
from llm_orc.optimize.metrics import Metric, Scored
from llm_orc.optimize.optimization import Optimization
from llm_orc.optimize.search_plan import Plan
from llm_orc.optimize.slots import composed_variable
from llm_orc.optimize.trials import Shown, Trials

CHANCES = (0.05, 0.5, 0.95)
"""How often an answer is right, in each of the dry runs: much of what is asked follows from that."""
ITEMS = 3
"""How many items a fan-out is expected to have, where nothing was run."""
LETTERS_PER_TOKEN = 4
WRITTEN = 60
"""Tokens of an answer where nothing is known, and of a proposed prompt four times as many."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """One dry run. `usd` is None where a price is unknown."""

    right: float
    calls: int
    tokens: int
    usd: float | None


class Dry:
    """A provider that counts: each answer is as long as answers are, and no two are alike."""

    def __init__(self) -> None:
        self._answered = 0

    async def complete(self, request: Request) -> Completion:
        self._answered += 1
        letters = sum(len(message.content) for message in request.messages)
        written = min(request.sampling.max_tokens or WRITTEN, WRITTEN) * request.n
        return Completion(
            choices=tuple(Choice(text=f"answer {self._answered}.{n}") for n in range(request.n)),
            usage=Usage(input_tokens=letters // LETTERS_PER_TOKEN + 4, output_tokens=written),
            model=request.model.wire_name,
        )

    async def stream(self, request: Request) -> AsyncIterator[str]:
        yield (await self.complete(request)).text

    async def installed(self) -> Sequence[Installed]:
        return ()

    async def check(self, model: Model) -> None:
        """Nothing is asked of it."""

    async def unload(self, model: Model) -> None:
        """Nothing is loaded."""

    async def aclose(self) -> None:
        """Nothing is open."""


async def foresee(
    ensemble: Ensemble,
    plan: Plan,
    split: Split,
    per_run: Mapping[str, int],
    cost_of: CostOf,
    limits: Limits,
) -> tuple[Foreseen, ...]:
    """One dry run for each of `CHANCES`. `per_run` is how many calls each llm agent makes in one run."""
    return tuple(
        [await _dry_run(chance, ensemble, plan, split, per_run, cost_of, limits) for chance in CHANCES]
    )


async def _dry_run(
    chance: float,
    ensemble: Ensemble,
    plan: Plan,
    split: Split,
    per_run: Mapping[str, int],
    cost_of: CostOf,
    limits: Limits,
) -> Foreseen:
    dry = Dry()
    with Calls(None) as calls:
        meter = Meter(lambda model: dry, calls, limits, cost_of)
        trials = Trials(ensemble, DryRunner(per_run), dry_view, meter, at_once=plan.at_once)
        ledger = Ledger(trials, guessing(chance), accept=plan.accept)
        await Optimization(plan, split, ledger, Path("/dev/null")).run(limits)
    models = [work.models[0] for agent in ensemble.agents.values() if isinstance(work := agent.work, Llm)]
    models += [model for model in (plan.teacher, plan.proposer) if model is not None]
    return foreseen(chance, meter, models, cost_of)


def guessing(chance: float) -> Metric:
    """Finds an answer right that often, and the same answer to the same row always or never."""

    async def metric(row: Row, output: JsonValue) -> Scored:
        drawn = int.from_bytes(sha256(f"{output}{row.id}".encode()).digest()[:4]) / 2**32
        return Scored(1.0, "") if drawn < chance else Scored(0.0, "It is wrong.")

    return metric


def foreseen(chance: float, meter: Meter, models: Sequence[Model], cost_of: CostOf) -> Foreseen:
    """What a dry run under this meter came to, with these models."""
    known = all(cost_of(model, Usage()) is not None for model in models)
    tokens = meter.usage.input_tokens + meter.usage.output_tokens
    return Foreseen(right=chance, calls=meter.sent, tokens=tokens, usd=meter.usd if known else None)


class DryRunner:
    """Runs an ensemble as far as calls go: scripts are not run, and agents answer nothing in particular."""

    def __init__(self, per_run: Mapping[str, int]) -> None:
        self._per_run = per_run

    async def __call__(self, ensemble: Ensemble, inputs: JsonObject, provider_of: ProviderOf) -> RunResult:
        said = ""
        for name, agent in ensemble.agents.items():
            if not isinstance(agent.work, Llm):
                continue
            messages = _messages(agent.work, name, inputs)
            said = sha256(repr(messages).encode("utf-8", "surrogatepass")).hexdigest()[:8]
            for _ in range(self._per_run[name]):
                model = agent.work.models[0]
                await provider_of(model).complete(
                    Request(model=model, messages=messages, sampling=model.sampling)
                )
        outcomes = {name: Answered(output=f"{name} {said}", effort=Effort()) for name in ensemble.agents}
        return RunResult(
            run_id="", ensemble=ensemble.name, status="succeeded", output=said, agents=outcomes,
            usage=Usage(), cost_usd=0.0, started_at=0.0, duration_s=0.0, trace_id="",
        )  # fmt: skip


def dry_view(agent: Agent, inputs: JsonObject, outcomes: Mapping[str, Outcome]) -> Shown:
    """What an agent would be shown; no answer is there that a fan-out or `input_key` could look into."""
    assert isinstance(agent.work, Llm)
    outcome = outcomes[agent.name]
    assert isinstance(outcome, Answered)
    prompt, whole = agent.work.prompt, composed_variable(agent)
    names = prompt.names - {"parameters"} if prompt is not None else (inputs if whole is None else (whole,))
    values = {name: inputs.get(name, f"{name} of {agent.name}") for name in names}
    return ((values, outcome.output),) * (ITEMS if agent.fan_out is not None else 1)


def _messages(llm: Llm, name: str, inputs: JsonObject) -> tuple[Message, ...]:
    """Messages about as long as the real ones, and different wherever those are."""
    text = json.dumps(inputs, ensure_ascii=False)
    prompt = "" if llm.prompt is None else llm.prompt.source
    messages = [Message("system", llm.system_prompt)]
    for demo in llm.demos:
        shown = Message("user", f"{prompt}{json.dumps(dict(demo.inputs))}")
        messages += [shown, Message("assistant", demo.output)]
    return (*messages, Message("user", f"{name}: {prompt}{text}"))
