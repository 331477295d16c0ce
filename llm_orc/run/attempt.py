"""What is learned about one execution of one agent while it lasts."""

from __future__ import annotations

from time import perf_counter, time

from llm_orc.domain.cause import Cause
from llm_orc.domain.ensemble import Agent, Default
from llm_orc.domain.events import AnswerSource
from llm_orc.domain.evidence import Source
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.outcome import NO_USAGE, Answered, Effort, Failed, Outcome
from llm_orc.domain.usage import Usage
from llm_orc.errors import NestedFailed, OrcError
from llm_orc.run.budget import Purses


class Attempt:
    """Counts usage, cost and calls. `name` is the agent's, behind those of the agents around it."""

    __slots__ = (
        "agent", "asks", "attempts", "began", "confidence", "cost_usd", "evidence", "has_alternative",
        "load_seconds", "model", "name", "purses", "samples", "scores", "sources", "started_at", "strategy",
        "tool_calls", "usage", "variant",
    )  # fmt: skip

    def __init__(self, agent: Agent, name: str, purses: Purses) -> None:
        self.agent = agent
        self.name = name
        self.purses = purses
        self.has_alternative = False
        self.sources: set[AnswerSource] = set()
        self.begin()
        self.model: str | None = None
        self.strategy: str | None = None
        self.variant: str | None = None
        self.usage: Usage = NO_USAGE
        self.cost_usd: float | None = 0.0
        self.asks = 0
        self.attempts = 0
        self.tool_calls = 0
        self.load_seconds = 0.0
        self.samples = 0
        self.confidence: float | None = None
        self.evidence: JsonObject = {}
        self.scores: list[tuple[Source, float]] = []

    def begin(self) -> None:
        """From here on it is at work: to wait for a model that has no room yet is not."""
        self.began = perf_counter()
        self.started_at = time()

    def answered(self, output: JsonValue) -> Outcome:
        return Answered(
            output=output, effort=self.effort(), confidence=self.confidence, evidence=self.evidence
        )

    def failed(self, cause: Cause) -> Outcome:
        if isinstance(self.agent.on_failure, Default):
            return Answered(output=self.agent.on_failure.value, effort=self.effort(), replaced=cause)
        return Failed(cause=cause, effort=self.effort())

    def effort(self) -> Effort:
        return Effort(
            model=self.model,
            strategy=self.strategy,
            variant=self.variant,
            usage=self.usage,
            cost_usd=self.cost_usd,
            attempts=self.attempts,
            samples=self.samples,
            cached=self.sources == {"cache"},
            started_at=self.started_at,
            duration_s=perf_counter() - self.began,
        )

    def count(self, usage: Usage, cost_usd: float | None) -> None:
        self.usage = usage if self.usage is NO_USAGE else self.usage + usage
        known = self.cost_usd is not None and cost_usd is not None
        self.cost_usd = (self.cost_usd or 0.0) + (cost_usd or 0.0) if known else None

    def count_agent(self, outcome: Outcome) -> None:
        """Add what an agent of an ensemble within this one took."""
        if isinstance(outcome, Answered | Failed):
            self.count(outcome.effort.usage, outcome.effort.cost_usd)
            self.attempts += outcome.effort.attempts
            if outcome.effort.attempts:
                self.sources.add("cache" if outcome.effort.cached else "model")


def cause_of(error: OrcError) -> Cause:
    """An error as a value."""
    if isinstance(error, NestedFailed):
        return Cause(
            kind=error.inner_kind, message=error.message, hint=error.hint, exit_code=error.inner_exit
        )
    return Cause(kind=error.kind, message=error.message, hint=error.hint, exit_code=error.exit_code)
