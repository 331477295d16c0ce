"""Every agent ends exactly once, starts only when its dependencies are settled, and no later."""

from __future__ import annotations

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.domain.cause import Cause
from llm_orc.domain.ensemble import Agent, Default, OnFailure, Script, Skip, Stop
from llm_orc.domain.outcome import Answered, Effort, Failed, Outcome, Skipped
from llm_orc.graph.agent_graph import AgentGraph
from llm_orc.run.scheduler import Scheduler
from tests.dags import dags

FAILURE = Failed(cause=Cause(kind="script_failed", message="broken"), effort=Effort())


def agents_of(dag, on_failure: dict[str, OnFailure] | None = None) -> dict[str, Agent]:
    return {
        name: Agent(
            name=name,
            work=Script(command=("true",)),
            depends_on=needs,
            on_failure=(on_failure or {}).get(name, Stop()),
        )
        for name, needs in dag.items()
    }


class Recorder:
    """Executes agents by a rule and remembers what was seen when each began."""

    def __init__(self, rule) -> None:
        self.rule = rule
        self.began: list[str] = []
        self.settled: list[str] = []
        self.seen: dict[str, set[str]] = {}
        self.at_once = self.most_at_once = 0

    async def execute(self, agent, outcomes) -> Outcome:
        self.began.append(agent.name)
        self.seen[agent.name] = set(outcomes)
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        await anyio.lowlevel.checkpoint()
        self.at_once -= 1
        return self.rule(agent, outcomes)

    def note(self, name, outcome) -> None:
        self.settled.append(name)


def answer(agent, outcomes) -> Outcome:
    return Answered(output=agent.name, effort=Effort())


async def drive(dag, recorder, agents=None, **settings) -> Scheduler:
    scheduler = Scheduler(
        AgentGraph(dag), agents or agents_of(dag), recorder.execute, recorder.note, **settings
    )
    await scheduler.drive()
    return scheduler


def reference(dag, failing: set[str], skipping: set[str]) -> dict[str, str]:
    """What becomes of each agent when failures only skip: one at a time, in topological order."""
    ends: dict[str, str] = {}
    while len(ends) < len(dag):
        name = next(n for n in dag if n not in ends and all(need in ends for need in dag[n]))
        if any(ends[need] != "answered" for need in dag[name]):
            ends[name] = "skipped"
        else:
            ends[name] = "failed" if name in failing & skipping else "answered"
    return ends


@given(dags(), st.sampled_from(["eager", "layered"]), st.sampled_from([None, 1, 2]))
def test_every_agent_runs_once_and_after_its_dependencies(dag, schedule, concurrency):
    recorder = Recorder(answer)
    scheduler = anyio.run(lambda: drive(dag, recorder, schedule=schedule, concurrency=concurrency))
    assert sorted(recorder.began) == sorted(dag) == sorted(recorder.settled)
    for name, needs in dag.items():
        assert set(needs) <= recorder.seen[name]
    assert all(isinstance(outcome, Answered) for outcome in scheduler.outcomes.values())
    assert recorder.most_at_once <= (concurrency or len(dag))


@given(dags(), st.sets(st.integers(0, 8)), st.sampled_from(["eager", "layered"]))
def test_failures_that_skip_end_as_a_naive_interpreter_says(dag, broken, schedule):
    failing = {name for name in dag if int(name[1:]) in broken}
    recorder = Recorder(lambda a, o: FAILURE if a.name in failing else answer(a, o))
    agents = agents_of(dag, dict.fromkeys(dag, Skip()))
    scheduler = anyio.run(lambda: drive(dag, recorder, agents, schedule=schedule))
    kinds = {Answered: "answered", Failed: "failed", Skipped: "skipped"}
    ends = {name: kinds[type(outcome)] for name, outcome in scheduler.outcomes.items()}
    assert ends == reference(dag, failing, set(dag))
    assert set(recorder.began) == {name for name, end in ends.items() if end != "skipped"}


@given(dags(), st.integers(0, 8), st.sampled_from(["eager", "layered"]))
def test_after_a_failure_that_stops_nothing_more_is_started(dag, broken, schedule):
    recorder = Recorder(lambda a, o: FAILURE if a.name == f"n{broken}" else answer(a, o))
    scheduler = anyio.run(lambda: drive(dag, recorder, schedule=schedule))
    assert scheduler.outcomes.keys() == dag.keys()
    if f"n{broken}" in dag:
        place = recorder.settled.index(f"n{broken}")
        started_before = {n for n in recorder.began if f"n{broken}" not in recorder.seen[n]}
        assert set(recorder.began) == started_before
        assert isinstance(scheduler.outcomes[recorder.settled[place]], Failed)


async def test_an_agent_starts_while_a_sibling_of_its_dependency_still_works():
    started, release = anyio.Event(), anyio.Event()

    async def execute(agent, outcomes):
        if agent.name == "slow":
            await release.wait()
        if agent.name == "after":
            started.set()
        return answer(agent, outcomes)

    dag = {"quick": (), "slow": (), "after": ("quick",)}
    scheduler = Scheduler(AgentGraph(dag), agents_of(dag), execute, lambda n, o: None)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(scheduler.drive)
        with anyio.fail_after(5):
            await started.wait()
        assert "slow" not in scheduler.outcomes
        release.set()


async def test_layered_waits_for_the_whole_layer():
    recorder = Recorder(answer)
    dag = {"a": (), "b": (), "after": ("a",)}
    await drive(dag, recorder, schedule="layered")
    assert recorder.seen["after"] == {"a", "b"}


async def test_what_was_in_flight_when_the_run_stopped_still_ends():
    dag = {"bad": (), "good": (), "later": ("good",)}
    recorder = Recorder(lambda a, o: FAILURE if a.name == "bad" else answer(a, o))
    outcomes = (await drive(dag, recorder)).outcomes
    assert isinstance(outcomes["good"], Answered)
    assert outcomes["later"] == Skipped(
        cause=Cause(kind="stopped", message="the run stopped because 'bad' failed")
    )


async def test_an_agent_that_waited_for_its_turn_is_not_started_after_a_stop():
    dag = {"bad": (), "waiting": ()}
    recorder = Recorder(lambda a, o: FAILURE)
    await drive(dag, recorder, concurrency=1)
    assert recorder.began == ["bad"]


async def test_a_skipped_agent_names_the_dependency_that_is_missing():
    dag = {"bad": (), "after": ("bad",), "last": ("after",)}
    agents = agents_of(dag, {"bad": Skip(), "after": Default(value=1)})
    outcomes = (await drive(dag, Recorder(lambda a, o: FAILURE), agents)).outcomes
    assert outcomes["after"].cause.message == "it depends on 'bad', which failed"
    assert outcomes["last"].cause.message == "it depends on 'after', which was skipped"


async def test_a_bug_in_an_agent_ends_the_run_as_an_exception():
    def bug(agent, outcomes):
        raise ZeroDivisionError

    with pytest.raises(ExceptionGroup) as caught:
        await drive({"a": ()}, Recorder(bug))
    assert caught.group_contains(ZeroDivisionError)


async def test_a_chain_of_thousands_that_is_skipped_does_not_overflow_the_stack():
    dag = {f"n{i}": (f"n{i - 1}",) if i else () for i in range(5000)}
    agents = agents_of(dag, {"n0": Skip()})
    outcomes = (await drive(dag, Recorder(lambda a, o: FAILURE), agents)).outcomes
    assert isinstance(outcomes["n4999"], Skipped)
