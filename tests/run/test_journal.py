"""What is recorded of a run, and that it is there when it has to be."""

from __future__ import annotations

import sqlite3
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from llm_orc import Orchestrator
from llm_orc.domain.completion import Choice, Completion, TokenLogprob
from llm_orc.domain.model import Price
from llm_orc.domain.usage import Usage
from llm_orc.domain.wire import event_json, result_json
from llm_orc.errors import JournalFailed, NotFound, Unreachable
from llm_orc.providers.scripted import Scripted
from llm_orc.run.journal_reading import Runs

TWO = """
name: two
agents:
  - {name: first, model: scripted/m}
  - {name: second, model: scripted/m, depends_on: [first], prompt: "{{ first }}!"}
"""
MANY = """
name: many
agents:
  - {name: list, model: scripted/m}
  - name: each
    model: scripted/m
    depends_on: [list]
    fan_out: {over: list}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".llm-orc").mkdir()
    (tmp_path / "ensembles").mkdir()
    (tmp_path / "ensembles" / "two.yaml").write_text(TWO, encoding="utf-8")
    (tmp_path / "ensembles" / "many.yaml").write_text(MANY, encoding="utf-8")
    return tmp_path


def orchestrator_of(project: Path, answers=None, **settings) -> Orchestrator:
    return Orchestrator(project, providers={"scripted": Scripted(answers)}, **settings)


def runs_of(project: Path) -> Runs:
    return Runs(project / ".llm-orc" / "runs.db")


def answered_in(path: Path) -> list[tuple[str, str]]:
    """Agent and text of each recorded answer, read past our own code."""
    with sqlite3.connect(path) as database:
        query = "SELECT agent, response ->> '$.choices[0].text' FROM calls WHERE status = 'answered'"
        found = database.execute(query).fetchall()
    database.close()
    return found


async def test_a_run_is_found_again_with_all_that_happened(project):
    events = []
    async with orchestrator_of(project, ["one", "two"]) as orchestrator:
        result = await orchestrator.invoke("two", "hi", observers=[events.append], seed=7)
        kept = list(orchestrator.runs.events(result.run_id))
        detail = orchestrator.runs.detail(result.run_id[:14])
    assert kept == [event_json(event) for event in events]
    run = detail.run
    assert (run.run_id, run.ensemble, run.status, run.output) == (result.run_id, "two", "succeeded", "two")
    assert (run.text, run.inputs, run.settings["seed"]) == (TWO, {"input": "hi"}, 7)
    assert (run.usage, run.calls, run.attempts, run.trace_id) == (result.usage, 2, 1, result.trace_id)
    assert [(a.agent, a.status, a.model, a.calls) for a in detail.agents] == [
        ("first", "succeeded", "scripted/m", 1),
        ("second", "succeeded", "scripted/m", 1),
    ]


async def test_an_answer_is_on_the_disk_before_anything_is_built_on_it(project):
    seen = []

    def answer(request):
        seen.append(answered_in(project / ".llm-orc" / "runs.db"))
        return "one" if len(seen) == 1 else "two"

    def watch(event):
        if event.what.type == "model_answered":
            seen.append(answered_in(project / ".llm-orc" / "runs.db"))

    async with orchestrator_of(project, answer) as orchestrator:
        await orchestrator.invoke("two", "hi", observers=[watch])
    one, both = [("first", "one")], [("first", "one"), ("second", "two")]
    assert seen == [[], one, one, both]


async def test_a_whole_answer_is_kept(project):
    logprobs = (TokenLogprob("o", -0.5, (("o", -0.5), ("p", -1.5))), TokenLogprob("h", -0.1))
    written = [["o", -0.5, [["o", -0.5], ["p", -1.5]]], ["h", -0.1, []]]
    whole = Completion(
        choices=(Choice(text="oh", logprobs=logprobs), Choice(text="ah \ud83d", finish="length")),
        usage=Usage(input_tokens=3, output_tokens=4), model="m-2", load_seconds=1.5,
    )  # fmt: skip
    async with orchestrator_of(project, [whole]) as orchestrator:
        result = await orchestrator.invoke("two", "hi")
        records = list(orchestrator.runs.export(result.run_id))
    call = next(record for record in records if record["record"] == "call")
    assert call["response"]["choices"] == [
        {"text": "oh", "finish": "stop", "logprobs": written},
        {"text": "ah \ud83d", "finish": "length"},
    ]
    assert call["usage"] == {"input_tokens": 3, "output_tokens": 4}
    assert call["request"]["messages"] == [{"role": "user", "content": "hi"}]


async def test_calls_that_failed_are_kept_with_their_error(project):
    async with orchestrator_of(project, [Unreachable("gone", hint="start it")]) as orchestrator:
        result = await orchestrator.invoke("two", "hi")
        records = list(orchestrator.runs.export("last"))
    calls = [record for record in records if record["record"] == "call"]
    assert [(call["status"], call["response"], call["error"]) for call in calls] == [
        ("failed", None, {"kind": "unreachable", "message": "gone", "hint": "start it"})
    ]
    detail = runs_of(project).detail(result.run_id)
    assert [(a.agent, a.status, a.error.kind) for a in detail.agents] == [
        ("first", "failed", "unreachable"),
        ("second", "skipped", "stopped"),
    ]


async def test_answers_to_the_same_request_are_counted(project):
    async with orchestrator_of(project, ['["x", "x", "y"]', "1", "2", "3"]) as orchestrator:
        await orchestrator.invoke("many", "go")
        records = [r for r in orchestrator.runs.export("last") if r["record"] == "call"]
    each = [(r["number"], r["occurrence"], r["response"]["choices"][0]["text"]) for r in records[1:]]
    assert each == [(1, 0, "1"), (2, 1, "2"), (3, 0, "3")]
    assert len({record["key"] for record in records}) == 3


async def test_runs_at_once_share_a_journal_and_keep_apart(project):
    async with orchestrator_of(project) as orchestrator:
        results = {}

        async def one(number: int) -> None:
            results[number] = await orchestrator.invoke("two", f"text {number}")

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(one, number)
        found = {run.run_id: run for run in orchestrator.runs.newest()}
    assert {found[result.run_id].output for result in results.values()} == {f"text {n}!" for n in range(20)}
    for number, result in results.items():
        run = found[result.run_id]
        assert (run.inputs, run.output, run.calls) == ({"input": f"text {number}"}, f"text {number}!", 2)


async def test_a_run_that_is_cancelled_from_outside_is_interrupted(project):
    asked = anyio.Event()

    async def answer(request):
        if request.messages[-1].content == "hi":
            return "one"
        asked.set()
        await anyio.sleep_forever()

    async with orchestrator_of(project, answer) as orchestrator:
        async with orchestrator.stream("two", "hi") as events:
            async for event in events:
                if event.what.type == "model_called" and event.what.agent == "second":
                    await asked.wait()
                    assert orchestrator.runs.find("last").status == "running"
                    break
        detail = orchestrator.runs.detail("last")
    assert (detail.run.status, detail.run.calls, detail.run.usage) == (
        "interrupted", 2, Usage(input_tokens=1, output_tokens=1),
    )  # fmt: skip
    assert [(a.agent, a.status) for a in detail.agents] == [("first", "succeeded"), ("second", "unfinished")]


async def test_without_content_no_word_of_it_is_kept(project):
    (project / ".llm-orc" / "config.yaml").write_text("keep_content: false\n", encoding="utf-8")
    (project / "ensembles" / "two.yaml").write_text(
        TWO.replace("first", "output").replace("two", "SECRET-NAME"), encoding="utf-8"
    )
    async with orchestrator_of(project, ["OTHER-WORD"]) as orchestrator:
        await orchestrator.invoke("two", "SOME-WORD")
        async with orchestrator_of(project, [Unreachable("OTHER-WORD", hint="OTHER-WORD")]) as failing:
            await failing.invoke("two", "SOME-WORD")
        detail = orchestrator.runs.detail(orchestrator.runs.newest()[1].run_id)
        finished = list(orchestrator.runs.events(detail.run.run_id))[-1]
    written = b"".join(path.read_bytes() for path in (project / ".llm-orc").glob("runs.db*"))
    assert b"SECRET-NAME" in written
    assert b"-WORD" not in written
    assert (detail.run.inputs, detail.run.output, detail.run.text) == (None, None, None)
    assert [(a.agent, a.status, a.usage.output_tokens) for a in detail.agents] == [
        ("output", "succeeded", 1), ("second", "succeeded", 1),
    ]  # fmt: skip
    assert finished["agents"]["output"]["status"] == "succeeded"


@pytest.mark.parametrize(("made", "runs", "there"), [
    (True, None, True), (True, False, False), (False, None, False), (False, True, True),
])  # fmt: skip
async def test_a_program_records_where_the_project_has_a_place_for_it(
    tmp_path, monkeypatch, made, runs, there
):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    if made:
        (tmp_path / ".llm-orc").mkdir()
    path = tmp_path / "e.yaml"
    path.write_text(TWO, encoding="utf-8")
    async with orchestrator_of(tmp_path, runs=runs) as orchestrator:
        await orchestrator.invoke(path, "hi")
    places = [tmp_path / ".llm-orc" / "runs.db", tmp_path / "data" / "llm-orc" / "runs.db"]
    assert [place.exists() for place in places] == [there and made, there and not made]


async def test_a_program_may_say_where_runs_are_recorded(project):
    async with orchestrator_of(project, runs=project / "deep" / "mine.db") as orchestrator:
        result = await orchestrator.invoke("two", "hi")
        assert orchestrator.runs.find("last").run_id == result.run_id
    assert not runs_of(project).path.exists()
    assert (project / "deep" / "mine.db").stat().st_mode & 0o777 == 0o600
    assert list((project / "deep").iterdir()) == [project / "deep" / "mine.db"]


async def test_an_ensemble_that_was_made_in_python_is_recorded_too(project):
    async with orchestrator_of(project) as orchestrator:
        made = replace(orchestrator.load("two"), source="")
        await orchestrator.invoke(made, "hi")
        run = orchestrator.runs.find("last")
    assert (run.source, run.text, run.output) == ("", "", "hi!")


async def test_what_is_known_is_what_the_result_says(project):
    async with orchestrator_of(project) as orchestrator:
        result = await orchestrator.invoke("two", "hi")
        finished = list(orchestrator.runs.events("last", "run_finished"))
    assert [{key: line[key] for key in result_json(result)} for line in finished] == [result_json(result)]


async def test_a_journal_that_could_not_be_used_is_tried_again_by_the_next_run(project):
    path = project / "runs.db"
    path.mkdir()
    async with orchestrator_of(project, runs=path) as orchestrator:
        with pytest.raises(JournalFailed, match="the journal of runs"):
            await orchestrator.invoke("two", "hi")
        path.rmdir()
        await orchestrator.invoke("two", "hi")
        assert orchestrator.runs.find("last").status == "succeeded"


async def test_the_price_of_what_was_spent_until_a_run_was_cut_short_is_known_or_unknown(project):
    price = Price(input_per_million=1e6, output_per_million=1e6)

    async def answer(request):
        if request.messages[-1].content == "hi":
            return "one"
        await anyio.sleep_forever()

    for known, cost in ((price, 2.0), (None, None)):
        async with orchestrator_of(project, answer) as orchestrator:
            made = orchestrator.load("two")
            agents = {}
            for name, agent in made.agents.items():
                models = tuple(replace(model, price=known) for model in agent.work.models)
                agents[name] = replace(agent, work=replace(agent.work, models=models))
            made = replace(made, agents=agents)
            with anyio.move_on_after(10):
                async with orchestrator.stream(made, "hi") as events:
                    async for event in events:
                        if event.what.type == "agent_started" and event.what.agent == "second":
                            break
            assert orchestrator.runs.find("last").cost_usd == cost


def test_an_unknown_run_is_answered_with_the_last_ones(project):
    with pytest.raises(NotFound, match="no runs are recorded"):
        runs_of(project).find("last")
    assert runs_of(project).newest() == []


async def test_the_beginning_of_an_id_must_be_of_one_run_only(project):
    async with orchestrator_of(project) as orchestrator:
        ids = [(await orchestrator.invoke("two", "hi")).run_id for _ in range(2)]
        runs = orchestrator.runs
        assert [runs.find(each).run_id for each in ids] == ids
        for wanted, said in (
            (ids[0][:4], "more than one run"),
            ("zz", "no run"),
            ("", "run"),
        ):
            with pytest.raises(NotFound, match=f"{said} begins") as caught:
                runs.find(wanted)
            assert ids[1] in caught.value.hint
