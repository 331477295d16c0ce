"""Each event says which piece of work it belongs to, also among many at once and after what was cancelled."""

from __future__ import annotations

import anyio

from llm_orc.domain.cause import Cause
from llm_orc.domain.events import (
    AgentFinished,
    AgentStarted,
    AskFinished,
    AskStarted,
    Event,
    ItemFinished,
    ItemStarted,
    ModelAnswered,
    ModelCalled,
    RunFinished,
    RunStarted,
    StrategyStep,
    Warned,
)
from llm_orc.domain.outcome import NO_USAGE, Answered, Effort, RunResult, Skipped
from llm_orc.domain.span import CURRENT, Trace, carried, to_carry
from llm_orc.domain.usage import Usage
from llm_orc.run.stream import EventStream

STARTED = RunStarted(run_id="r", ensemble="e", layers=(), depends_on={})
RESULT = RunResult(
    run_id="r", ensemble="e", status="succeeded", output=None, agents={}, usage=NO_USAGE, cost_usd=0.0,
    started_at=0.0, duration_s=0.0, trace_id="0",
)  # fmt: skip


def called(agent: str, call: int = 1) -> ModelCalled:
    return ModelCalled(agent=agent, call=call, model="m", n=1)


def answered(agent: str, call: int = 1) -> ModelAnswered:
    return ModelAnswered(
        agent=agent, call=call, model="m", usage=Usage(), cost_usd=0.0, duration_s=0.0, load_seconds=None
    )


def finished(agent: str) -> AgentFinished:
    return AgentFinished(agent=agent, outcome=Answered(output="x", effort=Effort()))


def asked(agent: str, ask: int = 1) -> AskStarted:
    return AskStarted(agent=agent, ask=ask, strategy="vote", model="m", n=1, aside=False)


class Seen:
    """The events of a stream, and what is around each."""

    def __init__(self, trace: Trace | None = None) -> None:
        self.events: list[Event] = []
        self.emit = EventStream([self.events.append], trace=trace)

    def __call__(self, *happenings) -> None:
        for what in happenings:
            self.emit(what)

    def around(self) -> list[str]:
        """Each piece of work that began, with what it began in."""
        names = {event.span: _title(event) for event in self.events[::-1]}
        return [
            f"{event.what.type} {event.what.agent} in {names[event.parent]}"
            for event in self.events
            if event.parent is not None and event.what.type != "run_started"
        ]


def _title(event: Event) -> str:
    return f"{event.what.type} {getattr(event.what, 'agent', '')}"


async def test_what_is_called_belongs_to_the_ask_and_the_ask_to_the_agent():
    seen = Seen()
    seen(STARTED, AgentStarted(agent="a", model="m"), asked("a"), called("a"), answered("a"))
    seen(AskFinished(agent="a", ask=1, error=None), called("a", 2), answered("a", 2), finished("a"))
    assert seen.around() == [
        "agent_started a in run_started ", "ask_started a in agent_started a",
        "model_called a in ask_started a", "model_called a in agent_started a",
    ]  # fmt: skip
    spans = [event.span for event in seen.events]
    assert spans[3] == spans[4]
    assert spans[1] == spans[-1]


async def test_an_agent_that_goes_on_in_the_task_of_another_is_not_part_of_it():
    seen = Seen()
    seen(STARTED)
    for name in ("a", "b"):
        seen(AgentStarted(agent=name, model="m"), called(name))  # never answered
        seen(finished(name))
    assert seen.around() == [
        "agent_started a in run_started ", "model_called a in agent_started a",
        "agent_started b in run_started ", "model_called b in agent_started b",
    ]  # fmt: skip


async def test_a_call_after_one_that_was_cancelled_belongs_to_the_agent():
    seen = Seen()
    seen(STARTED, AgentStarted(agent="a", model="m"), asked("a"), called("a"))
    seen(asked("a", 2), called("a", 2))
    seen(StrategyStep(agent="a", strategy="vote", step="voted", message="", detail={}))
    assert seen.around()[3:] == ["ask_started a in agent_started a", "model_called a in ask_started a"]
    assert seen.events[5].parent == seen.events[4].span
    assert seen.events[4].parent == seen.events[1].span
    assert seen.events[-1].span == seen.events[1].span


async def test_agents_of_the_same_name_within_items_at_once_are_told_apart():
    seen = Seen()
    seen(STARTED, AgentStarted(agent="each", model=None))
    gate = anyio.Event()

    async def item(index: int) -> None:
        seen(ItemStarted(agent="each", index=index, items=3), AgentStarted(agent="each/in", model="m"))
        seen(called("each/in"))
        await gate.wait()
        seen(answered("each/in"), finished("each/in"))
        seen(ItemFinished(agent="each", index=index, items=3, error=None))

    async with anyio.create_task_group() as tasks:
        for index in range(3):
            tasks.start_soon(item, index)
        await anyio.wait_all_tasks_blocked()
        gate.set()
    by_span: dict[str, list[str]] = {}
    for event in seen.events:
        by_span.setdefault(event.span, []).append(event.what.type)
    assert sorted(map(tuple, by_span.values())) == [
        *[("agent_started",)], *[("agent_started", "agent_finished")] * 3,
        *[("item_started", "item_finished")] * 3, *[("model_called", "model_answered")] * 3, ("run_started",),
    ]  # fmt: skip
    assert seen.around().count("agent_started each/in in item_started each") == 3


async def test_what_never_began_has_a_span_of_its_own_within_what_is_around_it():
    seen = Seen()
    skipped = AgentFinished(agent="b", outcome=Skipped(cause=Cause(kind="stopped", message="")))
    seen(STARTED, AgentStarted(agent="a", model="m"), answered("a", 7), finished("a"), skipped)
    assert seen.around() == [
        "agent_started a in run_started ", "model_answered a in agent_started a",
        "agent_finished b in run_started ",
    ]  # fmt: skip


async def test_a_run_leaves_the_context_as_it_was():
    before = CURRENT.get()
    seen = Seen()
    seen(STARTED, Warned(message="w"), RunFinished(result=RESULT))
    assert CURRENT.get() is before
    assert len({event.span for event in seen.events}) == 1


async def test_only_runs_that_are_told_of_are_carried_on():
    Seen()(STARTED, AgentStarted(agent="a", model="m"))
    assert to_carry() == {}
    trace = Trace(trace_id="ab" * 16, sampled=True, told=True, state="v=1")
    seen = Seen(trace)
    seen(STARTED, AgentStarted(agent="a", model="m"))
    told = to_carry()
    assert told == {"traceparent": f"00-{'ab' * 16}-{seen.events[-1].span}-01", "tracestate": "v=1"}
    again = carried({name.upper(): value for name, value in told.items()})
    assert again == Trace(trace_id="ab" * 16, parent=seen.events[-1].span, sampled=True, state="v=1")
    seen(RunFinished(result=RESULT))
