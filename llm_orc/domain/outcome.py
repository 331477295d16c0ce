"""What became of an agent, and of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from llm_orc.domain.cause import Cause
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.plan import Plan
from llm_orc.domain.usage import Usage

NO_USAGE = Usage()


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """What an agent took. `started_at` is Unix time; `cost_usd` is None when a price is unknown. `cached`:
    every answer that it built on was known already. `variant` is the name of the wording that it was asked
    in, None where it has only one."""

    model: str | None = None
    strategy: str | None = None
    variant: str | None = None
    usage: Usage = NO_USAGE
    cost_usd: float | None = 0.0
    attempts: int = 1
    samples: int = 0
    cached: bool = False
    started_at: float = 0.0
    duration_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answered:
    """The agent did its work. `confidence` is in [0, 1], None when nothing measured it; `evidence` is
    what the strategy has to show for it. `replaced` holds the failure when `output` is the `on_failure`
    default."""

    output: JsonValue
    effort: Effort
    confidence: float | None = None
    evidence: JsonObject = field(default_factory=dict)
    replaced: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failed:
    """The agent could not do its work."""

    cause: Cause
    effort: Effort


@dataclass(frozen=True, slots=True, kw_only=True)
class Skipped:
    """The agent was never started; `cause` says why."""

    cause: Cause


Outcome: TypeAlias = Answered | Failed | Skipped
Status: TypeAlias = Literal["succeeded", "failed", "partial", "interrupted"]


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """What a run came to. `output` is the output agent's, or one entry per output agent by name.

    `succeeded`: every agent answered · `partial`: the outputs are there, but an agent failed or was
    skipped, or a limit ended the run · `failed`: an agent that may not fail did, or an output is
    missing · `interrupted`. `ended_by` says what cut the run short, None when it ran to its end.
    """

    run_id: str
    ensemble: str
    status: Status
    output: JsonValue
    agents: Mapping[str, Outcome]
    usage: Usage
    cost_usd: float | None
    started_at: float
    duration_s: float
    trace_id: str
    ended_by: Cause | None = None
    plans: tuple[Plan, ...] = ()

    @property
    def exit_code(self) -> int:
        """The process's exit code (see docs/errors.md)."""
        if self.ended_by is not None:
            return self.ended_by.exit_code
        if self.status != "failed":
            return 0
        causes = [o.cause for o in self.agents.values() if isinstance(o, Failed)]
        lost = causes and all(cause.kind in ("unreachable", "circuit_open") for cause in causes)
        answered = any(isinstance(o, Answered) and o.effort.model is not None for o in self.agents.values())
        return 4 if lost and not answered else 1
