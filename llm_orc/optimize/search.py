"""The search: DSPy's optimizers in a thread of their own, over the runs of the event loop."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
import anyio.to_thread
from anyio.from_thread import BlockingPortal

from llm_orc.domain.text import as_text
from llm_orc.errors import UsageFailed
from llm_orc.optimize.dataset import Row, Split
from llm_orc.optimize.ledger import Ledger
from llm_orc.optimize.meter import Stopped
from llm_orc.optimize.metrics import Scored, alternatives
from llm_orc.optimize.prompting import State, fingerprint, state_of
from llm_orc.optimize.search_plan import Plan
from llm_orc.optimize.slots import Layout, layout_of

if TYPE_CHECKING:
    from llm_orc.optimize.optimizers import Making

ROUNDS = 3
"""How often `alternating` goes through the agents as long as it helps."""
RACED = 5
"""Candidates that are tried on every validation row in the end."""


class Search:
    """One search over one ensemble. `notes` says what did not work."""

    def __init__(self, plan: Plan, ledger: Ledger, split: Split, log: Path) -> None:
        self.notes: list[str] = []
        self.phase = ""
        self.origin = state_of(ledger.trials.ensemble, plan.agents)
        self._plan = plan
        self._ledger = ledger
        self._split = split
        self._log = log
        self._portal = BlockingPortal()

    async def run(self) -> None:
        """Try candidates until the optimizers are through, or nothing more may be sent.

        What was tried is in the ledger.
        """
        async with self._portal as portal:
            try:
                await anyio.to_thread.run_sync(self._in_thread, portal)
            finally:
                await portal.stop()

    def _in_thread(self, portal: BlockingPortal) -> None:
        from llm_orc.optimize.program import MEMBERS, StopOptimization

        layout = layout_of(self._ledger.trials.ensemble, self._plan.agents, MEMBERS)
        with self._log.open("a", encoding="utf-8") as log, _quiet(log):
            try:
                self._climb(layout, portal)
            except StopOptimization:
                return

    def _climb(self, layout: Layout, portal: BlockingPortal) -> None:
        state: State = self.origin
        for turn in _turns(self._plan):
            before = fingerprint(state)
            for open_agents in turn:
                self._try_alone(state, open_agents, portal)
                for name in self._plan.chain:
                    self.phase = name if len(turn) == 1 else f"{name} of {', '.join(open_agents)}"
                    state = self._better(state, self._step(name, layout, state, open_agents, portal), portal)
            if fingerprint(state) == before:
                return

    def _try_alone(self, state: State, open_agents: Collection[str], portal: BlockingPortal) -> None:
        """Try each of the user's instructions as it is: an optimizer may join them with examples only."""
        from llm_orc.optimize.program import in_loop

        self.phase = "instructions"
        for agent in open_agents:
            for text in (self._plan.instructions or {}).get(agent, ()):
                changed = {**state, agent: replace(state[agent], system_prompt=text)}
                in_loop(portal, self.mean, changed)

    def _step(
        self, name: str, layout: Layout, state: State, open_agents: Collection[str], portal: BlockingPortal
    ) -> State:
        """What one optimizer makes of a state."""
        from llm_orc.optimize import optimizers
        from llm_orc.optimize.program import program_of
        from llm_orc.optimize.proposing import Proposer, Silent, language_model

        plan, meter = self._plan, self._ledger.trials.meter
        engine: Any = Silent() if plan.proposer is None else Proposer(plan.proposer, meter, portal)
        lm = language_model("agents", engine)
        making = self._making(layout, portal, lm, engine)
        student = program_of(layout, state, open_agents, self._ledger.trials, portal, plan.instructions or {})
        try:
            with optimizers.context(lm, plan.at_once):
                found: State = optimizers.OPTIMIZERS[name](making, student).state()
                return self._ledger.trials.as_loaded(found)
        except Exception as error:
            self.notes.append(
                f"{name} ended early: {type(error).__name__}: {' '.join(str(error).split())[:200]}"
            )
            logging.getLogger("dspy").exception("%s ended early", name)
            return state

    def _making(self, layout: Layout, portal: BlockingPortal, lm: Any, engine: Any) -> Making:  # noqa: ANN401
        import dspy

        from llm_orc.optimize.optimizers import Making
        from llm_orc.optimize.program import in_loop
        from llm_orc.optimize.proposing import language_model

        plan = self._plan

        def scored(example: Any, prediction: Any) -> Scored:  # noqa: ANN401
            ran = getattr(prediction, "_ran", None)
            if ran is None:
                return Scored(0.0, "there is no output")
            return in_loop(portal, self._ledger.score, example._row, ran)

        def metric(example: Any, prediction: Any, trace: Any = None) -> float:  # noqa: ANN401
            return scored(example, prediction).score

        def reflects(gold: Any, pred: Any, trace: Any = None, name: Any = None, of: Any = None) -> Any:  # noqa: ANN401
            found = scored(gold, pred)
            return dspy.Prediction(score=found.score, feedback=found.feedback or "This answer is right.")

        by_agent = {slot.agent: slot.attribute for slot in layout.slots}
        teacher = None if plan.teacher is None else {"lm": language_model("teacher", engine, plan.teacher)}
        return Making(
            train=[_example(layout, row) for row in self._split.train],
            validation=[_example(layout, row) for row in self._split.validation],
            metric=metric,
            reflects=reflects,
            accept=plan.accept,
            seed=plan.seed,
            effort=plan.effort,
            threads=plan.at_once,
            demos=plan.demos,
            labeled=plan.labeled,
            proposer=lm if plan.proposer is not None else None,
            teacher=teacher,
            instructions=None if plan.instructions is None else {
                by_agent[agent]: texts for agent, texts in plan.instructions.items() if agent in by_agent
            },
        )  # fmt: skip

    def _better(self, before: State, after: State, portal: BlockingPortal) -> State:
        """The best on the validation rows of the state before, the one after, and what was tried between."""
        from llm_orc.optimize.program import in_loop

        async def compare() -> State:
            candidates = [before, after]
            leader = self._ledger.best(self._split.validation, self._split.train, fingerprint(before))[:1]
            candidates += [self._ledger.trials.states[name] for name in leader]
            means = [await self.mean(state) for state in candidates]
            return candidates[means.index(max(means))]

        return in_loop(portal, compare)

    async def mean(self, state: State) -> float:
        """The mean score on all validation rows. Raises `Stopped`."""
        rows, state = self._split.validation, self._ledger.trials.as_loaded(state)
        await judge_all(self._ledger, state, rows)
        mean = self._ledger.mean(fingerprint(state), rows)
        return 0.0 if mean is None else mean


async def judge_all(ledger: Ledger, state: State, rows: Sequence[Row]) -> None:
    """Try a state on all rows, at once as far as the trials allow. Raises `Stopped`."""
    stopped = False

    async def one(row: Row) -> None:
        nonlocal stopped
        try:
            await ledger.judge(state, row)
        except Stopped:
            stopped = True

    async with anyio.create_task_group() as tasks:
        for row in rows:
            tasks.start_soon(one, row)
    if stopped:
        raise Stopped


def chain_of(text: str, known: Collection[str]) -> tuple[str, ...]:
    """The optimizers of `"bootstrap -> gepa"`. Raises `UsageFailed`."""
    names = tuple(name.strip() for name in text.split("->"))
    if not all(names):
        raise UsageFailed(f"an optimizer is missing in {text!r}", hint='for example "bootstrap -> gepa"')
    for name in names:
        if name not in known:
            weights = {"finetune", "grpo", "bootstrap-finetune"}
            hint = f"known: {', '.join(known if len(names) > 1 else ('auto', *known))}"
            if name in weights:
                hint = "it trains weights, which is done elsewhere; --export-finetune writes what it needs"
            raise UsageFailed(f"unknown optimizer {name!r}", hint=hint)
    return names


def _turns(plan: Plan) -> Iterator[Sequence[Collection[str]]]:
    """Which agents are changed together, turn by turn; a turn that changes nothing is the last."""
    match plan.graph_strategy:
        case "joint":
            yield [plan.agents]
        case "sequential":
            yield [(agent,) for agent in plan.agents]
        case "alternating":
            for _ in range(ROUNDS):
                yield [(agent,) for agent in plan.agents]


def _example(layout: Layout, row: Row) -> Any:  # noqa: ANN401 - a dspy.Example
    """A row as DSPy sees it: inputs, and what agents should answer, each under its field."""
    import dspy

    fields = {field: row.inputs[name] for name, field in layout.inputs.items()}
    labels = {
        layout.outputs[agent]: as_text(label)
        for agent, label in row.labels.items()
        if agent in layout.outputs
    }
    if row.expected is not None:
        answer = as_text(alternatives(row.expected)[0])
        labels.setdefault(layout.answer or "expected", answer)
    example = dspy.Example(**fields, **labels).with_inputs(*fields)
    example._row = row
    return example


@contextmanager
def _quiet(log: Any) -> Iterator[None]:  # noqa: ANN401 - a text file
    """DSPy prints all the way; a terminal is for what the user wants to know."""
    with redirect_stdout(log), redirect_stderr(log):
        yield
