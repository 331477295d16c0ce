"""What runs cost, and what was not paid for, is what the journal says."""

from __future__ import annotations

import json
from pathlib import Path
from time import time

import pytest

from llm_orc import Orchestrator
from llm_orc.domain.completion import Choice, Completion, TokenLogprob
from llm_orc.domain.spending import costs_json
from llm_orc.domain.usage import Usage
from llm_orc.errors import Unreachable
from llm_orc.providers.scripted import Scripted
from llm_orc.run.journal_reading import Runs

# A call with 100 tokens in and 10 out costs $0.0002, $0.002, and nobody knows.
MODELS = """\
default: cheap
models:
  cheap: {provider: scripted, price: {input: 1, output: 10}, supports: [sampling, logprobs]}
  dear: {provider: scripted, price: {input: 10, output: 100}, supports: [sampling, logprobs]}
  unpriced: {provider: scripted, supports: [sampling, logprobs]}
"""
CHEAP, DEAR = 0.0002, 0.002


def reply(text: str, logprob: float = 0.0) -> Completion:
    tokens = (TokenLogprob(token=text, logprob=logprob),)
    usage = Usage(input_tokens=100, output_tokens=10)
    return Completion(choices=(Choice(text=text, logprobs=tokens),), usage=usage)


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".llm-orc").mkdir()
    (tmp_path / ".llm-orc" / "models.yaml").write_text(MODELS, encoding="utf-8")
    return tmp_path


async def run(project: Path, *agents: dict, answer=lambda request: reply("yes"), name: str = "e") -> None:
    (project / f"{name}.yaml").write_text(json.dumps({"name": name, "agents": agents}), encoding="utf-8")
    async with Orchestrator(project, providers={"scripted": Scripted(answer)}) as orchestrator:
        await orchestrator.invoke(project / f"{name}.yaml", "hi")


def costs(project: Path, *by: str, **chosen):
    return Runs(project / ".llm-orc" / "runs.db").costs(by or ("model",), **chosen)


def saved(project: Path, way: str, **chosen) -> tuple[int, float, int]:
    (found,) = (each for each in costs(project, **chosen).saved if each.way == way)
    return found.count, pytest.approx(found.cost_usd), found.unknown


async def test_what_was_spent_is_summed_over_what_is_asked_for(project):
    await run(project, {"name": "a"}, {"name": "b", "model": "dear"}, name="one")
    await run(project, {"name": "a"}, {"name": "c", "strategy": "chain_of_thought"}, name="two")
    found = costs(project, "model")
    assert [(row.keys, row.runs, row.calls) for row in found.rows] == [(("dear",), 1, 1), (("cheap",), 2, 3)]
    assert [row.cost_usd for row in found.rows] == [pytest.approx(DEAR), pytest.approx(3 * CHEAP)]
    assert (found.total.runs, found.total.calls) == (2, 4)
    assert found.total.usage == Usage(input_tokens=400, output_tokens=40)
    by_two = costs(project, "ensemble", "agent")
    assert [row.keys for row in by_two.rows] == [("one", "b"), ("one", "a"), ("two", "a"), ("two", "c")]
    assert {row.keys[0] for row in costs(project, "strategy").rows} == {"single", "chain_of_thought"}
    assert len(costs(project, "run").rows) == 2
    assert len(costs(project, "day").rows) in (1, 2)
    assert costs(project, ensemble="two").total.calls == 2
    assert costs(project, since=time() + 60).total.calls == 0


async def test_an_unknown_price_is_counted_and_not_taken_for_nothing(project):
    await run(project, {"name": "a"}, {"name": "b", "model": "unpriced"})
    by_model = {row.keys[0]: row for row in costs(project).rows}
    assert (by_model["unpriced"].cost_usd, by_model["unpriced"].unpriced) == (None, 1)
    total = costs(project).total
    assert (total.cost_usd, total.unpriced) == (pytest.approx(CHEAP), 1)


async def test_calls_that_failed_are_counted_apart(project):
    await run(project, {"name": "a"}, answer=[Unreachable("gone")])
    (row,) = costs(project).rows
    assert (row.calls, row.failed, row.unpriced, row.cost_usd) == (1, 1, 0, None)


def agreeing(samples: int, model: str = "cheap") -> dict:
    thinking = {"type": "self_consistency", "samples": samples, "early_stop": {"window": 3}}
    return {"name": "a", "model": model, "strategy": thinking}


async def test_samples_that_were_not_drawn_are_as_dear_as_those_that_were(project):
    await run(project, agreeing(10))
    assert costs(project).total.calls == 3
    assert saved(project, "early_stopping") == (7, 7 * CHEAP, 0)
    await run(project, agreeing(5, "unpriced"))
    assert saved(project, "early_stopping") == (9, 7 * CHEAP, 2)
    assert saved(project, "early_stopping", since=time() + 60) == (0, 0, 0)


async def test_what_further_attempts_tell_again_is_not_saved_again(project):
    climb = {"type": "cascade", "threshold": 0.5}
    await run(project, agreeing(10), {"name": "b", "models": ["cheap", "dear"], "strategy": climb})
    ways = [saved(project, "early_stopping"), saved(project, "cascading")]
    assert [count for count, _, _ in ways] == [7, 1]
    async with Orchestrator(project, providers={"scripted": Scripted([])}) as orchestrator:
        for _ in range(2):
            await orchestrator.resume(orchestrator.runs.find("last").run_id)
    assert [saved(project, "early_stopping"), saved(project, "cascading")] == ways


async def test_what_was_asked_in_other_words_before_was_spent_too(project):
    second = {"name": "b", "depends_on": ["a"], "prompt": "{{ a }}"}
    first = {"name": "a", "on_failure": {"default": "none"}}
    await run(
        project, first, second,
        answer=lambda request: Unreachable("gone") if request.messages[-1].content == "hi" else reply("yes"),
    )  # fmt: skip
    async with Orchestrator(project, providers={"scripted": Scripted([reply("yes")] * 2)}) as orchestrator:
        found = orchestrator.runs.find((await orchestrator.resume("last")).run_id)
    assert (found.calls, found.usage.output_tokens, found.cost_usd) == (4, 30, pytest.approx(3 * CHEAP))
    assert costs(project).total.cost_usd == pytest.approx(found.cost_usd)


async def test_an_answer_from_the_cache_saves_what_it_cost_before(project):
    sure = {"name": "a", "temperature": 0, "cache": "project"}
    for _ in range(3):
        await run(project, sure, {"name": "b", "model": "unpriced", "temperature": 0, "cache": "project"})
    assert costs(project, ensemble="e").total.cost_usd == pytest.approx(CHEAP)
    assert saved(project, "caching") == (4, 2 * CHEAP, 2)


async def test_an_answer_whose_first_call_is_not_recorded_saves_what_the_model_costs(project):
    await run(project, {"name": "a", "temperature": 0, "cache": "project"})
    (project / ".llm-orc" / "runs.db").rename(project / "old.db")
    await run(project, {"name": "a", "temperature": 0, "cache": "project"})
    assert saved(project, "caching") == (1, 0, 1)
    await run(project, {"name": "other"})
    assert saved(project, "caching") == (1, CHEAP, 0)


CASCADE = {"name": "a", "strategy": {"type": "cascade", "models": ["cheap", "dear"], "threshold": 0.5}}


async def test_a_cascade_saves_what_the_last_model_would_have_cost_less_the_cheaper_ones(project):
    unsure = {"cheap": -5.0, "dear": 0.0}
    await run(project, CASCADE, answer=lambda request: reply("yes", unsure[request.model.name]))
    assert saved(project, "cascading") == (0, -CHEAP, 0)
    for _ in range(3):
        await run(project, CASCADE)
    assert saved(project, "cascading") == (3, 3 * DEAR - 4 * CHEAP, 0)


async def test_what_a_model_costs_that_was_never_asked_is_not_guessed(project):
    await run(project, CASCADE)
    assert saved(project, "cascading") == (1, 0, 1)
    await run(project, {"name": "other", "model": "dear"}, name="other")
    assert saved(project, "cascading") == (1, DEAR - CHEAP, 0)


async def test_runs_that_keep_no_content_are_said(project):
    (project / ".llm-orc" / "config.yaml").write_text("keep_content: false\n")
    await run(project, agreeing(10))
    found = costs(project)
    assert (found.total.calls, found.silent) == (3, 1)
    assert saved(project, "early_stopping") == (0, 0, 0)


def test_where_nothing_is_recorded_nothing_was_spent(project):
    found = costs(project)
    assert costs_json(found) == {
        "by": ["model"],
        "rows": [],
        "total": {
            "runs": 0, "calls": 0, "failed": 0, "usage": {"input_tokens": 0, "output_tokens": 0},
            "cost_usd": None, "unpriced": 0,
        },
        "saved": {
            way: {"count": 0, "cost_usd": 0, "unknown": 0}
            for way in ("caching", "early_stopping", "cascading")
        },
        "runs_without_content": 0,
    }  # fmt: skip
