"""One optimization from the baseline to a verdict: search, race, and a test on rows that nobody has seen."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from math import ceil
from pathlib import Path
from typing import Literal

from llm_orc.optimize.dataset import Row, Split
from llm_orc.optimize.failing import Failing, failing_on, refuse_failing
from llm_orc.optimize.interruptible import interruptible
from llm_orc.optimize.ledger import Judged, Ledger
from llm_orc.optimize.meter import Limits, Meter, Stop, Stopped
from llm_orc.optimize.prompting import State, fingerprint, size
from llm_orc.optimize.search import RACED, Search, judge_all
from llm_orc.optimize.search_plan import Plan
from llm_orc.optimize.statistics import Difference, difference, mean
from llm_orc.optimize.stopping import Interrupt

Verdict = Literal["better", "no gain", "not proven", "no claim", "stopped"]
"""`better`: proven on held-out rows. `no gain`: no candidate beat the baseline on the validation rows.
`not proven`: one did, and the held-out rows do not show it. `no claim`: too few rows to test with.
`stopped`: the search was ended before there was anything to test, or before it was tested."""


_VALIDATION, _HELD_OUT = "validation rows", "held-out rows"


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """A state on some rows. All but `scores` and `letters`, the size of its prompts and examples, is of one
    run, on average: `usd` is None when a price is unknown, `seconds` are those of the calls."""

    scores: tuple[float, ...]
    usd: float | None
    seconds: float
    calls: float
    tokens: float
    letters: int

    @property
    def mean(self) -> float:
        return mean(self.scores)


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A candidate of the race, on the validation rows: it was chosen by them, so its mean is optimistic."""

    name: str
    validation: float
    letters: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """What an optimization came to. `best` is the best state on the validation rows, None where none beats
    the file's own. `held_out` compares it with the file's on rows that were not looked at before."""

    verdict: Verdict
    origin: State
    best: State | None
    candidates: tuple[Candidate, ...]
    tried: int
    baseline: Measured | None
    winner: Measured | None
    before: Measured | None
    after: Measured | None
    held_out: Difference | None
    stop: Stop | None
    failing: tuple[Failing, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Progress:
    """Where it stands. `usd` is None where a price is unknown, `best` the highest mean so far on the
    validation rows."""

    phase: str
    calls: int
    replayed: int
    usd: float | None
    candidates: int
    baseline: float | None
    best: float | None


class Optimization:
    """Brings the parts together; `told` hears of every score."""

    def __init__(
        self,
        plan: Plan,
        split: Split,
        ledger: Ledger,
        log: Path,
        told: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self._plan = plan
        self._split = split
        self._ledger = ledger
        self._told = told
        self._search = Search(plan, ledger, split, log)
        self._phase = "baseline"
        self._baseline: float | None = None
        self._best: float | None = None

    async def run(self, limits: Limits, interrupt: Interrupt | None = None) -> Findings:
        """Search and test; ends early, with what is known by then, at a limit or when it is interrupted."""
        async with interruptible(interrupt or Interrupt(), self._meter, lambda: [self._ledger.trials]):
            return await self._findings(limits)

    def progress(self) -> Progress:
        """Where it stands now."""
        meter, phase = self._meter, self._search.phase if self._phase == "search" else self._phase
        return Progress(
            phase, meter.sent, meter.replayed, meter.usd, len(self._ledger.trials.states), self._baseline,
            self._best,
        )  # fmt: skip

    def noticed(self) -> None:
        """Called for every new score."""
        known = [
            found
            for name in self._ledger.trials.states
            if self._ledger.tried(name, self._split.validation) == len(self._split.validation)
            and (found := self._ledger.mean(name, self._split.validation)) is not None
        ]
        self._best = max(known, default=None)
        self._told(self.progress())

    @property
    def _meter(self) -> Meter:
        return self._ledger.trials.meter

    async def _findings(self, limits: Limits) -> Findings:
        origin = self._search.origin
        try:
            self._baseline = await self._search.mean(origin)
            refuse_failing(self._ledger, origin, self._split.validation, _VALIDATION)
            self._phase = "search"
            self._meter.hold_back(self._reserve(limits))
            await self._search.run()
        except Stopped:
            pass
        stop = self._meter.stop
        self._phase = "race"
        self._meter.go_on()
        best = await self._race(origin)
        self._phase = "test"
        before, after = await self._test(origin, best)
        stop = stop or self._meter.stop
        tested = before is not None and after is not None
        compared = difference(before.scores, after.scores) if tested else None  # type: ignore[union-attr]
        return Findings(
            verdict=self._verdict(best, compared, stop),
            origin=origin,
            best=best,
            candidates=self._candidates(),
            tried=len(self._ledger.trials.states),
            baseline=self._measured(origin, self._split.validation),
            winner=None if best is None else self._measured(best, self._split.validation),
            before=before,
            after=after,
            held_out=compared,
            stop=stop,
            failing=self._failing(origin, best),
            notes=tuple(self._search.notes),
        )

    def _failing(self, origin: State, best: State | None) -> tuple[Failing, ...]:
        validation, held_out = self._split.validation, self._split.held_out
        looks = [(origin, validation, f"{_VALIDATION} before")]
        if best is not None:
            looks += [(best, validation, f"{_VALIDATION} after"), (origin, held_out, f"{_HELD_OUT} before"),
                      (best, held_out, f"{_HELD_OUT} after")]  # fmt: skip
        found = [failing_on(self._ledger, state, rows, runs) for state, rows, runs in looks]
        return tuple(each for each in found if each is not None)

    def _reserve(self, limits: Limits) -> Limits:
        """What the race and the test will take, by what the baseline took."""
        known = self._ledger.scores[fingerprint(self._search.origin)].values()
        runs = 2 * len(self._split.held_out) + len(self._split.validation)
        most = max((judged.ran.calls for judged in known), default=1)
        usd = max((judged.ran.usd or 0.0 for judged in known), default=0.0)
        seconds = sum(judged.ran.seconds for judged in known) / max(1, len(known))
        return Limits(
            calls=None if limits.calls is None else runs * most,
            usd=None if limits.usd is None else runs * usd * 1.5,
            seconds=None if limits.seconds is None else ceil(runs / self._plan.at_once) * seconds * 1.5,
        )

    async def _race(self, origin: State) -> State | None:
        """The best on all validation rows; None where nothing beats the file's own."""
        names = self._ledger.best(self._split.validation, self._split.train, fingerprint(origin))[:RACED]
        for name in names:
            try:
                await judge_all(self._ledger, self._ledger.trials.states[name], self._split.validation)
            except Stopped:
                break
        ranked = self._ranked()
        if self._baseline is None or not ranked or ranked[0].validation <= self._baseline:
            return None
        return self._ledger.trials.states[ranked[0].name]

    def _ranked(self) -> list[Candidate]:
        """The candidates with a score on every validation row, the best first, of equals the shorter."""
        rows, ledger = self._split.validation, self._ledger
        found = [
            Candidate(name=name, validation=mean, letters=size(state))
            for name, state in ledger.trials.states.items()
            if name != fingerprint(self._search.origin)
            and ledger.tried(name, rows) == len(rows)
            and (mean := ledger.mean(name, rows)) is not None
        ]
        return sorted(found, key=lambda each: (-each.validation, each.letters, each.name))

    def _candidates(self) -> tuple[Candidate, ...]:
        return tuple(self._ranked()[:RACED])

    async def _test(self, origin: State, best: State | None) -> tuple[Measured | None, Measured | None]:
        rows = self._split.held_out
        if best is None or not rows or self._meter.stop is not None:
            return None, None
        try:
            for state in (origin, best):
                await judge_all(self._ledger, state, rows)
                refuse_failing(self._ledger, state, rows, _HELD_OUT)
        except Stopped:
            return None, None
        return self._measured(origin, rows), self._measured(best, rows)

    def _measured(self, state: State, rows: Sequence[Row]) -> Measured | None:
        return measured(self._ledger, state, rows)

    def _verdict(self, best: State | None, held_out: Difference | None, stop: Stop | None) -> Verdict:
        if best is None:
            return "stopped" if stop is not None else "no gain"
        if not self._split.held_out:
            return "no claim"
        if held_out is None:
            return "stopped"
        if held_out.p is None or held_out.low is None:
            return "no claim"
        return "better" if held_out.known and held_out.low > 0 else "not proven"


def measured(ledger: Ledger, state: State, rows: Sequence[Row]) -> Measured | None:
    """What a state came to; None where it was not tried on every row."""
    known = ledger.scores.get(fingerprint(state), {})
    if not rows or any(row.id not in known for row in rows):
        return None
    judged: list[Judged] = [known[row.id] for row in rows]
    costs = [each.ran.usd for each in judged]
    count = len(judged)
    return Measured(
        scores=tuple(each.scored.score for each in judged),
        usd=None if None in costs else sum(cost for cost in costs if cost is not None) / count,
        seconds=sum(each.ran.seconds for each in judged) / count,
        calls=sum(each.ran.calls for each in judged) / count,
        tokens=sum(each.ran.usage.input_tokens + each.ran.usage.output_tokens for each in judged) / count,
        letters=size(state),
    )
