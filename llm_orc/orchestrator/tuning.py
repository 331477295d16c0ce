"""`optimize --tune`: an ensemble's settings, measured as the file that they would be written to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import prod
from pathlib import Path

from llm_orc.domain.edit import Edit, FileChange
from llm_orc.domain.ensemble import Ensemble, Llm
from llm_orc.domain.json import JsonValue
from llm_orc.errors import UsageFailed
from llm_orc.optimize.calls import Calls
from llm_orc.optimize.dataset import Row, Split
from llm_orc.optimize.failing import Failing, failing, refuse_failing
from llm_orc.optimize.ledger import Ledger
from llm_orc.optimize.meter import Limits, Meter, Stop, Stopped
from llm_orc.optimize.metrics import alternatives, check_rows, metric_of
from llm_orc.optimize.optimization import Measured, Progress, measured
from llm_orc.optimize.prompting import state_of
from llm_orc.optimize.search import judge_all
from llm_orc.optimize.statistics import Difference, difference
from llm_orc.optimize.trials import Trials
from llm_orc.optimize.tuning import Knob, Point, Settings, front, tune
from llm_orc.orchestrator.completing import completed, llm_works, priced, with_one_context
from llm_orc.orchestrator.limits import unpriced_model
from llm_orc.orchestrator.optimizing import Optimizing
from llm_orc.orchestrator.viewing import viewed
from llm_orc.run.budget import cost_of
from llm_orc.run.render import as_text
from llm_orc.spec.document import decoded
from llm_orc.spec.ensemble_file import load_ensemble

KEYS = ("models", "temperature", "samples", "threshold", "demos")
TEMPERATURES = (0.0, 0.3, 0.7, 1.0)
SAMPLES = (1, 3, 5, 10, 20)
THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
DEMOS = (0, 1, 2, 4, 8)
SHOWN = 8
"""Points of the front that are tried on the held-out rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tuned:
    """The points that no other beats, on validation and on held-out rows, and how each differs there from
    what the file says. `points` are all that were tried, what the file says first; none where it was stopped
    before."""

    points: tuple[Point, ...]
    front: tuple[Point, ...]
    held_out: tuple[Measured | None, ...]
    differences: tuple[Difference | None, ...]
    sent: int
    replayed: int
    usd: float | None
    failing: Failing | None
    stop: Stop | None


@dataclass(frozen=True, slots=True)
class Ahead:
    """How many settings would be tried, and the calls that it would take."""

    trials: int
    least: int
    most: int


class Tuning:
    """The knobs of an ensemble's agents. Raises `UsageFailed` where there is nothing to turn."""

    def __init__(
        self, optimizing: Optimizing, keys: Sequence[str], models: Sequence[str], train: Sequence[Row]
    ) -> None:
        for key in keys:
            if key not in KEYS:
                raise UsageFailed(f"--tune knows no {key!r}", hint=f"known: {', '.join(KEYS)}")
        for name in models:
            optimizing.orchestrator.model(name)
        self._optimizing = optimizing
        self._models = tuple(models)
        self._train = train
        self.knobs = tuple(
            knob
            for name in optimizing.agents
            for key in keys
            if (knob := self._knob(name, key)) is not None and len(knob.choices) > 1
        )
        if not self.knobs:
            raise UsageFailed(
                f"there is nothing to tune in {', '.join(keys)}",
                hint="models needs --models A,B; samples and threshold need a strategy that has them",
            )

    async def estimate(self, parts: Split, trials: int) -> Ahead:
        """What a search would take, without asking a model."""
        trials = min(trials, prod(len(knob.choices) for knob in self.knobs))
        first = {knob.name: knob.choices[0] for knob in self.knobs}
        per_run = []
        for pick in (min, max):
            samples = {
                knob.name: pick(size for size in knob.choices if isinstance(size, int))
                for knob in self.knobs
                if knob.key == "strategy.samples"
            }
            calls = await self._optimizing.calls_per_run(self._as_loaded({**first, **samples}))
            per_run.append(sum(calls.values()))
        held_out = len(parts.held_out)
        return Ahead(
            trials,
            per_run[0] * (trials * len(parts.validation) + held_out),
            per_run[1] * (trials * len(parts.validation) + min(trials, SHOWN + 1) * held_out),
        )

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
    ) -> Tuned:
        """Search on the validation rows, then try the front on the held-out ones."""
        offered = [self._optimizing.orchestrator.model(name) for name in self._models]
        unpriced = unpriced_model(limits, (self._optimizing.ready(),), offered)
        scoring = metric_of(metric)
        await check_rows((*parts.validation, *parts.held_out), scoring)
        ledgers: dict[str, Ledger] = {}
        with Calls(folder / "calls.db") as calls:
            meter = Meter(self._optimizing.orchestrator.provider_of, calls, limits, cost_of)
            meter.end_if(unpriced)
            best = 0.0
            baseline: float | None = None

            def tell() -> None:
                told(Progress(
                    "tuning", meter.sent, meter.replayed, meter.usd, len(ledgers), baseline, best or None
                ))  # fmt: skip

            async def try_on(settings: Settings, rows: Sequence[Row]) -> Measured:
                name = str(sorted(settings.items()))
                if name not in ledgers:
                    ensemble = self._as_loaded(settings)
                    trials = Trials(ensemble, self._optimizing.runner(), viewed, meter, at_once=at_once)
                    ledgers[name] = Ledger(trials, scoring, tell)
                ledger = ledgers[name]
                state = state_of(ledger.trials.ensemble, self._optimizing.agents)
                await judge_all(ledger, state, rows)
                if baseline is None:
                    refuse_failing(ledger, state, rows, "validation rows")
                found = measured(ledger, state, rows)
                assert found is not None
                return found

            async def measure(settings: Settings) -> Point:
                nonlocal best, baseline
                found = await try_on(settings, parts.validation)
                best, baseline = max(best, found.mean), found.mean if baseline is None else baseline
                return Point(
                    settings=settings, quality=found.mean, usd=found.usd, tokens=found.tokens,
                    seconds=found.seconds,
                )  # fmt: skip

            points = await tune(self.knobs, measure, trials=trials, seed=seed)
            kept = front(points)
            held_out: list[Measured | None] = []
            for point in (*points[:1], *kept[:SHOWN]):
                try:
                    held_out.append(await try_on(point.settings, parts.held_out) if parts.held_out else None)
                except Stopped:
                    held_out.append(None)
            before, after = next(iter(held_out), None), held_out[1:]
            return Tuned(
                points=points,
                front=kept,
                held_out=tuple(after),
                differences=tuple(
                    None if before is None or each is None else difference(before.scores, each.scores)
                    for each in after
                ),
                sent=meter.sent,
                replayed=meter.replayed,
                usd=meter.usd,
                failing=failing([run for ledger in ledgers.values() for run in ledger.all()], "runs"),
                stop=meter.stop,
            )

    def changes(self, settings: Settings) -> tuple[FileChange, ...]:
        """What becomes of the files with these settings. Raises `RewriteRefused`."""
        edits = self._all_edits(settings)
        return self._optimizing.original.changes(edits) if edits else ()

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

    def _as_loaded(self, settings: Settings) -> Ensemble:
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

    def _has_own_models(self, agent: str) -> bool:
        work = self._optimizing.ensemble.agents[agent].work
        return isinstance(work, Llm) and len(work.models) > 1

    def _knob(self, name: str, key: str) -> Knob | None:
        """None where the agent has no such setting."""
        llm = self._optimizing.ensemble.agents[name].work
        assert isinstance(llm, Llm)
        settings: Mapping[str, JsonValue] = llm.strategy.settings
        match key:
            case "models":
                names = [*(model.name for model in llm.models), *self._models]
                return Knob(agent=name, key="model", choices=tuple(dict.fromkeys(names)))
            case "temperature":
                now = llm.models[0].sampling.temperature
                return Knob(agent=name, key="temperature", choices=_first(now, TEMPERATURES))
            case "samples" if llm.strategy.type in ("self_consistency", "best_of"):
                return Knob(
                    agent=name, key="strategy.samples", choices=_first(settings.get("samples"), SAMPLES)
                )
            case "threshold" if llm.strategy.type == "cascade":
                now_at = settings.get("threshold")
                return Knob(agent=name, key="strategy.threshold", choices=_first(now_at, THRESHOLDS))
            case "demos":
                return Knob(agent=name, key="demos", choices=self._demo_choices(name, llm))
        return None

    def _demo_choices(self, name: str, llm: Llm) -> tuple[JsonValue, ...]:
        """The examples of the file, or of the dataset where it has none: all, some, and none of them."""
        demos: list[JsonValue] = [{"inputs": demo.inputs, "output": demo.output} for demo in llm.demos]
        now = list(demos)
        if not demos and not self._optimizing.ensemble.agents[name].depends_on:
            only = self._optimizing.ensemble.outputs == (name,)
            for row in self._train[: DEMOS[-1]]:
                label = row.labels.get(name, row.expected if only else None)
                if label is not None:
                    demos.append({"inputs": row.inputs, "output": as_text(alternatives(label)[0])})
        sizes = [size for size in DEMOS if size <= len(demos)]
        choices: list[JsonValue] = [now or None]
        choices += [demos[:size] or None for size in sizes if (demos[:size] or None) != (now or None)]
        return tuple(choices)


def _first(now: JsonValue, others: Sequence[JsonValue]) -> tuple[JsonValue, ...]:
    return (now, *(value for value in others if value != now))
