"""`optimize --tune`: an ensemble's settings, measured as the file that they would be written to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from llm_orc.domain.edit import Edit, FileChange
from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.domain.json import JsonValue
from llm_orc.optimize.calls import Calls
from llm_orc.optimize.dataset import Row, Split
from llm_orc.optimize.estimate import CHANCES, Dry, DryRunner, Foreseen, dry_view, foreseen, guessing
from llm_orc.optimize.failing import Failing, failing, refuse_failing
from llm_orc.optimize.interruptible import interruptible
from llm_orc.optimize.judging import Judge
from llm_orc.optimize.ledger import Ledger
from llm_orc.optimize.meter import Limits, Meter, Stop, Stopped
from llm_orc.optimize.metrics import Metric, check_rows, metric_of
from llm_orc.optimize.optimization import Measured, Progress, measured
from llm_orc.optimize.prompting import state_of
from llm_orc.optimize.search import judge_all
from llm_orc.optimize.statistics import Difference, difference
from llm_orc.optimize.stopping import Interrupt
from llm_orc.optimize.trials import Runner, Trials, Viewer
from llm_orc.optimize.tuning import Knob, Point, Settings, front, tune
from llm_orc.orchestrator.completing import completed, llm_works, priced, with_one_context
from llm_orc.orchestrator.knobs import knobs_of
from llm_orc.orchestrator.limits import unpriced_model
from llm_orc.orchestrator.optimizing import Optimizing
from llm_orc.orchestrator.viewing import viewed
from llm_orc.run.budget import cost_of
from llm_orc.spec.document import decoded
from llm_orc.spec.ensemble_file import load_ensemble

SHOWN = 8
"""Points of the front that are tried on the held-out rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The points that no other beats, on validation and on held-out rows, and how each differs there from
    what the file says. `points` are all that were tried, what the file says first; none where it was stopped
    before."""

    points: tuple[Point, ...]
    front: tuple[Point, ...]
    held_out: tuple[Measured | None, ...]
    differences: tuple[Difference | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned(Found):
    """What was found, and what it took."""

    sent: int
    replayed: int
    usd: float | None
    failing: Failing | None
    stop: Stop | None


class Tuning:
    """The knobs of an ensemble's agents. Raises `UsageFailed` where there is nothing to turn."""

    def __init__(
        self, optimizing: Optimizing, keys: Sequence[str], models: Sequence[str], train: Sequence[Row]
    ) -> None:
        self._offered = [optimizing.orchestrator.model(name) for name in models]
        self._optimizing = optimizing
        self.knobs = knobs_of(optimizing, keys, models, train)

    async def estimate(
        self, parts: Split, limits: Limits, *, trials: int, seed: int, at_once: int
    ) -> tuple[Foreseen, ...]:
        """What the search would take, without asking a model: the search itself, with answers made up."""
        return tuple(
            [await self._dry_run(chance, parts, limits, trials, seed, at_once) for chance in CHANCES]
        )

    async def _dry_run(
        self, chance: float, parts: Split, limits: Limits, trials: int, seed: int, at_once: int
    ) -> Foreseen:
        async def runner_of(ensemble: Ensemble) -> Runner:
            return DryRunner(await self._optimizing.calls_per_run(ensemble))

        dry = Dry()
        with Calls(None) as calls:
            meter = Meter(lambda model: dry, calls, limits, cost_of)
            await _Measuring(self, meter, guessing(chance), runner_of, dry_view, at_once).search(
                parts, trials, seed
            )
        models = [model for llm in llm_works(self._optimizing.ensemble) for model in llm.models]
        return foreseen(chance, meter, [*models, *self._offered], cost_of)

    async def run(
        self,
        parts: Split,
        metric: str,
        folder: Path,
        limits: Limits,
        *,
        trials: int,
        seed: int,
        at_once: int,
        told: Callable[[Progress], None],
        interrupt: Interrupt,
    ) -> Tuned:
        """Search on the validation rows, then try the front on the held-out ones."""
        optimizing = self._optimizing
        with Calls(folder / "calls.db") as calls:
            meter = Meter(optimizing.orchestrator.provider_of, calls, limits, cost_of)
            ready = optimizing.ready()
            beside = Trials(ready, optimizing.runner(), viewed, meter, at_once=at_once)
            scoring = metric_of(metric, judging=optimizing.judging(beside))
            await check_rows((*parts.validation, *parts.held_out), scoring)
            asked = (ready, *((scoring.ensemble,) if isinstance(scoring, Judge) else ()))
            meter.end_if(unpriced_model(limits, asked, self._offered))

            async def runner_of(ensemble: Ensemble) -> Runner:
                return optimizing.runner()

            measuring = _Measuring(self, meter, scoring, runner_of, viewed, at_once, told)
            async with interruptible(interrupt, meter, lambda: [beside, *measuring.trials]):
                found = await measuring.search(parts, trials, seed)
            runs = [run for ledger in measuring.ledgers.values() for run in ledger.all()]
            return Tuned(
                points=found.points,
                front=found.front,
                held_out=found.held_out,
                differences=found.differences,
                sent=meter.sent,
                replayed=meter.replayed,
                usd=meter.usd,
                failing=failing(runs, "runs"),
                stop=meter.stop,
            )

    def changes(self, settings: Settings) -> tuple[FileChange, ...]:
        """What becomes of the files with these settings. Raises `RewriteRefused`."""
        edits = self._all_edits(settings)
        return self._optimizing.original.changes(edits) if edits else ()

    def as_loaded(self, settings: Settings) -> Ensemble:
        """The ensemble as the changed file would be loaded and run."""
        path, fleet = self._optimizing.path, self._optimizing.orchestrator.fleet
        original = self._optimizing.original
        changes = original.kept(self._all_edits(settings))
        texts = {c.path.resolve(): decoded(c.after, str(c.path)) for c in changes}

        def source(file: Path) -> str:
            return texts.get(file.resolve()) or original.text(file)

        loaded = load_ensemble(path, fleet, source=source)
        loaded = with_one_context(priced(loaded), llm_works(loaded))
        return completed(loaded, None, self._optimizing.orchestrator.settings.timeout_seconds)

    @property
    def agents(self) -> tuple[str, ...]:
        """Those that may change."""
        return self._optimizing.agents

    def _all_edits(self, settings: Settings) -> list[Edit]:
        return [
            edit
            for knob in self.knobs
            if settings[knob.name] != knob.choices[0]
            for edit in self._edits(knob, settings[knob.name])
        ]

    def _edits(self, knob: Knob, value: JsonValue) -> list[Edit]:
        edits = [Edit(agent=knob.agent, key=knob.key, value=value)]
        if knob.key == "model" and self._has_own_models(knob.agent):
            edits.append(Edit(agent=knob.agent, key="models", value=None))
        return edits

    def _has_own_models(self, agent: str) -> bool:
        work = self._optimizing.ensemble.agents[agent].work
        return isinstance(work, Llm) and len(work.models) > 1


class _Measuring:
    """Runs the ensemble with settings on rows, under one meter. The first settings are the file's."""

    def __init__(
        self,
        tuning: Tuning,
        meter: Meter,
        scoring: Metric,
        runner_of: Callable[[Ensemble], Awaitable[Runner]],
        view: Viewer,
        at_once: int,
        told: Callable[[Progress], None] = lambda progress: None,
    ) -> None:
        self.ledgers: dict[str, Ledger] = {}
        self._tuning = tuning
        self._meter = meter
        self._scoring = scoring
        self._runner_of = runner_of
        self._view = view
        self._at_once = at_once
        self._told = told
        self._baseline: float | None = None
        self._best = 0.0

    @property
    def trials(self) -> list[Trials]:
        """Of all settings so far."""
        return [ledger.trials for ledger in self.ledgers.values()]

    async def search(self, parts: Split, trials: int, seed: int) -> Found:
        """Search on the validation rows, then try the front on the held-out ones."""

        async def measure(settings: Settings) -> Point:
            found = await self._on(settings, parts.validation)
            self._best = max(self._best, found.mean)
            if self._baseline is None:
                self._baseline = found.mean
            return Point(
                settings=settings, quality=found.mean, usd=found.usd, tokens=found.tokens,
                seconds=found.seconds,
            )  # fmt: skip

        points = await tune(self._tuning.knobs, measure, trials=trials, seed=seed)
        kept = front(points)
        held_out = [await self._held_out(point, parts) for point in (*points[:1], *kept[:SHOWN])]
        before, after = next(iter(held_out), None), held_out[1:]
        return Found(
            points=points,
            front=kept,
            held_out=tuple(after),
            differences=tuple(
                None if before is None or each is None else difference(before.scores, each.scores)
                for each in after
            ),
        )

    async def _held_out(self, point: Point, parts: Split) -> Measured | None:
        try:
            return await self._on(point.settings, parts.held_out) if parts.held_out else None
        except Stopped:
            return None

    async def _on(self, settings: Settings, rows: Sequence[Row]) -> Measured:
        name = str(sorted(settings.items()))
        if name not in self.ledgers:
            ensemble = self._tuning.as_loaded(settings)
            runner = await self._runner_of(ensemble)
            trials = Trials(ensemble, runner, self._view, self._meter, at_once=self._at_once)
            self.ledgers[name] = Ledger(trials, self._scoring, self._tell)
        ledger = self.ledgers[name]
        state = state_of(ledger.trials.ensemble, self._tuning.agents)
        await judge_all(ledger, state, rows)
        if self._baseline is None:
            refuse_failing(ledger, state, rows, "validation rows")
        found = measured(ledger, state, rows)
        assert found is not None
        return found

    def _tell(self) -> None:
        meter = self._meter
        self._told(Progress(
            "tuning", meter.sent, meter.replayed, meter.usd, len(self.ledgers), self._baseline,
            self._best or None,
        ))  # fmt: skip
