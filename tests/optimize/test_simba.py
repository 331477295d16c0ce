"""Where SIMBA's examples come from: good answers, and the rows' labels where there are none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import dspy
import pytest
from anyio.from_thread import BlockingPortal

from llm_orc import Orchestrator
from llm_orc.domain.completion import Request
from llm_orc.optimize.program import MEMBERS, EnsembleProgram, program_of
from llm_orc.optimize.prompting import state_of
from llm_orc.optimize.simba_examples import Examples
from llm_orc.optimize.slots import layout_of

from .cases import row
from .projects import LABELS, colour_rows, in_project
from .test_search import colours, outcome

pytestmark = pytest.mark.slow

TWO = """\
name: two
agents:
  - name: first
    model: {provider: scripted, name: m}
    demos: [{inputs: {input: a}, output: A}, {inputs: {input: b}, output: B}]
  - {name: last, depends_on: [first], model: {provider: scripted, name: m}, prompt: "{{ first }}"}
"""
HALF = """\
def scored(row, output):
    return 0.5 if output == "grey" else 0.0
"""
ANY = """\
def scored(row, output):
    return 0.0
"""


@pytest.fixture
def two(tmp_path: Path) -> EnsembleProgram:
    """A program that is looked at, not run: its first agent has two examples."""
    ensemble = Orchestrator(tmp_path).load(in_project(tmp_path, TWO, []))
    agents = tuple(ensemble.agents)
    nothing: Any = None
    layout = layout_of(ensemble, agents, MEMBERS)
    portal = BlockingPortal.__new__(BlockingPortal)
    return program_of(layout, state_of(ensemble, agents), agents, nothing, portal)


def examples(train: list[Any], demos: int = 4, labeled: int = 8) -> Examples:
    def metric(example: Any, prediction: Any, trace: Any = None) -> float:
        return float(prediction.right)

    return Examples(train, metric, accept=1.0, demos=demos, labeled=labeled, seed=0)


def of(name: str, **fields: str) -> Any:
    """A row as DSPy sees it."""
    made = dspy.Example(**fields).with_inputs("input")
    made._row = row(name)
    return made


async def test_the_rows_own_labels_teach_where_no_answer_is_ever_right(tmp_path: Path):
    path = in_project(tmp_path, LABELS, colour_rows(90))

    found = await outcome(path, optimizer="simba")

    assert found.findings.verdict == "better", found.findings.notes
    assert found.findings.best is not None
    assert {demo.output for demo in found.findings.best["labeller"].demos} >= {"red", "blue", "green"}


async def test_labels_are_not_shown_where_none_are_wanted(tmp_path: Path):
    path = in_project(tmp_path, LABELS, colour_rows(60))

    found = await outcome(path, optimizer="simba", labeled=0)

    assert found.findings.verdict == "no gain"
    assert found.findings.notes == ()


@pytest.mark.parametrize(("accept", "shown"), [(1.0, False), (0.5, True)])
async def test_an_answer_worth_less_than_asked_for_is_no_example(accept: float, shown: bool, tmp_path: Path):
    path = in_project(tmp_path, LABELS, [{"input": str(number)} for number in range(60)])
    (tmp_path / "half.py").write_text(HALF, encoding="utf-8")
    seen: list[str] = []

    def answers(request: Request) -> str:
        seen.extend(message.role for message in request.messages)
        return "grey" if "7" in request.messages[-1].content else "white"

    metric = f"{tmp_path / 'half.py'}:scored"
    await outcome(path, answers, optimizer="simba", metric=metric, accept=accept)

    assert ("assistant" in seen) == shown


async def test_where_there_is_nothing_to_show_nothing_changes(tmp_path: Path):
    path = in_project(tmp_path, LABELS, [{"input": str(number)} for number in range(60)])
    (tmp_path / "any.py").write_text(ANY, encoding="utf-8")

    found = await outcome(path, optimizer="simba", demos=0, metric=f"{tmp_path / 'any.py'}:scored")

    assert found.findings.verdict == "no gain"
    assert found.findings.notes == ()


def test_only_agents_that_a_row_tells_all_about_are_shown_its_label(two: EnsembleProgram):
    whole, ends = of("c", input="c", first="C", last="c!"), of("d", input="d", last="d!")
    known = examples([whole, ends])
    for missed in (whole, ends):
        known.metric(missed, dspy.Prediction(right=0))

    assert known.a_label([], two)
    assert [demo.output for demo in two.state()["first"].demos] == ["A", "B", "C"]
    assert [demo.output for demo in two.state()["last"].demos] == ["c!"]
    assert examples([ends], demos=0).strategies(two) == []


def test_a_row_that_was_once_answered_well_needs_no_label(two: EnsembleProgram):
    once, never = of("c", input="c", first="C", last="c!"), of("d", input="d", first="D", last="d!")
    known = examples([once, never], demos=0)
    for example, right in ((once, 1), (once, 0), (never, 0)):
        known.metric(example, dspy.Prediction(right=right))

    assert known.a_label([], two)
    assert [demo.output for demo in two.state()["last"].demos] == ["d!"]

    known.metric(never, dspy.Prediction(right=1))
    assert not known.a_label([], two)


@pytest.mark.parametrize(("demos", "labeled", "room"), [(0, 0, 2), (1, 0, 2), (4, 8, 8), (9, 8, 9)])
def test_the_files_own_examples_have_room(demos: int, labeled: int, room: int, two: EnsembleProgram):
    whole = of("c", input="c", first="C", last="c!")
    assert examples([whole], demos, labeled).room(two) == room


async def test_the_same_search_finds_the_same(tmp_path: Path):
    found = []
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        path = in_project(tmp_path / name, LABELS, colour_rows(60))
        found.append((await outcome(path, colours, optimizer="simba")).findings)

    assert found[0].best == found[1].best
    assert found[0].tried == found[1].tried
