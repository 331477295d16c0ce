"""The composition root: the one module that knows every part, and the verbs of the Python API."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import anyio

from llm_orc.domain.completion import Provider
from llm_orc.domain.ensemble import Ensemble, RoutingSpec, StrategySpec
from llm_orc.domain.events import Event, Observer
from llm_orc.domain.foresight import Foresight
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import RunResult
from llm_orc.domain.plan import Planning, Router
from llm_orc.domain.policy import Budget, Policy
from llm_orc.domain.strategy import Strategy
from llm_orc.errors import OrcError, Unreachable
from llm_orc.orchestrator.options import RunOptions, options_of
from llm_orc.orchestrator.project import Project
from llm_orc.orchestrator.recording import Recording
from llm_orc.orchestrator.resuming import file_of
from llm_orc.orchestrator.running import Runner, Watch
from llm_orc.orchestrator.serving import Providers, Strategies
from llm_orc.orchestrator.tracing import Tracings
from llm_orc.orchestrator.treating import Treating
from llm_orc.registry import ROUTERS, find
from llm_orc.spec.inputs import gather_inputs
from llm_orc.spec.locate import records_path

if TYPE_CHECKING:
    from llm_orc.run.examples import Examples
    from llm_orc.run.journal_reading import Runs
    from llm_orc.run.records import Records

PROBE_SECONDS = 5.0
AS_THE_FILE_SAYS = RoutingSpec()
AS_BEFORE = RunOptions()
NO_POLICY = Policy()
NO_BUDGET = Budget()
UNWATCHED = Watch()


class Orchestrator(Project):
    """Loads and runs the ensembles of one project.

    Use it as an async context manager: leaving it closes connections and unloads models. `providers`
    puts your own in place of the registered ones, by name: `{"ollama": Scripted(["yes"])}`.

    `runs` says whether runs are recorded: a path, in that file; None, if the settings name a file or the
    project has a `.llm-orc` folder; True, always, as on the command line; False, never.
    """

    def __init__(
        self,
        project: Path | str | None = None,
        *,
        providers: Mapping[str, Provider] | None = None,
        flags: Mapping[str, JsonValue] | None = None,
        runs: Path | str | bool | None = None,
    ) -> None:
        super().__init__(
            project, {**(flags or {}), **({"runs": str(runs)} if isinstance(runs, Path | str) else {})}
        )
        self._recording = Recording(self.project, runs)
        self.tracings = Tracings()
        self._providers = Providers(providers or {})
        self._treating = Treating(self._providers)
        self._strategies = Strategies()
        self._examples: Examples | None = None
        self._runner = Runner(
            lambda: self.settings,
            self._treating,
            self._recording,
            self._strategies,
            self._planning,
            lambda: self.worked_examples,
            self.tracings,
        )

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Close every provider that was opened here, and the journal."""
        with anyio.CancelScope(shield=True):
            await self._providers.aclose()
            await self._recording.aclose()
            self._treating.close()
            await self.tracings.aclose()

    @property
    def records(self) -> Records:
        """What the router learned, in the same file as the runs."""
        from llm_orc.run.records import Records

        return Records(self._recording.path(self.settings))

    @property
    def runs(self) -> Runs:
        """What is recorded of runs: where the settings say, in the project, or among the user's data."""
        from llm_orc.run.journal_reading import Runs

        return Runs(self._recording.path(self.settings))

    @property
    def is_recording(self) -> bool:
        """Whether runs are recorded, and can be resumed."""
        return self._recording.place(self.settings) is not None and self.settings.keep_content

    async def invoke(
        self,
        ensemble: Ensemble | str | Path,
        text: str | None = None,
        *,
        variables: Mapping[str, JsonValue] | None = None,
        model: str | None = None,
        seed: int | None = None,
        schedule: Literal["eager", "layered"] | None = None,
        concurrency: int | None = None,
        max_seconds: float | None = None,
        routing: RoutingSpec = AS_THE_FILE_SAYS,
        policy: Policy = NO_POLICY,
        budget: Budget = NO_BUDGET,
        observers: Sequence[Observer] = (),
        interrupt: anyio.Event | None = None,
        cancel: anyio.Event | None = None,
    ) -> RunResult:
        """Run an ensemble on `text` and named inputs.

        What is given here takes the place of what the file says. Setting `interrupt` lets what is under way
        end, and nothing more begin; setting `cancel` ends all of it.

        Raises `OrcError` before anything is run; what fails in the run is in the result.
        """
        if not isinstance(ensemble, Ensemble):
            ensemble = self.load(ensemble, model=model)
        options = RunOptions(
            model=model, seed=seed, schedule=schedule, concurrency=concurrency, max_seconds=max_seconds,
            routing=routing, policy=policy, budget=budget,
        )  # fmt: skip
        watch = Watch(observers=observers, interrupt=interrupt, cancel=cancel)
        return await self.run(ensemble, text, variables or {}, options, watch)

    async def run(
        self,
        ensemble: Ensemble,
        text: str | None,
        variables: Mapping[str, JsonValue],
        options: RunOptions,
        watch: Watch,
    ) -> RunResult:
        """What `invoke` does, with all that may be said about a run in two values."""
        inputs = gather_inputs(ensemble, text, variables)
        return await self._runner.run(ensemble, inputs, options, watch)

    async def resume(
        self,
        run: str,
        *,
        ensemble: Ensemble | None = None,
        options: RunOptions = AS_BEFORE,
        force: bool = False,
        watch: Watch = UNWATCHED,
    ) -> RunResult:
        """Go on with a recorded run (an id, the beginning of one, or `last`): no call that was answered is
        made again.

        `options` change those of before. Raises `UsageFailed` for a run that cannot be taken up, also where
        the file has changed, unless `force`.
        """
        before = self.runs.find(run)
        options = options.over(options_of(before.settings))
        if ensemble is None:
            ensemble = self.load(file_of(before, force=force), model=options.model)
        inputs = gather_inputs(ensemble, None, before.inputs or {})
        return await self._runner.run(ensemble, inputs, options, watch, before.run_id)

    async def plan(
        self,
        ensemble: Ensemble | str | Path,
        text: str | None = None,
        *,
        model: str | None = None,
        routing: RoutingSpec = AS_THE_FILE_SAYS,
        explain: bool = False,
    ) -> Foresight:
        """What a run would do, without asking a model; `explain` adds the first step's formulation.

        Raises `RoutingFailed` where no model can serve an agent.
        """
        from llm_orc.orchestrator.planning import foreseen

        if not isinstance(ensemble, Ensemble):
            ensemble = self.load(ensemble, model=model)
        given = text if text is not None else str(ensemble.default_task or "")
        return await foreseen(
            ensemble, routing, self.fleet, self.provider_of, self.records, given, explain=explain
        )

    def planner(self, model: str) -> Router:
        """The router that has this model plan."""
        chosen = self.model(model)
        router: Router = find("router", "planner", ROUTERS)(chosen, self.provider_of(chosen))
        return router

    @property
    def worked_examples(self) -> Examples:
        """What chooses among worked examples; the vectors of these are kept beside the runs."""
        from llm_orc.run.examples import Examples

        if self._examples is None:
            self._examples = Examples(self.provider_of, records_path(self.project).with_name("embeddings"))
        return self._examples

    def _planning(self, ensemble: Ensemble, routing: RoutingSpec) -> Planning:
        from llm_orc.orchestrator.planning import planning_of

        return planning_of(
            ensemble, routing, self.fleet, self.provider_of, self.records, self._treating.is_down
        )

    @asynccontextmanager
    async def stream(
        self,
        ensemble: Ensemble | str | Path,
        text: str | None = None,
        *,
        variables: Mapping[str, JsonValue] | None = None,
        model: str | None = None,
    ) -> AsyncIterator[AsyncIterator[Event]]:
        """Run an ensemble and iterate over its events; leaving the block early cancels the run.

        The last event is `RunFinished`, which holds the result.
        """
        if not isinstance(ensemble, Ensemble):
            ensemble = self.load(ensemble, model=model)
        # Unbounded on purpose: an observer must not wait, and a run's events fit in memory.
        send, receive = anyio.create_memory_object_stream[Event](math.inf)

        async def run() -> None:
            with send:
                await self.invoke(
                    ensemble, text, variables=variables, model=model, observers=[send.send_nowait]
                )

        # Open until the run has ended: what is cancelled is an event too.
        with receive:
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(run)
                yield receive
                tasks.cancel_scope.cancel()

    def provider_of(self, model: Model) -> Provider:
        """The provider that serves a model: one for each kind, address and key."""
        return self._providers.of(model)

    def strategy_of(self, spec: StrategySpec) -> Strategy:
        """The strategy that an agent asks for: one for each specification."""
        return self._strategies.of(spec)

    async def probe(self, model: Model) -> OrcError | None:
        """Why the model could not be served now; None when it could. Generates nothing."""
        try:
            with anyio.move_on_after(PROBE_SECONDS):
                await self.provider_of(model).check(model)
                return None
        except OrcError as error:
            return error
        return Unreachable(f"no answer within {PROBE_SECONDS:g} s", hint="is the server busy or hanging?")
