"""What became of one agent in one run, in the wording that it was asked in."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """`wording` is a hash of the variant's text. `score` in [0, 1] is the last feedback for the agent in this
    run, else for the run; None without any. `succeeded` is None where the run was cut short."""

    run_id: str
    agent: str
    variant: str
    wording: str
    started_at: float
    score: float | None
    succeeded: bool | None
