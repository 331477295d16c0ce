"""What was recorded as JSON is the same event again."""

from __future__ import annotations

import json
from typing import get_args

import pytest

from llm_orc.domain.cause import Cause
from llm_orc.domain.completion import Choice, Completion, Request
from llm_orc.domain.events import (
    AgentFinished,
    AgentHeld,
    AgentStarted,
    AnswerRepaired,
    AskFinished,
    AskStarted,
    CallHeld,
    CallQueued,
    CallRetried,
    CallSent,
    CircuitChanged,
    Event,
    FellBack,
    Happening,
    HostThrottled,
    ItemFinished,
    ItemStarted,
    ModelAnswered,
    ModelCalled,
    ModelCancelled,
    ModelFailed,
    Planned,
    RoundFinished,
    RunEnding,
    RunFinished,
    RunStarted,
    ScriptLogged,
    StrategyStep,
    ToolAnswered,
    ToolCalled,
    Warned,
)
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.outcome import Answered, Effort, Failed, RunResult, Skipped
from llm_orc.domain.plan import Assignment, Plan, Route, Weighed
from llm_orc.domain.recorded_events import event_of
from llm_orc.domain.usage import Usage
from llm_orc.domain.wire import event_json
from llm_orc.domain.wording_events import DemosChosen, VariantChosen

MODEL = Model(name="openai/m", provider="openai", wire_name="m", base_url="https://h.example/v1")
CAUSE = Cause(kind="rate_limited", message="too fast", hint="wait")
USAGE = Usage(input_tokens=3, output_tokens=5)
EFFORT = Effort(
    model="m",
    strategy="vote",
    usage=USAGE,
    cost_usd=0.5,
    attempts=2,
    samples=3,
    duration_s=1.5,
    variant="short",
)
ANSWERED = Answered(output="x", effort=EFFORT, confidence=0.5, evidence={"votes": {"4": 2.0}}, replaced=CAUSE)
CACHED = Answered(output="x", effort=Effort(cached=True))
AGENTS = {"a": ANSWERED, "d": CACHED, "b": Failed(cause=CAUSE, effort=EFFORT), "c": Skipped(cause=CAUSE)}
REQUEST = Request(
    model=MODEL, messages=(), sampling=Sampling(temperature=0.5, stop=("end",), seed=1), n=2, schema={}
)
ROUTE = Route(
    assignments={"a": Assignment(agent="a", step=0, model="m", quality=0.5, token_term=0.25)},
    resident=({"m": (0,)},), status="optimal", solver="exact", objective=1.5, solve_ms=0.5,
)  # fmt: skip
HAPPENINGS: tuple[Happening, ...] = (
    RunStarted(run_id="r", ensemble="e", layers=(("a",),), depends_on={"a": ()}, trace_id="0" * 31 + "1"),
    Planned(
        step=1,
        plan=Plan(
            ready=("a",), ahead=(("b",),), route=ROUTE, unloaded=("n",),
            weighed={"a": (Weighed(model="m", quality=0.5, token_term=0.25, refused="is too small"),)},
        ),
    ),
    AgentHeld(agent="a", why="room", models=("m",)),
    AgentStarted(agent="a", model=None),
    VariantChosen(agent="a", variant="short", share=0.5, wording="ab"),
    DemosChosen(agent="a", lines=(3, 1), similarities=(0.5, 0.9), by="words"),
    CallHeld(agent="a", model="openai/m", why="budget"),
    ModelCalled(agent="a", call=1, model="openai/m", n=2, request=REQUEST),
    ModelAnswered(
        agent="a", call=1, model="openai/m", usage=USAGE, cost_usd=None, duration_s=1.5, load_seconds=0.5,
        completion=Completion(choices=(Choice(text=""),), model="m"),
    ),
    ModelFailed(agent="a", call=1, model="m", cause=CAUSE, duration_s=1.0),
    ModelCancelled(agent="a", call=1, model="m", sent=True, duration_s=1.0),
    CallQueued(agent="a", call=1, model="m"),
    CallSent(agent="a", call=1, model="m", queued_s=0.25),
    CallRetried(agent="a", call=1, model="m", cause=CAUSE, attempt=2, wait_s=0.5),
    HostThrottled(host="h", at_once=2, pause_s=1.0),
    CircuitChanged(host="h", state="open"),
    RunEnding(cause=CAUSE, under_way=3),
    VariantChosen(agent="a", variant="short", share=0.5, wording="ab12"),
    DemosChosen(agent="a", lines=(3, 1), similarities=(0.5, 0.75), by="words"),
    ToolCalled(agent="a", call=1, tool="t", arguments={"x": [1]}),
    ToolAnswered(agent="a", call=1, tool="t", output="o", error=CAUSE, duration_s=1.0),
    AskStarted(agent="a", ask=1, strategy="vote", model="m", n=2, aside=True),
    AskFinished(agent="a", ask=1, error=CAUSE),
    StrategyStep(agent="a", strategy="vote", step="voted", message="m", detail={"votes": {"4": 1}}),
    ScriptLogged(agent="a", text="log"),
    *(AgentFinished(agent=name, outcome=outcome) for name, outcome in AGENTS.items()),
    FellBack(agent="a", model="m", to="n", cause=CAUSE),
    AnswerRepaired(agent="a", message="no"),
    ItemStarted(agent="a", index=0, items=2),
    ItemFinished(agent="a", index=0, items=2, error=None),
    RoundFinished(agent="a", round=1, done=True),
    Warned(message="w"),
    RunFinished(
        result=RunResult(
            run_id="r", ensemble="e", status="partial", output={"a": 1}, agents=AGENTS, usage=USAGE,
            cost_usd=0.5,
            started_at=0.0, duration_s=2.5, trace_id="0", ended_by=CAUSE,
        )
    ),
)  # fmt: skip


def test_every_kind_of_event_is_here():
    assert {type(what) for what in HAPPENINGS} == set(get_args(Happening))


@pytest.mark.parametrize("what", HAPPENINGS, ids=lambda what: what.type)
def test_an_event_comes_back(what):
    line = json.loads(json.dumps(event_json(Event(7, 12.5, what, "ab" * 8, "cd" * 8))))
    again = event_of(12.5, line)
    assert again is not None
    assert type(again.what) is type(what)
    # A run's plan is in its own events.
    assert json.loads(json.dumps(event_json(again))) == line


def test_what_was_left_out_is_empty():
    line = {
        "seq": 1, "type": "agent_finished", "agent": "a",
        "outcome": {
            **event_json(Event(1, 0.0, AgentFinished(agent="a", outcome=ANSWERED)))["outcome"],
            "output": None, "evidence": None, "error": {"kind": "refused", "message": None, "hint": None},
        },
    }  # fmt: skip
    event = event_of(0.0, line)
    assert event is not None
    assert isinstance(event.what, AgentFinished)
    assert isinstance(event.what.outcome, Answered)
    assert event.what.outcome.replaced == Cause(kind="refused", message="")
    assert event.what.outcome.evidence == {}


def test_a_kind_from_the_future_is_left_out():
    assert event_of(0.0, {"seq": 1, "type": "moon_landed"}) is None


@pytest.mark.parametrize(
    "line",
    [
        {}, {"seq": 1, "type": "agent_started"}, {"seq": "1", "type": "warned", "message": ""}, {"type": 3},
        {"seq": 1, "type": "planned"}, {"seq": 1, "type": "run_finished", "agents": []},
        {"seq": 1, "type": "agent_finished", "agent": "a", "outcome": {"status": "failed"}},
    ],
)  # fmt: skip
def test_what_is_no_event_is_said(line):
    with pytest.raises(ValueError, match="this is no event"):
        event_of(0.0, line)
