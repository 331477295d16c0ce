"""`optimize`: an ensemble, a dataset and a metric brought together, and the file that comes out."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence, Set
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from pathlib import Path

from llm_orc.domain.edit import Edit, FileChange
from llm_orc.domain.ensemble import Agent, Ensemble, Llm
from llm_orc.domain.json import JsonObject
from llm_orc.domain.outcome import RunResult
from llm_orc.domain.usage import Usage
from llm_orc.errors import InvalidFile, OrcError, RewriteRefused, UsageFailed
from llm_orc.optimize.calls import Calls
from llm_orc.optimize.dataset import Row, Split
from llm_orc.optimize.estimate import ITEMS, Dry, Foreseen, foresee
from llm_orc.optimize.judging import Judge
from llm_orc.optimize.ledger import Ledger
from llm_orc.optimize.meter import Account, Limits, Meter, ProviderOf
from llm_orc.optimize.metrics import Judging, Metric, check_rows, metric_of
from llm_orc.optimize.optimization import Findings, Optimization, Progress
from llm_orc.optimize.prompting import State, state_json, state_of
from llm_orc.optimize.search_plan import Plan
from llm_orc.optimize.stopping import Interrupt
from llm_orc.optimize.trials import Runner, Trials
from llm_orc.orchestrator.completing import completed, has_choice
from llm_orc.orchestrator.evaluating import Candidate, fitted, rows_for
from llm_orc.orchestrator.limits import too_few_calls, unpriced_model
from llm_orc.orchestrator.open_agents import left_alone, open_agents
from llm_orc.orchestrator.orchestrator import AS_THE_FILE_SAYS, Orchestrator
from llm_orc.orchestrator.parting import parted
from llm_orc.orchestrator.rewritable import Original
from llm_orc.orchestrator.viewing import viewed
from llm_orc.plan.task_typing import task_of
from llm_orc.run.budget import cost_of
from llm_orc.run.ending import Ending
from llm_orc.run.render import as_text, demo_prompt
from llm_orc.run.run import run_ensemble
from llm_orc.run.treatment import Treatment
from llm_orc.spec.inputs import gather_inputs
from llm_orc.spec.shipped import shipped

__all__ = ["Optimized", "Optimizing", "parted"]

VERSION = 3
"""Part of every run's name: raised when the same command would search otherwise than before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Optimized:
    """What an optimization came to. `folder` holds its journal and reports, `changes` what the file would
    become; they are empty where there is nothing better. `lessons` are the conversations that went well on
    rows that are not held out, for training weights elsewhere. `usage` is of the calls that were sent.
    `refused` says why the files as they are now cannot be changed so; `changes` are of what they were then.
    """

    ensemble: str
    findings: Findings
    folder: Path
    changes: tuple[FileChange, ...]
    progress: Progress
    usage: Usage
    split: Split
    assigned: Mapping[str, str]
    lessons: tuple[JsonObject, ...]
    refused: OrcError | None = None


class Optimizing:
    """One ensemble, prepared for a search. Raises `OrcError` before anything is spent."""

    def __init__(self, orchestrator: Orchestrator, ensemble: str | Path, agents: Sequence[str] = ()) -> None:
        self.orchestrator = orchestrator
        self.path = orchestrator.locate(ensemble)
        self.ensemble = orchestrator.load(self.path)
        self.original = Original(self.path, orchestrator.fleet)
        found = open_agents(self.ensemble, agents)
        self.agents, self.notes = left_alone(self.ensemble, found, agents)
        self.assigned: dict[str, str] = {}

    def refuse_shipped(self) -> None:
        """Raise `UsageFailed` for a file that comes with the package, and is the same for everyone."""
        if self.path.resolve().is_relative_to(shipped("ensembles").resolve()):
            raise UsageFailed(f"{self.path.name} comes with the package", hint="--output FILE, or --dry-run")

    def rows(self, dataset: Path, expected: str | None = None) -> tuple[Row, ...]:
        """The rows of a file with the inputs that the ensemble takes. Raises as `read_rows` does."""
        rows = rows_for((Candidate(name="", ensemble=self.ensemble),), dataset, expected=expected)
        return tuple(replace(row, inputs=self._inputs(row)) for row in rows)

    def _inputs(self, row: Row) -> JsonObject:
        return gather_inputs(self.ensemble, None, fitted(self.ensemble, row.inputs))

    def folder(self, plan: Plan, parts: Split, metric: str) -> Path:
        """Where this search is kept, made where it is new: the same command finds it again."""
        described = {
            "version": VERSION,
            "file": sha256(self.path.read_bytes()).hexdigest(),
            "prompts": {
                name: [work.system_prompt, work.prompt.source if work.prompt else None]
                for name, agent in self.ensemble.agents.items()
                if isinstance(work := agent.work, Llm)
            },
            "rows": asdict(parts),
            "plan": {**asdict(replace(plan, teacher=None, proposer=None)),
                     "models": [model.name if model else None for model in (plan.teacher, plan.proposer)]},
            "metric": metric,
        }  # fmt: skip
        text = json.dumps(described, sort_keys=True, default=str)
        name = f"{self.path.stem}-{sha256(text.encode()).hexdigest()[:10]}"
        folder = self.orchestrator.project / ".llm-orc" / "optimize" / name
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    async def freeze_models(self) -> None:
        """Choose the models once: else a better prompt and a better model could not be told apart."""
        if not has_choice(self.ensemble):
            return
        foresight = await self.orchestrator.plan(self.ensemble, routing=AS_THE_FILE_SAYS)
        agents = dict(self.ensemble.agents)
        for name, expected in foresight.agents.items():
            work = agents[name].work if name in agents else None
            if isinstance(work, Llm) and len(work.choices) > 1:
                model = next(each for each in work.models if each.name == expected.model)
                agents[name] = replace(agents[name], work=replace(work, models=(model,)))
                self.assigned[name] = model.name
        self.ensemble = replace(self.ensemble, agents=agents)

    async def run(
        self,
        plan: Plan,
        parts: Split,
        metric: str,
        folder: Path,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        told: Callable[[Progress], None] = lambda progress: None,
        interrupt: Interrupt | None = None,
    ) -> Optimized:
        """Search, test, and work out what becomes of the file. Nothing but the folder is written.

        Raises `UsageFailed` or `InvalidFile` for a metric that cannot score the rows.
        """
        with Calls(folder / "calls.db") as calls:
            meter = Meter(self.orchestrator.provider_of, calls, limits, cost_of)
            trials = Trials(self.ready(), self.runner(), viewed, meter, at_once=plan.at_once)
            heard: list[Optimization] = []
            scoring = metric_of(metric, judging=self.judging(trials))
            await check_rows((*parts.train, *parts.validation, *parts.held_out), scoring)
            asked = (trials.ensemble, *((scoring.ensemble,) if isinstance(scoring, Judge) else ()))
            meter.end_if(
                unpriced_model(limits, asked, (plan.teacher, plan.proposer))
                or too_few_calls(limits, self.ensemble, parts)
            )
            ledger = Ledger(trials, scoring, lambda: heard[0].noticed(), plan.accept)
            optimization = Optimization(plan, parts, ledger, folder / "dspy.log", told)
            heard.append(optimization)
            findings = await optimization.run(limits, interrupt)
            changes, refused = self._changes(findings.best)
            return Optimized(
                ensemble=self.ensemble.name,
                findings=findings,
                folder=folder,
                changes=changes,
                refused=refused,
                progress=optimization.progress(),
                usage=meter.usage,
                split=parts,
                assigned=self.assigned,
                lessons=self.lessons(ledger, {row.id for row in (*parts.train, *parts.validation)}),
            )

    def judging(self, trials: Trials) -> Judging:
        """Judges under the limits of the optimization."""

        def of(name: str) -> Metric:
            where, _, agent = name.partition("#")
            judge = completed(self.orchestrator.load(where), None, None)
            return Judge(judge, lambda inputs: trials.aside(judge, inputs), agent)

        return of

    async def estimate(self, plan: Plan, parts: Split, limits: Limits) -> tuple[Foreseen, ...]:
        """What the search would take, without asking a model."""
        ensemble = self.ready()
        per_run = await self.calls_per_run(ensemble)
        return await foresee(ensemble, plan, parts, per_run, cost_of, limits)

    async def calls_per_run(self, ensemble: Ensemble) -> dict[str, int]:
        """How many calls each llm agent makes in one run."""
        return {
            name: await self._calls_of(agent)
            for name, agent in ensemble.agents.items()
            if isinstance(agent.work, Llm)
        }

    async def _calls_of(self, agent: Agent) -> int:
        """How many calls the agent's strategy makes for one answer, of a model that answers nothing."""
        dry, account = Dry(), Account()
        alone = replace(agent, depends_on=(), when=None, fan_out=None, input_key=None)
        llm = agent.work
        assert isinstance(llm, Llm)
        work = replace(llm, prompt=None, output_schema=None, output_format="text", tools=())
        ensemble = Ensemble(name="dry", agents={agent.name: replace(alone, work=work)}, outputs=(agent.name,))
        with Calls(None) as calls:
            meter = Meter(lambda model: dry, calls, Limits(), cost_of)
            await self.runner()(ensemble, {"input": "dry"}, meter.providers(account))
        return account.calls * (ITEMS if agent.fan_out is not None else 1)

    def ready(self) -> Ensemble:
        """The ensemble as `invoke` runs it."""
        settings = self.orchestrator.settings
        ensemble = completed(self.ensemble, None, settings.timeout_seconds)
        return replace(
            ensemble,
            schedule=ensemble.schedule or settings.schedule,
            concurrency=ensemble.concurrency or settings.concurrency,
        )

    def runner(self) -> Runner:
        """What runs one row."""
        strategy_of = self.orchestrator.strategy_of

        async def run(ensemble: Ensemble, inputs: JsonObject, provider_of: ProviderOf) -> RunResult:
            return await run_ensemble(
                ensemble,
                inputs,
                # The meter counts, keeps and repeats calls itself.
                treatment=Treatment(connect=lambda model, policy, caller: provider_of(model)),
                strategy_of=strategy_of,
                task_of=task_of,
                examples=self.orchestrator.worked_examples,
                ending=Ending(max_seconds=ensemble.timeout_seconds),
            )

        return run

    def lessons(self, ledger: Ledger, rows: Set[str]) -> tuple[JsonObject, ...]:
        """What agents were asked and answered where it went well, as OpenAI takes it, without examples."""
        found: list[JsonObject] = []
        for row, ran in ledger.good.items():
            for name, shown in ran.shown.items() if row in rows else ():
                llm = self.ensemble.agents[name].work
                assert isinstance(llm, Llm)
                system = ledger.trials.states[ran.candidate][name].system_prompt
                for values, output in shown:
                    said = [("system", system)] if system else []
                    said += [("user", demo_prompt(llm, values)), ("assistant", as_text(output))]
                    found.append({"messages": [{"role": role, "content": text} for role, text in said]})
        return tuple(found)

    def _changes(self, best: State | None) -> tuple[tuple[FileChange, ...], OrcError | None]:
        """What becomes of the files; where that is refused, what would have become of them, and why."""
        if best is None:
            return (), None
        edits = self._edits(best)
        try:
            return self.original.changes(edits), None
        except (RewriteRefused, InvalidFile) as error:
            with suppress(RewriteRefused, InvalidFile):
                return self.original.kept(edits), error
            return (), error

    def _edits(self, state: State) -> list[Edit]:
        before = state_json(state_of(self.ensemble, self.agents))
        edits: list[Edit] = []
        for name, after in state_json(state).items():
            for key in ("system_prompt", "demos"):
                value = after[key]
                if value != before[name][key]:
                    edits.append(Edit(agent=name, key=key, value=value or (None if key == "demos" else "")))
        return edits
