"""The composition root: the one module that knows every part, and the verbs of the Python API."""

from __future__ import annotations

import math
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Literal, Self

import anyio

from llm_orc.domain.completion import Provider
from llm_orc.domain.ensemble import Ensemble, RoutingSpec, StrategySpec
from llm_orc.domain.events import Event, Observer
from llm_orc.domain.foresight import Foresight
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Fleet, Model
from llm_orc.domain.outcome import RunResult
from llm_orc.domain.plan import Planning, Router
from llm_orc.domain.strategy import Strategy
from llm_orc.errors import NotAvailable, OrcError, Problem, Unreachable
from llm_orc.orchestrator.completing import completed, llm_works, priced, router_of, with_one_context
from llm_orc.orchestrator.recording import Recording
from llm_orc.orchestrator.serving import Providers
from llm_orc.orchestrator.tracing import Tracings
from llm_orc.registry import ROUTERS, STRATEGIES, find
from llm_orc.spec.catalogue import check_catalogue, load_fleet, resolve_model
from llm_orc.spec.ensemble_file import check_ensemble, load_ensemble
from llm_orc.spec.inputs import gather_inputs
from llm_orc.spec.locate import find_ensemble, find_project, user_config_dir
from llm_orc.spec.settings import Settings, load_settings

if TYPE_CHECKING:
    from llm_orc.run.journal_reading import Runs
    from llm_orc.run.records import Records

PROBE_SECONDS = 5.0
AS_THE_FILE_SAYS = RoutingSpec()


class Orchestrator:
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
        self.project = find_project(Path.cwd()) if project is None else Path(project)
        self._flags = dict(flags or {})
        if isinstance(runs, Path | str):
            self._flags["runs"] = str(runs)
        self._recording = Recording(self.project, runs)
        self.tracings = Tracings()
        self._providers = Providers(providers or {})
        # With the specification, so that its id stays its own.
        self._strategies: dict[int, tuple[StrategySpec, Strategy]] = {}
        self._settings: Settings | None = None
        self._fleet: Fleet | None = None

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
            await self.tracings.aclose()

    @property
    def settings(self) -> Settings:
        """The project's settings, each with where it came from. Raises `InvalidFile`."""
        if self._settings is None:
            self._settings = load_settings(self.project, user_config_dir(), os.environ, self._flags)
        return self._settings

    @property
    def fleet(self) -> Fleet:
        """The models at hand. Raises `InvalidFile`."""
        if self._fleet is None:
            fleet = load_fleet(self.project, user_config_dir())
            default = self.settings.default_model
            self._fleet = fleet if default is None else replace(fleet, default=default)
        return self._fleet

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

    def locate(self, ensemble: str | Path) -> Path:
        """The file of an ensemble given by path or name. Raises `NotFound` or `UsageFailed`."""
        if isinstance(ensemble, Path):
            return ensemble
        return find_ensemble(ensemble, self.project, user_config_dir(), self.settings.ensembles)

    def load(self, ensemble: str | Path, *, model: str | None = None, need_models: bool = True) -> Ensemble:
        """A checked ensemble. Raises `InvalidFile` with all of its problems. `model` serves every agent.

        Without `need_models` an agent may have no model yet: enough to draw it.
        """
        loaded = load_ensemble(self.locate(ensemble), self.fleet, model, need_models=need_models)
        return with_one_context(priced(loaded), llm_works(loaded))

    def model(self, name: str) -> Model:
        """A model of the fleet, or `provider/name`. Raises `NotFound` or `UsageFailed`."""
        return resolve_model(name, self.fleet, self.project)

    def draw(self, ensemble: Ensemble, form: Literal["text", "mermaid", "dot", "svg", "json"]) -> str:
        """The ensemble's DAG as text for a terminal, a Mermaid flowchart, Graphviz DOT, SVG, or JSON."""
        from llm_orc.graph.draw import draw

        return draw(ensemble, form)

    def check(self, file: Path) -> tuple[Problem, ...]:
        """All that is wrong with a file: an ensemble, or by its name a catalogue or a configuration."""
        if file.stem == "models":
            return check_catalogue(file, "models")
        if file.stem == "config":
            return check_catalogue(file, "config")
        return check_ensemble(file, self.fleet, need_models=False)

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
        observers: Sequence[Observer] = (),
        interrupt: anyio.Event | None = None,
    ) -> RunResult:
        """Run an ensemble on `text` and named inputs; setting `interrupt` ends the run early.

        What `routing` says takes the place of what the file says.

        Raises `OrcError` before anything is run; what fails in the run is in the result.
        """
        from llm_orc.plan.task_typing import task_of
        from llm_orc.run.run import run_ensemble

        if not isinstance(ensemble, Ensemble):
            ensemble = self.load(ensemble, model=model)
        if ensemble.unavailable:
            raise NotAvailable(
                f"{ensemble.name!r} uses what is not available yet: {'; '.join(ensemble.unavailable)}"
            )
        ensemble = completed(ensemble, seed, self.settings.timeout_seconds)
        inputs = gather_inputs(ensemble, text, variables or {})
        schedule = schedule or ensemble.schedule or self.settings.schedule
        concurrency = concurrency or ensemble.concurrency or self.settings.concurrency
        ensemble = replace(ensemble, schedule=schedule, concurrency=concurrency)
        max_seconds = min(filter(None, (max_seconds, ensemble.timeout_seconds)), default=None)
        given: dict[str, JsonValue] = {
            "model": model, "seed": seed, "schedule": schedule, "concurrency": concurrency,
            "max_seconds": max_seconds,
        }  # fmt: skip
        planning = self._planning(ensemble, routing)
        async with (
            self.tracings.run(ensemble.name, self.settings) as (trace, makers),
            await self._recording.begin(ensemble, inputs, given, self.settings) as recorder,
        ):
            return await run_ensemble(
                ensemble,
                inputs,
                provider_of=self.provider_of,
                strategy_of=self.strategy_of,
                task_of=task_of,
                observers=(*observers, *makers),
                interrupt=interrupt,
                max_seconds=max_seconds,
                planning=planning,
                recorder=recorder,
                trace=trace,
            )

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
        from llm_orc.graph.agent_graph import AgentGraph
        from llm_orc.orchestrator.planning import planning_of
        from llm_orc.plan.foresight import foresee

        if not isinstance(ensemble, Ensemble):
            ensemble = self.load(ensemble, model=model)
        graph = AgentGraph({name: agent.depends_on for name, agent in ensemble.agents.items()})
        planned = planning_of(ensemble, routing, self.fleet, self.provider_of, self.records)
        given = text if text is not None else str(ensemble.default_task or "")
        return await foresee(
            ensemble,
            router_of(ensemble, routing),
            graph.layers,
            graph.ahead,
            given,
            planned.as_if(),
            explain=explain,
        )

    def planner(self, model: str) -> Router:
        """The router that has this model plan."""
        chosen = self.model(model)
        router: Router = find("router", "planner", ROUTERS)(chosen, self.provider_of(chosen))
        return router

    def _planning(self, ensemble: Ensemble, routing: RoutingSpec) -> Planning | None:
        """None where nothing is to be chosen, which then costs nothing."""
        if router_of(ensemble, routing) == "fixed":
            return None
        from llm_orc.orchestrator.planning import planning_of

        return planning_of(ensemble, routing, self.fleet, self.provider_of, self.records)

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

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(run)
            with receive:
                yield receive
            tasks.cancel_scope.cancel()

    def provider_of(self, model: Model) -> Provider:
        """The provider that serves a model: one for each kind, address and key."""
        return self._providers.of(model)

    def strategy_of(self, spec: StrategySpec) -> Strategy:
        """The strategy that an agent asks for: one for each specification."""
        made = self._strategies.get(id(spec))
        if made is None:
            parts = {name: self.strategy_of(part) for name, part in spec.parts.items()}
            kind = find("strategy", spec.type, STRATEGIES)
            made = (spec, kind(**spec.settings, **spec.models, **parts, **spec.handed_on))
            self._strategies[id(spec)] = made
        return made[1]

    async def probe(self, model: Model) -> OrcError | None:
        """Why the model could not be served now; None when it could. Generates nothing."""
        try:
            with anyio.move_on_after(PROBE_SECONDS):
                await self.provider_of(model).check(model)
                return None
        except OrcError as error:
            return error
        return Unreachable(f"no answer within {PROBE_SECONDS:g} s", hint="is the server busy or hanging?")
