"""A server that loads and evicts like Ollama is never asked for more than fits, and keeps what is needed."""

from __future__ import annotations

import pytest
import yaml

from llm_orc import Orchestrator
from tests.servers.ollama import serving

pytestmark = pytest.mark.anyio


def agent(name: str, models: list[str], *needs: str) -> dict:
    return {"name": name, "models": models, "depends_on": list(needs), "task": "reasoning"}


async def run(folder, box, agents, vram, **models):
    (folder / ".llm-orc").mkdir(exist_ok=True)
    entries = {
        name: {"provider": "ollama", "base_url": box.address, **entry} for name, entry in models.items()
    }
    catalogue = {"models": entries, "vram_gb": vram}
    (folder / ".llm-orc" / "models.yaml").write_text(yaml.safe_dump(catalogue))
    path = folder / "e.yaml"
    path.write_text(yaml.safe_dump({"name": "e", "routing": {"router": "lp"}, "agents": agents}))
    async with Orchestrator(folder) as orchestrator:
        return await orchestrator.invoke(path, "go")


def sized(size: float, quality: float, **keys) -> dict:
    return {"vram_gb": size, "load_seconds": 2, "capabilities": {"reasoning": quality}, **keys}


async def test_models_take_turns_in_memory(tmp_path):
    with serving({"a": 5, "b": 5, "c": 5}, room_gb=8) as box:
        agents = [
            agent(f"x{n}", [name], *([f"x{n - 3}"] if n > 2 else [])) for n, name in enumerate("abcabc")
        ]
        result = await run(tmp_path, box, agents, 8, a=sized(5, 0.5), b=sized(5, 0.5), c=sized(5, 0.5))
    assert result.status == "succeeded"
    assert box.most <= 8e9
    # What has to go is unloaded by the plan, never evicted by surprise.
    assert box.evicted == []


async def test_a_model_in_memory_counts_with_what_the_server_measured(tmp_path):
    # The catalogue says 2 GB; the server measures 7 once it is loaded, and then nothing fits beside it.
    with serving({"liar": 7, "small": 2}, room_gb=8) as box:
        agents = [agent("one", ["liar"]), agent("two", ["liar", "small"], "one")]
        result = await run(tmp_path, box, agents, 8, liar=sized(2, 0.9), small=sized(2, 0.3))
    assert result.agents["two"].effort.model == "liar"
    assert result.plans[1].route.resident[0] == {"liar": (0,)}
    assert box.loads == ["liar"]


async def test_what_another_run_left_in_memory_is_used(tmp_path):
    with serving({"x": 5, "y": 5}, room_gb=8) as box:
        box.load("y", 300)
        box.done("y")
        result = await run(tmp_path, box, [agent("a", ["x", "y"])], 8, x=sized(5, 0.8), y=sized(5, 0.8))
    assert result.agents["a"].effort.model == "y"
    assert box.loads == ["y"]


async def test_a_load_is_reported(tmp_path):
    events = []
    with serving({"x": 5}, room_gb=8) as box:
        (tmp_path / ".llm-orc").mkdir()
        entry = {"provider": "ollama", "base_url": box.address, **sized(5, 0.8)}
        (tmp_path / ".llm-orc" / "models.yaml").write_text(yaml.safe_dump({"models": {"x": entry}}))
        path = tmp_path / "e.yaml"
        path.write_text(yaml.safe_dump({"name": "e", "agents": [{"name": "a", "model": "x"}]}))
        async with Orchestrator(tmp_path) as orchestrator:
            await orchestrator.invoke(path, "go", observers=[lambda e: events.append(e.what)])
    (answered,) = [event for event in events if event.type == "model_answered"]
    assert answered.load_seconds == 0.05


async def test_a_server_that_is_gone_is_said_by_the_agent(tmp_path):
    with serving({"x": 5}, room_gb=8) as box:
        pass
    result = await run(tmp_path, box, [agent("a", ["x"])], 8, x=sized(5, 0.8))
    assert result.agents["a"].cause.kind == "unreachable"


async def test_agents_that_want_different_contexts_get_the_larger_one(tmp_path):
    asked = []
    with serving({"x": 5}, room_gb=8) as box:
        (tmp_path / ".llm-orc").mkdir()
        entry = {"provider": "ollama", "base_url": box.address, "options": {"num_ctx": 2048}, **sized(5, 0.8)}
        (tmp_path / ".llm-orc" / "models.yaml").write_text(yaml.safe_dump({"models": {"x": entry}}))
        agents = [{"name": "a", "model": "x"}, {"name": "b", "model": "x", "options": {"num_ctx": 8192}}]
        path = tmp_path / "e.yaml"
        path.write_text(yaml.safe_dump({"name": "e", "agents": agents}))
        async with Orchestrator(tmp_path) as orchestrator:
            loaded = orchestrator.load(path)
            asked = [agent.work.models[0].sampling.options for agent in loaded.agents.values()]
    assert asked == [{"num_ctx": 8192}, {"num_ctx": 8192}]


async def test_a_model_that_had_to_be_loaded_again_is_told(tmp_path):
    events = []
    with serving({"x": 5}, room_gb=8) as box:
        box.load("x", 300)
        box.done("x")
        (tmp_path / ".llm-orc").mkdir()
        entry = {"provider": "ollama", "base_url": box.address, **sized(5, 0.8)}
        (tmp_path / ".llm-orc" / "models.yaml").write_text(yaml.safe_dump({"models": {"x": entry}}))
        path = tmp_path / "e.yaml"
        agents = [{"name": "a", "model": "x"}]
        path.write_text(yaml.safe_dump({"name": "e", "routing": {"router": "lp"}, "agents": agents}))
        box.reloads, box.load_seconds = True, 0.5
        async with Orchestrator(tmp_path) as orchestrator:
            await orchestrator.invoke(path, "go", observers=[lambda e: events.append(e.what)])
    (warned,) = [event for event in events if event.type == "warned"]
    assert warned.message.startswith("x was in memory and had to be loaded again (0.5 s)")
