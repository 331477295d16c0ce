"""Answers that are used again, and those that never are."""

from __future__ import annotations

import json
import sqlite3
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from llm_orc import Orchestrator
from llm_orc.domain.completion import Choice, Completion, Message, Request
from llm_orc.domain.model import Model, Sampling
from llm_orc.domain.policy import Policy
from llm_orc.domain.usage import Usage
from llm_orc.providers.scripted import Scripted
from llm_orc.run.answer_cache import AnswerCache, ProjectCache, is_cacheable

MODEL = Model(name="m", provider="p", wire_name="m")
REQUEST = Request(model=MODEL, messages=(Message("user", "hi"),), sampling=Sampling(temperature=0))
ANSWER = Completion(choices=(Choice(text="yes"),), usage=Usage(input_tokens=1, output_tokens=2))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("LLM_ORC_CACHE")
    (tmp_path / ".llm-orc").mkdir()
    price = {"input": 1, "output": 1}
    (tmp_path / ".llm-orc" / "models.yaml").write_text(
        json.dumps(
            {"models": {"m": {"provider": "scripted", "price": price, "supports": ["sampling", "seed"]}}}
        )
    )
    return tmp_path


def ensemble(folder: Path, *agents: dict, **top) -> Path:
    path = folder / "e.yaml"
    path.write_text(json.dumps({"name": "e", **top, "agents": list(agents)}))
    return path


async def run(folder: Path, path: Path, answers=None, **options):
    provider = Scripted(answers)
    events = []
    async with Orchestrator(folder, providers={"scripted": provider}) as orchestrator:
        result = await orchestrator.invoke(path, "hi", observers=[events.append], **options)
    sources = [event.what.source for event in events if event.what.type == "model_answered"]
    return result, len(provider.requests), sources


@pytest.mark.parametrize(
    ("sampling", "sample", "cacheable"),
    [({"temperature": 0}, None, True), ({"temperature": 0.7}, None, False), ({}, None, False),
     ({"temperature": 0.7, "seed": 1}, None, True), ({"temperature": 0.7}, 3, True)],
)  # fmt: skip
def test_what_is_drawn_anew_each_time_is_not_kept(sampling, sample, cacheable):
    assert is_cacheable(replace(REQUEST, sampling=Sampling(**sampling), sample=sample)) is cacheable


async def test_the_next_run_pays_nothing_for_the_same(project):
    path = ensemble(project, {"name": "a", "model": "m", "temperature": 0})
    first, calls, sources = await run(project, path, ["one"])
    assert (calls, sources, first.usage.output_tokens) == (1, ["model"], 1)
    again, calls, sources = await run(project, path, ["two"])
    assert (calls, sources, again.output) == (0, ["cache"], "one")
    assert (again.usage, again.cost_usd) == (Usage(), 0.0)
    assert again.agents["a"].effort.cached


@pytest.mark.parametrize(
    ("top", "own", "options"),
    [({"cache": "off"}, {}, {}), ({}, {"cache": False}, {}), ({}, {}, {"policy": Policy(cache="off")}),
     ({"cache": "run"}, {}, {})],
)  # fmt: skip
async def test_it_can_be_turned_off(project, top, own, options):
    path = ensemble(project, {"name": "a", "model": "m", "temperature": 0, **own}, **top)
    await run(project, path, ["one"], **options)
    again, calls, _ = await run(project, path, ["two"], **options)
    assert (calls, again.output) == (1, "two")


async def test_within_a_run_the_same_is_asked_once(project):
    agents = [{"name": f"a{n}", "model": "m", "temperature": 0} for n in range(20)]
    result, calls, sources = await run(project, ensemble(project, *agents, cache="run"))
    assert (calls, sorted(sources)) == (1, ["cache"] * 19 + ["model"])
    assert len({str(outcome.output) for outcome in result.agents.values()}) == 1


async def test_samples_of_a_vote_are_told_apart(project):
    vote = {"type": "self_consistency", "samples": 3, "temperature": 0.7}
    path = ensemble(project, {"name": "a", "model": "m", "strategy": vote})
    first, calls, _ = await run(project, path, ["1", "2", "2"])
    again, more, sources = await run(project, path)
    assert (calls, more, sources) == (3, 0, ["cache"] * 3)
    assert again.agents["a"].evidence == first.agents["a"].evidence


async def test_content_that_is_not_kept_is_not_cached_either(project):
    (project / ".llm-orc" / "config.yaml").write_text("keep_content: false\n")
    path = ensemble(project, {"name": "a", "model": "m", "temperature": 0})
    await run(project, path, ["one"])
    assert (await run(project, path, ["two"]))[1] == 1
    assert not (project / ".llm-orc" / "cache.db").exists()


async def test_one_of_those_who_ask_at_once_is_sent_and_a_failure_is_not_shared():
    cache = AnswerCache(None, lambda said: None)
    release, asked = anyio.Event(), []

    async def ask():
        asked.append(len(asked))
        await release.wait()
        if len(asked) == 1:
            raise ZeroDivisionError
        return ANSWER

    found = []

    async def one():
        try:
            found.append(await cache.answer(REQUEST, "run", ask))
        except ZeroDivisionError:
            found.append(None)

    async with anyio.create_task_group() as tasks:
        for _ in range(5):
            tasks.start_soon(one)
        while not asked:
            await anyio.lowlevel.checkpoint()
        assert asked == [0]
        release.set()
    assert len(asked) == 2
    assert found.count(None) == 1
    assert sorted(known for each in found if each is not None for known in [each[1]]) == [
        False,
        True,
        True,
        True,
    ]


def put_many(path: Path, count: int, max_bytes: int) -> None:
    cache = ProjectCache(path, max_bytes)
    for number in range(count):
        cache.put(number.to_bytes(32), replace(ANSWER, choices=(Choice(text="x" * 1000),)))
    cache.close()


def kept(path: Path) -> list[int]:
    with sqlite3.connect(path) as database:
        rows = database.execute("SELECT key FROM answers ORDER BY key").fetchall()
    database.close()
    return [int.from_bytes(row[0]) for row in rows]


def test_the_oldest_are_forgotten_when_there_is_no_room(tmp_path):
    put_many(tmp_path / "cache.db", 100, 50_000)
    numbers = kept(tmp_path / "cache.db")
    assert numbers[-1] == 99
    assert numbers == list(range(numbers[0], 100))
    assert 30 <= len(numbers) <= 50


def test_a_damaged_answer_is_none(tmp_path):
    path = tmp_path / "cache.db"
    put_many(path, 2, 10**6)
    with sqlite3.connect(path) as database:
        database.execute(
            "UPDATE answers SET response = replace(response, 'x', 'y') WHERE key = ?", (bytes(32),)
        )
    database.close()
    cache = ProjectCache(path, 10**6)
    assert cache.get(bytes(32)) is None
    assert cache.get((1).to_bytes(32)).text == "x" * 1000
    cache.close()


async def test_a_cache_that_cannot_be_read_is_a_warning(project):
    path = ensemble(project, {"name": "a", "model": "m", "temperature": 0})
    (project / ".llm-orc" / "cache.db").write_text("no database " * 200)
    said = []
    async with Orchestrator(project, providers={"scripted": Scripted(["one"])}) as orchestrator:
        result = await orchestrator.invoke(path, "hi", observers=[lambda event: said.append(event.what)])
    assert result.output == "one"
    assert next(what.message for what in said if what.type == "warned").startswith(
        "answers are not taken from"
    )
