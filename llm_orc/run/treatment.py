"""How the calls of a run are treated: policy, budget and cache, as they come from settings and flags."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from llm_orc.domain.calling import Connect
from llm_orc.domain.events import Warned
from llm_orc.domain.policy import Budget, Policy
from llm_orc.domain.recorder import Recorder
from llm_orc.run.answer_cache import AnswerCache, ProjectCache
from llm_orc.run.budget import Amount, Purse, Purses
from llm_orc.run.calls import Calls
from llm_orc.run.stream import EventStream


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """`given` holds whatever agents say, `policy` where they say nothing. `budget` is the run's, `daily` the
    project's for a day; `spent_today` tells what others took of that: dollars, tokens and calls, without
    those of one attempt at a run. `keeps_content`: a recorded run can be resumed."""

    connect: Connect
    policy: Policy = Policy()
    given: Policy = Policy()
    budget: Budget = Budget()
    daily: Budget = Budget()
    spent_today: Callable[[str, int], tuple[float, int, int]] = lambda run_id, attempt: (0.0, 0, 0)
    cache: ProjectCache | None = None
    keeps_content: bool = True

    def calls(self, emit: EventStream, recorder: Recorder | None) -> Calls:
        """Where the calls of one run go through."""
        return Calls(
            emit=emit,
            connect=self.connect,
            cache=AnswerCache(self.cache, lambda said: emit(Warned(message=said))),
            policy=self.policy,
            given=self.given,
            recorder=recorder,
            can_resume=self._can_resume(recorder),
        )

    def _can_resume(self, recorder: Recorder | None) -> bool:
        return recorder is not None and self.keeps_content

    def purses(self, emit: EventStream, recorder: Recorder | None) -> Purses:
        """What a run is paid from."""

        def warn(said: str) -> None:
            emit(Warned(message=said))

        purses: list[Purse] = []
        can_resume = self._can_resume(recorder)
        if self.budget.limits_calls:
            purse = Purse(self.budget, "the run", warn, run=True, can_resume=can_resume)
            if recorder is not None:
                past = recorder.spent
                tokens = past.usage.input_tokens + past.usage.output_tokens
                purse.count(Amount(usd=past.cost_usd, tokens=tokens, calls=past.calls))
            purses.append(purse)
        if self.daily.limits_calls:
            run = ("", 1) if recorder is None else (recorder.run_id, recorder.attempt)

            def elsewhere() -> Amount:
                usd, tokens, calls = self.spent_today(*run)
                return Amount(usd=usd, tokens=tokens, calls=calls)

            whose = "the project's day"
            purses.append(
                Purse(self.daily, whose, warn, run=True, can_resume=can_resume, elsewhere=elsewhere)
            )
        return Purses(purses)
