"""Ensembles over rows: what is scored, what fails, what ends it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import anyio
import pytest

from llm_orc import Orchestrator
from llm_orc.domain.completion import Request
from llm_orc.domain.ensemble import Agent, Ensemble, Llm
from llm_orc.domain.model import Model
from llm_orc.domain.outcome import RunResult
from llm_orc.domain.usage import Usage
from llm_orc.errors import AnswerRejected, ServerFailed, UsageFailed
from llm_orc.optimize.dataset import Row
from llm_orc.optimize.evaluation import Invoke, evaluate, race
from llm_orc.optimize.judging import Judge, judge_inputs, verdict
from llm_orc.optimize.metrics import metric_of
from llm_orc.optimize.stopping import Interrupt
from llm_orc.providers.scripted import Reply, Scripted

from .cases import row

pytestmark = pytest.mark.anyio
EXACT = metric_of("exact")


def ensemble(*names: str) -> Ensemble:
    """A chain of agents that each see what the one before said."""
    model = Model(name="m", provider="scripted", wire_name="m")
    agents = {
        name: Agent(
            name=name, work=Llm(models=(model,)), depends_on=names[place - 1 : place] if place else ()
        )
        for place, name in enumerate(names)
    }
    return Ensemble(name="e", agents=agents, outputs=names[-1:])


def running(answer: Callable[[Request], Reply], *names: str) -> tuple[Orchestrator, Invoke]:
    """What runs a chain of agents whose model answers so."""
    orchestrator = Orchestrator(providers={"scripted": Scripted(answer)}, runs=False)
    chain = ensemble(*(names or ("a",)))

    async def invoke(each: Row) -> RunResult:
        return await orchestrator.invoke(chain, variables=each.inputs)

    return orchestrator, invoke


def asked(request: Request) -> str:
    return request.messages[-1].content


async def test_rows_are_scored_in_their_order_with_what_they_took():
    orchestrator, invoke = running(lambda request: "yes indeed" if asked(request) == "b" else "no")
    async with orchestrator:
        found = await evaluate("e", [row(n, "no") for n in "abc"], invoke, EXACT)
    assert [(r.row.id, r.output, r.score) for r in found.rows] == [
        ("a", "no", 1.0), ("b", "yes indeed", 0.0), ("c", "no", 1.0),
    ]  # fmt: skip
    assert found.rows[1].feedback == "expected 'no', got 'yes indeed'"
    assert found.usage == Usage(input_tokens=3, output_tokens=4)
    assert (found.failed, found.asked) == ((), 3)


async def test_a_row_that_fails_counts_nothing_and_the_rest_goes_on():
    orchestrator, invoke = running(lambda r: ServerFailed("it broke") if asked(r) == "b" else "no")
    async with orchestrator:
        found = await evaluate("e", [row(n, "no") for n in "abc"], invoke, EXACT)
    assert found.scores == (1.0, 0.0, 1.0)
    (failed,) = found.failed
    assert failed.error is not None
    assert (failed.row.id, failed.error.message, failed.error.kind) == (
        "b",
        "agent 'a': it broke",
        "server_failed",
    )


async def test_an_output_that_cannot_be_scored_is_a_failed_row(tmp_path):
    (tmp_path / "m.py").write_text("def f(row, output):\n    return 1 if row.id == 'a' else 7\n")
    orchestrator, invoke = running(lambda request: "no")
    async with orchestrator:
        found = await evaluate("e", [row("a"), row("b")], invoke, metric_of("m.py:f", folder=tmp_path))
    message = f"m.py:f ({tmp_path / 'm.py'}:1) gave no score: 7"
    assert [r.error and r.error.message for r in found.rows] == [None, message]
    assert found.rows[1].output == "no"


async def test_agents_with_labels_are_scored_too():
    answers = {"solver": "4", "judge": "fine"}
    orchestrator, invoke = running(lambda r: "4" if asked(r) == "q" else "fine", *answers)
    async with orchestrator:
        found = await evaluate("e", [row("q", "fine", solver="5", nobody="x")], invoke, EXACT)
    assert found.rows[0].score == 1.0
    assert {name: scored.score for name, scored in found.rows[0].agents.items()} == {"solver": 0.0}


async def test_no_more_rows_are_in_flight_than_allowed():
    now, most = 0, 0

    async def answer(request: Request) -> str:
        nonlocal now, most
        now += 1
        most = max(most, now)
        await anyio.lowlevel.checkpoint()
        await anyio.lowlevel.checkpoint()
        now -= 1
        return "no"

    orchestrator, invoke = running(answer)
    async with orchestrator:
        await evaluate("e", [row(str(n), "no") for n in range(12)], invoke, EXACT, at_once=3)
    assert most == 3


async def test_an_interrupt_keeps_what_is_finished():
    interrupt = Interrupt()

    async def answer(request: Request) -> str:
        if asked(request) != "a":
            await anyio.sleep_forever()
        return "no"

    orchestrator, invoke = running(answer)
    async with orchestrator:
        found = await evaluate(
            "e", [row(n, "no") for n in "abc"], invoke, EXACT,
            told=lambda done: interrupt.asked.set(), interrupt=interrupt,
        )  # fmt: skip
    assert ([r.row.id for r in found.rows], found.asked) == (["a"], 3)


async def test_wrong_usage_ends_it_at_once():
    orchestrator, invoke = running(lambda request: "no")
    wrong = Row(id="w", inputs={"nothing": "x"}, expected="no")
    async with orchestrator:
        with pytest.raises(UsageFailed, match="has no input 'nothing'"):
            await evaluate("e", [wrong], invoke, EXACT)


async def test_a_race_ends_when_it_is_known_who_is_better():
    orchestrator, always = running(lambda request: "right")
    other, never = running(lambda request: "wrong")
    rows = [row(str(n), "right") for n in range(100)]
    async with orchestrator, other:
        one, two, betting = await race(("one", never), ("two", always), rows, EXACT, at_once=4)
    assert betting.verdict == "better"
    assert len(one.rows) == len(two.rows) == betting.rows < 20
    assert [r.row.id for r in one.rows] == [r.id for r in rows[: betting.rows]]


async def test_a_race_counts_rows_in_their_order_whoever_answers_first():
    first_is_asked = anyio.Event()

    async def answer(request: Request) -> str:
        if asked(request) == "0":
            await first_is_asked.wait()
        else:
            first_is_asked.set()
        return "right"

    orchestrator, slow = running(answer)
    async with orchestrator:
        one, _, betting = await race(
            ("one", slow), ("two", slow), [row(str(n), "right") for n in range(6)], EXACT, at_once=2
        )
    assert [r.row.id for r in one.rows] == ["0", "1", "2", "3", "4", "5"]
    assert (betting.verdict, betting.mean) == ("", 0.0)


async def test_a_race_of_equals_ends_within_the_tolerance():
    orchestrator, same = running(lambda request: "right")
    rows = [row(str(n), "right") for n in range(300)]
    async with orchestrator:
        _, _, betting = await race(("one", same), ("two", same), rows, EXACT, tolerance=0.2)
    assert betting.within(0.2)
    assert betting.rows < 300


JUDGE = Ensemble(
    name="j",
    agents=ensemble("a").agents,
    outputs=("a",),
    inputs={"question": {"type": "string"}, "output": {"type": "string"}, "expected": {"type": "string"}},
)


def test_a_judge_is_given_what_it_names():
    asks = Row(id="r", inputs={"question": "2+2?", "note": "easy"}, expected=4)
    assert judge_inputs(JUDGE, asks, {"n": 4}) == {
        "question": "2+2?", "output": '{\n  "n": 4\n}', "expected": "4",
    }  # fmt: skip


def test_a_judge_without_inputs_of_its_own_is_given_one_text():
    found = judge_inputs(ensemble("a"), row("2+2?", 4), "four")
    assert found == {"input": "Input:\n2+2?\n\nOutput:\nfour\n\nExpected:\n4"}


@pytest.mark.parametrize(
    ("said", "score"),
    [
        ("0.7", 0.7), ("Score: 4/5", 0.8), ("80%", 0.8), ("Yes.", 1.0), ("No, it is wrong.", 0.0),
        (True, 1.0), ("Two faults. **Verdict:** fail", 0.0),
        ("It is fine.\nThe answer is 0.5.", 0.5), ('{"score": 0.25, "feedback": "short"}', 0.25),
        ({"score": 1, "reason": ""}, 1.0), (0, 0.0),
    ],
)  # fmt: skip
def test_what_a_judge_says_is_read(said, score):
    assert verdict(said).score == score


@pytest.mark.parametrize("said", ["maybe", "7", "", "-1", {"points": 1}, {"score": "good"}, [], "3 km"])
def test_what_a_judge_says_that_is_no_score_is_an_error(said):
    with pytest.raises(AnswerRejected, match="the judge gave no score"):
        verdict(said)


def judged_by(answer: Callable[[Request], Reply], *names: str, agent: str = "") -> tuple[Orchestrator, Judge]:
    orchestrator = Orchestrator(providers={"scripted": Scripted(answer)}, runs=False)
    chain = ensemble(*(names or ("a",)))

    async def ask(inputs: Any) -> RunResult:
        return await orchestrator.invoke(chain, variables=inputs)

    return orchestrator, Judge(chain, ask, agent)


async def test_what_a_judge_takes_counts_with_the_row():
    orchestrator, judge = judged_by(lambda request: '{"score": 0.5, "feedback": "half"}')
    async with orchestrator:
        found = await judge(row("q", "a"), "b")
    assert (found.score, found.feedback) == (0.5, "half")
    assert found.usage == Usage(input_tokens=6, output_tokens=4)


async def test_one_agent_of_a_judge_can_be_the_one_that_counts():
    orchestrator, judge = judged_by(lambda r: "no" if "Input" in asked(r) else "yes", "x", "y", agent="x")
    async with orchestrator:
        assert (await judge(row("q"), "b")).score == 0.0
    with pytest.raises(UsageFailed, match="the judge 'e' has no agent 'z'"):
        judged_by(lambda request: "yes", "x", "y", agent="z")


@pytest.mark.parametrize(
    ("reply", "said"),
    [("hm hm", "the judge gave no score: 'hm hm'"), (ServerFailed("it broke"), "the judge failed: it broke")],
)
async def test_a_judge_that_fails_fails_the_row_and_what_it_took_counts(reply, said):
    one, invoke = running(lambda request: "three words long")
    other, judge = judged_by(lambda request: reply)
    async with one, other:
        found = await evaluate("e", [row("q")], invoke, judge)
    (failed,) = found.failed
    assert failed.error is not None
    assert (failed.error.message, failed.score) == (said, 0.0)
    judged = Usage(input_tokens=6, output_tokens=2) if reply == "hm hm" else Usage()
    assert found.usage == Usage(input_tokens=1, output_tokens=3) + judged
