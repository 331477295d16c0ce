"""One run of one ensemble: settings, options, journal and plan brought together."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import anyio

from llm_orc.domain.ensemble import Ensemble, RoutingSpec
from llm_orc.domain.events import Observer
from llm_orc.domain.json import JsonObject
from llm_orc.domain.outcome import RunResult
from llm_orc.domain.plan import Planning
from llm_orc.orchestrator.completing import completed, grace_of, router_of
from llm_orc.orchestrator.options import RunOptions, options_json
from llm_orc.orchestrator.recording import Recording
from llm_orc.orchestrator.serving import Strategies
from llm_orc.orchestrator.tracing import Tracings
from llm_orc.orchestrator.treating import Treating
from llm_orc.spec.settings import Settings

if TYPE_CHECKING:
    from llm_orc.run.examples import Examples


@dataclass(frozen=True, slots=True, kw_only=True)
class Watch:
    """Who is told of a run, and what ends it: `interrupt` gently, `cancel` at once."""

    observers: Sequence[Observer] = ()
    interrupt: anyio.Event | None = None
    cancel: anyio.Event | None = None


class Runner:
    """Runs ensembles with what one orchestrator has."""

    def __init__(
        self,
        settings: Callable[[], Settings],
        treating: Treating,
        recording: Recording,
        strategies: Strategies,
        planning: Callable[[Ensemble, RoutingSpec], Planning],
        examples: Callable[[], Examples],
        tracings: Tracings,
    ) -> None:
        self._settings = settings
        self._treating = treating
        self._recording = recording
        self._strategies = strategies
        self._planning = planning
        self._examples = examples
        self._tracings = tracings

    async def run(
        self,
        ensemble: Ensemble,
        inputs: JsonObject,
        options: RunOptions,
        watch: Watch,
        run_id: str | None = None,
    ) -> RunResult:
        """The run's result; `run_id` is that of a recorded run that is taken up. Raises `OrcError`."""
        from llm_orc.orchestrator.bounding import refuse_unbounded
        from llm_orc.plan.task_typing import task_of
        from llm_orc.run.ending import Ending
        from llm_orc.run.run import run_ensemble

        settings = self._settings()
        ensemble = replace(
            completed(ensemble, options.seed, settings.timeout_seconds),
            schedule=options.schedule or ensemble.schedule or settings.schedule,
            concurrency=options.concurrency or ensemble.concurrency or settings.concurrency,
        )
        treatment = self._treating.of(
            ensemble, settings, options.policy, options.budget, self._recording.place(settings)
        )
        refuse_unbounded(ensemble, (treatment.budget, treatment.daily))
        limits = (options.max_seconds, ensemble.timeout_seconds, treatment.budget.seconds)
        ending = Ending(
            interrupt=watch.interrupt,
            cancel=watch.cancel,
            max_seconds=min((each for each in limits if each is not None), default=None),
            grace_seconds=grace_of(settings),
        )
        # Where nothing is to be chosen, planning costs nothing.
        fixed = router_of(ensemble, options.routing) == "fixed"
        planning = None if fixed else self._planning(ensemble, options.routing)
        given = options_json(options)
        async with (
            # First: a trace that can go nowhere must not leave a run behind.
            self._tracings.run(ensemble.name, settings) as (trace, makers),
            await self._recording.begin(ensemble, inputs, given, settings, run_id) as recorder,
        ):
            return await run_ensemble(
                ensemble,
                inputs,
                treatment=treatment,
                strategy_of=self._strategies.of,
                task_of=task_of,
                examples=self._examples(),
                observers=(*watch.observers, *makers),
                ending=ending,
                planning=planning,
                recorder=recorder,
                trace=trace,
            )
