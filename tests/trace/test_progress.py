"""Lines of progress and the live view, from events that were made up."""

from __future__ import annotations

from rich.console import Console

from llm_orc.domain.completion import Usage
from llm_orc.domain.events import AgentFinished, AgentStarted, Event, RunStarted, ScriptLogged, Warned
from llm_orc.domain.outcome import Answered, Cause, Effort, Failed, Outcome, Skipped
from llm_orc.trace.live import LiveView
from llm_orc.trace.progress import PlainProgress

EFFORT = Effort(model="m", usage=Usage(input_tokens=3, output_tokens=5), cost_usd=0.5, duration_s=1.25)
LOST = Cause(kind="dependency", message="it depends on 'a', which failed")


def lines_of(what, **settings) -> list[str]:
    lines: list[str] = []
    PlainProgress(lines.append, **settings)(Event(1, 0.0, what))
    return lines


def test_an_answer_is_shown_with_what_it_took():
    outcome = Answered(output="forty\ntwo", effort=EFFORT)
    assert lines_of(AgentFinished(agent="a", outcome=outcome)) == [
        "✓ a  m  3+5 tokens  $0.5000  1.25 s",
        "    forty two",
    ]


def test_a_failure_and_a_skipped_agent_say_why():
    failed = Failed(
        cause=Cause(kind="server_failed", message="no\x1b[31mmemory"), effort=Effort(duration_s=1)
    )
    assert lines_of(AgentFinished(agent="a", outcome=failed)) == ["✗ a  1.00 s", "    nomemory"]
    skipped = Skipped(cause=LOST)
    assert lines_of(AgentFinished(agent="b", outcome=skipped)) == [f"– b  skipped: {LOST.message}"]


def test_a_long_answer_is_cut():
    outcome = Answered(output="x" * 500, effort=EFFORT)
    assert lines_of(AgentFinished(agent="a", outcome=outcome), width=10)[1] == "    xxxxxxxxx…"


def test_a_warning_is_always_shown_and_details_only_on_request():
    assert lines_of(Warned(message="care\x07ful")) == ["warning: careful"]
    assert lines_of(AgentStarted(agent="a", model=None)) == []
    assert lines_of(AgentStarted(agent="a", model=None), verbose=True) == ["· a starts"]
    assert lines_of(ScriptLogged(agent="a", text="1\n2"), verbose=True) == ["· a: 1\n· a: 2"]


def shown(width: int, ended: dict[str, Outcome]) -> list[str]:
    """What the live view draws of two layers."""
    view = LiveView()
    layers = (tuple(f"a{number}" for number in range(9)), ("last",))
    view(Event(1, 0.0, RunStarted(run_id="r", ensemble="e", layers=layers, depends_on={"last": layers[0]})))
    for number, (name, outcome) in enumerate(ended.items(), 2):
        view(Event(number, 0.0, AgentStarted(agent=name, model="m")))
        view(Event(number, 0.0, AgentFinished(agent=name, outcome=outcome)))
    console = Console(width=width, height=6)
    with console.capture() as captured:
        console.print(view)
    return captured.get().splitlines()


def test_agents_that_do_not_fit_are_counted_by_layer():
    ended = {"a0": Answered(output="x", effort=EFFORT), "a1": Failed(cause=LOST, effort=EFFORT)}
    _, first, second = shown(60, ended)
    assert first.split() == ["1", "9", "agents", "1✓", "1✗"]
    assert second.split() == ["2", "1", "agent"]
