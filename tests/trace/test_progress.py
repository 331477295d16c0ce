"""Lines of progress and the live view, from events that were made up."""

from __future__ import annotations

from rich.console import Console

from llm_orc.domain.cause import Cause
from llm_orc.domain.events import (
    AgentFinished,
    AgentStarted,
    Event,
    FellBack,
    Happening,
    ItemFinished,
    RunStarted,
    ScriptLogged,
    Warned,
)
from llm_orc.domain.outcome import Answered, Effort, Failed, Skipped
from llm_orc.domain.usage import Usage
from llm_orc.graph.agent_graph import AgentGraph
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


def test_a_model_that_answers_for_another_is_a_warning():
    what = FellBack(agent="a", model="big", to="small", cause=Cause(kind="server_failed", message="broken"))
    assert lines_of(what) == ["warning: a: small is asked instead of big: broken"]


class Picture:
    """What the live view draws of a graph, in a terminal of six lines."""

    def __init__(self, needs: dict[str, tuple[str, ...]], width: int) -> None:
        self.needs = needs
        self._width = width
        self._view = LiveView()
        layers = AgentGraph(needs).layers
        self.saw(RunStarted(run_id="r", ensemble="e", layers=layers, depends_on=needs))

    def saw(self, *happenings: Happening) -> None:
        for what in happenings:
            self._view(Event(1, 0.0, what))

    def lines(self) -> list[str]:
        console = Console(width=self._width, height=6)
        with console.capture() as captured:
            console.print(self._view)
        return [line.rstrip() for line in captured.get().splitlines()]


def test_agents_that_do_not_fit_are_counted_by_layer():
    many = tuple(f"a{number}" for number in range(9))
    picture = Picture({**dict.fromkeys(many, ()), "last": many}, width=60)
    picture.saw(AgentFinished(agent="a0", outcome=Answered(output="x", effort=EFFORT)))
    picture.saw(AgentFinished(agent="a1", outcome=Failed(cause=LOST, effort=EFFORT)))
    _, first, second = picture.lines()
    assert first.split() == ["1", "9", "agents", "1✓", "1✗"]
    assert second.split() == ["2", "last"]


def test_an_agent_at_work_says_how_far_it_is():
    """What runs within an agent is shown as its doing, and is not counted as an agent."""
    picture = Picture({"many": (), "part": ()}, width=80)
    inner = Answered(output="x", effort=EFFORT)
    for name in ("many", "part"):
        picture.saw(AgentStarted(agent=name, model=None))
    for index in (3, 0):
        picture.saw(ItemFinished(agent="many", index=index, items=5, error=None))
    picture.saw(
        AgentStarted(agent="part/one", model="m"),
        AgentFinished(agent="part/one", outcome=inner),
        AgentStarted(agent="part/two", model="m"),
    )
    head, many, part = picture.lines()
    assert "0/2 agents" in head
    assert (many.split()[-1], part.split()[-1]) == ("2/5", "two")


def test_the_layer_at_work_is_in_view():
    chain = {f"a{number}": (f"a{number - 1}",) if number else () for number in range(20)}
    picture = Picture(chain, width=80)
    for number in range(12):
        picture.saw(AgentFinished(agent=f"a{number}", outcome=Answered(output="x", effort=EFFORT)))
    picture.saw(AgentStarted(agent="a12", model="m"))
    _, *layers = picture.lines()
    assert [line.split()[0] for line in layers] == ["12", "13", "14"]
    assert layers[1].split()[1:] == ["a12", "1", "running", "a12"]


def test_a_narrow_terminal_keeps_marks_layers_and_times():
    picture = Picture({"an-agent-with-a-name-that-is-long": ()}, width=40)
    name = next(iter(picture.needs))
    picture.saw(AgentStarted(agent=name, model="a-model-with-a-long-name"))
    picture.saw(AgentFinished(agent=name, outcome=Answered(output="word " * 50, effort=EFFORT)))
    line = picture.lines()[1]
    assert line.startswith("1  ✓ an-agent")
    assert "1.25 s" in line
    assert len(line) <= 40
