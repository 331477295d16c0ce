"""How an agent thinks: from messages to an answer, through `ask`."""

from __future__ import annotations

from collections.abc import Awaitable
from dataclasses import dataclass, field
from typing import Protocol

from llm_orc.domain.completion import Completion, Message
from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.task import Task
from llm_orc.domain.wording import Wording


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a strategy concluded.

    `confidence` is in [0, 1], None when nothing measured it; `samples` is how many answers were drawn;
    `model` is the name of the model whose answer it is, None where there is only the agent's.
    `evidence` says how it came about: votes, rungs, critiques.
    """

    text: str
    samples: int = 1
    confidence: float | None = None
    model: str | None = None
    evidence: JsonObject = field(default_factory=dict)


class Ask(Protocol):
    """How a strategy reaches its agent's models: through plan, limits, budget, journal and trace."""

    @property
    def models(self) -> tuple[Model, ...]:
        """The models that the agent may ask; the first is the one that was chosen for it."""
        ...

    @property
    def wordings(self) -> tuple[Wording, ...]:
        """The agent's wordings that vote; none where a single one is asked."""
        ...

    def __call__(
        self,
        messages: tuple[Message, ...],
        *,
        model: Model | None = None,
        sampling: Sampling | None = None,
        n: int = 1,
        top_logprobs: int | None = None,
        aside: bool = False,
        steps: int | None = None,
        sample: int | None = None,
    ) -> Awaitable[Completion]:
        """Ask `model`, or the first of `models`; raises `OrcError`.

        `sampling` is laid over the agent's own. The completion has `n` choices, drawn in one request
        where the model can and at once where it cannot. The agent's tools are used along the way, and its
        `output_schema` is asked for; neither for an `aside`, which is no answer to the agent's prompt: a
        critique, a judgement. `steps` bounds the calls of tools and has them written out as text (ReAct),
        whatever the model supports. `sample` is the number of a draw, the first of `n`: it tells apart what
        is asked in the same words, for the cache.
        """
        ...

    def run(self, ensemble: Ensemble, inputs: JsonObject) -> Awaitable[JsonValue]:
        """Run agents within this one, and their output; raises `OrcError`."""
        ...

    def task(self, messages: tuple[Message, ...]) -> Task:
        """What kind of task the agent has, by its file or by the messages."""
        ...

    def note(self, step: str, message: str, **detail: JsonValue) -> None:
        """Tell whoever watches what the strategy just did: an event `strategy_step`."""
        ...


class Strategy(Protocol):
    """One way of thinking. It is given `ask`, never a provider: plan, budget and trace always apply.

    Its class takes the strategy's settings as keywords. Settings that name models are given as `Model`s,
    and settings that are strategies as strategies. One instance serves many agents at once.
    """

    async def answer(self, messages: tuple[Message, ...], ask: Ask) -> Answer: ...
