"""The Python API: load, invoke, stream, and what it refuses before anything is run."""

from __future__ import annotations

import gc
from pathlib import Path
from weakref import ref

import anyio
import pytest

from llm_orc import InvalidFile, Orchestrator
from llm_orc.errors import NotFound, UsageFailed
from llm_orc.providers.scripted import Scripted

TWO = """
name: two
agents:
  - {name: first, model: scripted/m}
  - {name: second, model: scripted/m, depends_on: [first], prompt: "{{ first }}!"}
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".llm-orc").mkdir()
    (tmp_path / "ensembles").mkdir()
    (tmp_path / "ensembles" / "two.yaml").write_text(TWO, encoding="utf-8")
    return tmp_path


def write(project: Path, name: str, text: str) -> Path:
    path = project / "ensembles" / f"{name}.yaml"
    path.write_text(text, encoding="utf-8")
    return path


async def test_an_ensemble_is_invoked_by_name(project):
    provider = Scripted(["hello", "hello!"])
    async with Orchestrator(project, providers={"scripted": provider}) as orchestrator:
        result = await orchestrator.invoke("two", "hi")
    assert result.output == "hello!"
    assert [request.messages[-1].content for request in provider.requests] == ["hi", "hello!"]


async def test_the_events_of_a_run_can_be_iterated(project):
    orchestrator = Orchestrator(project, providers={"scripted": Scripted(["x"])})
    async with orchestrator, orchestrator.stream("two", "hi") as events:
        seen = [event async for event in events]
    assert [event.seq for event in seen] == list(range(1, len(seen) + 1))
    assert seen[-1].what.result.status == "succeeded"


async def test_leaving_a_stream_early_cancels_the_run(project):
    entered, cancelled = anyio.Event(), anyio.Event()

    async def answer(request):
        try:
            entered.set()
            await anyio.sleep_forever()
        finally:
            cancelled.set()

    orchestrator = Orchestrator(project, providers={"scripted": Scripted(answer)})
    async with orchestrator, orchestrator.stream("two", "hi") as events:
        async for event in events:
            if event.what.type == "model_called":
                await entered.wait()
                break
    assert cancelled.is_set()


async def test_a_stream_of_a_broken_ensemble_raises_before_it_begins(project):
    write(project, "broken", "name: broken\nagents: []\n")
    async with Orchestrator(project) as orchestrator:
        with pytest.raises(InvalidFile, match="agents"):
            async with orchestrator.stream("broken"):
                pass


async def test_two_runs_in_one_process_never_meet(project):
    async with Orchestrator(project, providers={"scripted": Scripted()}) as orchestrator:
        outputs = {}

        async def run(text):
            outputs[text] = (await orchestrator.invoke("two", text)).output

        async with anyio.create_task_group() as tasks:
            for number in range(20):
                tasks.start_soon(run, f"text {number}")
    assert outputs == {f"text {n}": f"text {n}!" for n in range(20)}


async def test_a_seed_reaches_every_agent_that_sets_none(project):
    write(project, "seeds", TWO.replace("name: second,", "name: second, seed: 5,").replace("two", "seeds"))
    provider = Scripted(["x"])
    async with Orchestrator(project, providers={"scripted": provider}) as orchestrator:
        await orchestrator.invoke("seeds", "hi", seed=9)
    assert [request.sampling.seed for request in provider.requests] == [9, 5]


INPUTS = """
name: inputs
inputs:
  count: {type: integer}
  note: {type: string, default: none}
agents:
  - {name: a, model: scripted/m, prompt: "{{ count + 1 }} {{ note }}"}
"""


@pytest.mark.parametrize(
    ("text", "variables", "output"),
    [("3", {}, "4 none"), (None, {"count": 3}, "4 none"), ('{"count": 1, "note": "x"}', {}, "2 x"),
     (None, {"count": "3", "note": "n"}, "4 n")],
)  # fmt: skip
async def test_inputs_are_gathered_from_text_and_names(project, text, variables, output):
    write(project, "inputs", INPUTS)
    async with Orchestrator(project, providers={"scripted": Scripted()}) as orchestrator:
        assert (await orchestrator.invoke("inputs", text, variables=variables)).output == output


@pytest.mark.parametrize(
    ("variables", "message"),
    [({}, "needs the input 'count'"), ({"count": "many"}, "input 'count': 'many' is not of type 'integer'"),
     ({"cuont": 3}, "has no input 'cuont'")],
)  # fmt: skip
async def test_wrong_inputs_are_refused(project, variables, message):
    write(project, "inputs", INPUTS)
    async with Orchestrator(project, providers={"scripted": Scripted()}) as orchestrator:
        with pytest.raises(UsageFailed, match=message):
            await orchestrator.invoke("inputs", variables=variables)


async def test_an_unknown_ensemble_is_not_found(project):
    async with Orchestrator(project) as orchestrator:
        with pytest.raises(NotFound) as caught:
            await orchestrator.invoke("twoo", "hi")
    assert "two" in caught.value.hint


async def test_one_provider_serves_all_models_of_an_address(project):
    async with Orchestrator(project) as orchestrator:
        first = orchestrator.provider_of(orchestrator.model("ollama/a"))
        assert orchestrator.provider_of(orchestrator.model("ollama/b")) is first


async def test_a_strategy_is_made_once_and_forgotten_with_its_ensemble(project):
    thinking = "name: t\nagents: [{name: a, model: scripted/m, strategy: chain_of_thought}]\n"
    file = write(project, "t", thinking)
    async with Orchestrator(project, providers={"scripted": Scripted(["Answer: x"])}) as orchestrator:
        ensemble = orchestrator.load(file)
        made = ref(orchestrator.strategy_of(ensemble.agents["a"].work.strategy))
        await orchestrator.invoke(ensemble, "hi")
        assert made() is orchestrator.strategy_of(ensemble.agents["a"].work.strategy)
        del ensemble
        gc.collect()
        assert made() is None
