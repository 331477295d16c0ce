"""Models are chosen while the DAG unfolds, within room, and what does not fit waits."""

from __future__ import annotations

import json
from collections import Counter

import anyio
import anyio.lowlevel
import pytest
import yaml

from llm_orc import Orchestrator
from llm_orc.domain.completion import Installed
from llm_orc.domain.ensemble import RoutingSpec
from llm_orc.domain.events import Planned, Warned
from llm_orc.domain.wire import event_json, result_json
from llm_orc.errors import JournalFailed, RoutingFailed
from llm_orc.orchestrator.watching import plain_progress
from llm_orc.providers.scripted import Scripted

pytestmark = pytest.mark.anyio

SMALL = {"provider": "scripted", "vram_gb": 2, "load_seconds": 1, "capabilities": {"reasoning": 0.4}}
LARGE = {"provider": "scripted", "vram_gb": 6, "load_seconds": 2, "capabilities": {"reasoning": 0.9}}
SUPPORTS = {"supports": ["sampling", "load_control"]}


class Box(Scripted):
    """A server with so many GB: it counts what is in its memory and how often it loaded something."""

    def __init__(self, sizes: dict[str, float], answers=None) -> None:
        super().__init__(answers or ["ok"])
        self.sizes = sizes
        self.memory: dict[str, float] = {}
        self.loads: Counter[str] = Counter()
        self.most = 0.0
        self.keep_alive: dict[str, list] = {}

    async def complete(self, request):
        name = request.model.wire_name
        if name not in self.memory:
            self.loads[name] += 1
            self.memory[name] = self.sizes[name]
        self.most = max(self.most, sum(self.memory.values()))
        self.keep_alive.setdefault(name, []).append(request.model.keep_alive)
        await anyio.lowlevel.checkpoint()
        return await super().complete(request)

    async def installed(self):
        return [Installed(wire_name=name, resident=True, vram_gb=size) for name, size in self.memory.items()]

    async def unload(self, model):
        self.memory.pop(model.wire_name, None)


class Project:
    def __init__(self, folder) -> None:
        self.folder = folder
        (folder / ".llm-orc").mkdir()

    def models(self, vram=None, **models) -> None:
        entries = {name: {**SUPPORTS, **entry} for name, entry in models.items()}
        data = {"models": entries} | ({} if vram is None else {"vram_gb": vram})
        (self.folder / ".llm-orc" / "models.yaml").write_text(yaml.safe_dump(data))

    async def run(self, agents, provider=None, **keys):
        flags = keys.pop("routing_flags", RoutingSpec())
        path = self.folder / "e.yaml"
        path.write_text(yaml.safe_dump({"name": "e", "agents": agents, **keys}))
        events = []
        async with Orchestrator(self.folder, providers={"scripted": provider or Scripted(["ok"])}) as o:
            result = await o.invoke(path, "go", observers=[events.append], routing=flags)
        return result, [event.what for event in events]


@pytest.fixture
def project(tmp_path) -> Project:
    return Project(tmp_path)


def agent(name: str, *needs: str, models=("small", "large"), **keys):
    return {"name": name, "models": list(models), "depends_on": list(needs), "task": "reasoning", **keys}


async def test_a_pool_is_routed_to_the_best_model_that_fits(project):
    project.models(8, small=SMALL, large=LARGE)
    result, events = await project.run([agent("a")])
    assert result.agents["a"].effort.model == "large"
    (planned,) = [e for e in events if isinstance(e, Planned)]
    assert planned.plan.ready == ("a",)
    project.models(4, small=SMALL, large=LARGE)
    result, _ = await project.run([agent("a")])
    assert result.agents["a"].effort.model == "small"


async def test_the_first_model_serves_where_the_file_says_fixed(project):
    project.models(8, small=SMALL, large=LARGE)
    result, events = await project.run([agent("a")], routing={"router": "fixed"})
    assert result.agents["a"].effort.model == "small"
    assert not [e for e in events if isinstance(e, Planned)]
    assert result_json(result)["plan"] == []


async def test_a_flag_takes_the_place_of_what_the_file_says(project):
    project.models(8, small=SMALL, large=LARGE)
    result, _ = await project.run(
        [agent("a")], routing={"router": "fixed"}, routing_flags=RoutingSpec(router="greedy", vram_gb=(3.0,))
    )
    assert (result.agents["a"].effort.model, result.plans[0].route.solver) == ("small", "greedy")


async def test_the_plan_is_in_the_result_and_in_the_events(project):
    project.models(8, small=SMALL, large=LARGE)
    result, _ = await project.run([agent("a"), agent("b", "a")])
    first, second = result_json(result)["plan"]
    assert (first["step"], first["ready"], first["horizon"]) == (1, ["a"], [["b"]])
    assert (second["step"], second["ready"], second["horizon"]) == (2, ["b"], [])
    assert first["assignments"]["a"]["model"] == "large"
    assert first["resident"][0] == {"large": [0]}
    assert first["bound"] == first["objective"]
    json.dumps(first)


async def test_agents_that_become_ready_together_are_planned_together(project):
    project.models(8, small=SMALL, large=LARGE)
    result, _ = await project.run([agent("a"), *(agent(f"b{n}", "a") for n in range(20))])
    assert [len(plan.ready) for plan in result.plans] == [1, 20]


async def test_what_does_not_fit_beside_work_in_flight_waits(project):
    sizes = {"x": 5.0, "y": 5.0}
    project.models(8, **{name: {**LARGE, "vram_gb": size} for name, size in sizes.items()})
    box = Box(sizes)
    result, _ = await project.run(
        [agent("a", models=["x"]), agent("b", models=["y"])], box, routing={"router": "lp"}
    )
    assert result.status == "succeeded"
    assert box.most == 5.0
    assert box.loads == {"x": 1, "y": 1}


async def test_the_memory_is_never_overfull_in_any_schedule(project):
    sizes = {"s": 2.0, "m": 4.0, "l": 6.0}
    project.models(7, **{
        name: {**LARGE, "vram_gb": size, "capabilities": {"reasoning": 0.4 + size / 12}}
        for name, size in sizes.items()
    })  # fmt: skip
    agents = [
        agent(f"a{n}", *([f"a{n // 3}"] if n else []), models=[["s"], ["m", "s"], ["l", "m"], ["l"]][n % 4])
        for n in range(25)
    ]
    box = Box(sizes)
    result, _ = await project.run(agents, box, routing={"router": "lp", "horizon": 2})
    assert result.status == "succeeded"
    assert box.most <= 7.0


async def test_a_model_that_is_there_already_is_used_rather_than_loaded(project):
    twins = {name: {**LARGE, "vram_gb": 5} for name in ("x", "y")}
    project.models(8, **twins)
    box = Box({"x": 5.0, "y": 5.0})
    box.memory["y"] = 5.0
    result, _ = await project.run([agent("a", models=["x", "y"])], box)
    assert result.agents["a"].effort.model == "y"
    assert box.loads == {}


async def test_a_server_that_does_not_tell_is_taken_to_keep_what_it_loaded(project):
    silent = {"supports": ["sampling"]}
    project.models(8, small={**SMALL, **silent}, large={**LARGE, **silent})
    result, _ = await project.run([agent("a"), agent("b", "a")])
    first, second = result.plans
    (loads,) = {each.switch_term for each in first.weighed["a"] if each.model == "large"}
    assert loads > 0
    assert {each.model: each.switch_term for each in second.weighed["b"]}["large"] == 0
    assert second.route.objective == pytest.approx(second.route.assignments["b"].utility)


async def test_models_that_are_needed_again_are_kept_longer(project):
    project.models(8, small=SMALL, large=LARGE)
    box = Box({"small": 2.0, "large": 6.0})
    await project.run([agent("a", models=["large"]), agent("b", "a", models=["large"])], box,
                      routing={"router": "lp"})  # fmt: skip
    assert box.keep_alive["large"] == ["30m", "10s"]


async def test_an_agent_that_nothing_can_serve_fails_with_the_reason(project):
    project.models(4, small=SMALL, large=LARGE)
    result, _ = await project.run([agent("a"), agent("b", models=["large"])], routing={"router": "lp"})
    assert result.agents["a"].output == "ok"
    cause = result.agents["b"].cause
    assert (cause.kind, cause.message) == (
        "routing_failed", "no model can serve agent 'b': large needs 6 GB and there are 4 GB",
    )  # fmt: skip


async def test_agents_that_do_not_fit_together_take_turns(project):
    sizes = {"x": 5.0, "y": 5.0, "z": 5.0}
    project.models(5, **{name: {**LARGE, "vram_gb": size} for name, size in sizes.items()})
    box = Box(sizes)
    result, _ = await project.run(
        [agent(name, models=[name]) for name in sizes], box, routing={"router": "greedy"}
    )
    assert result.status == "succeeded"
    assert box.most == 5.0


async def test_a_weak_model_gives_a_warning_and_is_refused_where_the_file_is_strict(project):
    project.models(8, small={**SMALL, "capabilities": {}, "parameters_b": 1}, large=LARGE)
    weak = [agent("a", models=["small"], task="analysis")]
    _, events = await project.run(weak, routing={"router": "lp"})
    (warned,) = [e for e in events if isinstance(e, Warned)]
    assert warned.message == "agent 'a': small has 1B parameters, and analysis usually takes 13B"
    _, events = await project.run(weak, routing={"router": "lp"}, guardrails="off")
    assert not [e for e in events if isinstance(e, Warned)]
    result, _ = await project.run(weak, routing={"router": "lp"}, guardrails="strict")
    assert result.agents["a"].cause.kind == "routing_failed"


async def test_a_fan_out_stays_on_one_model(project):
    project.models(8, small=SMALL, large=LARGE)
    listed = {"name": "list", "script": "echo '[1, 2, 3]'"}
    result, _ = await project.run([listed, agent("a", "list", fan_out=True)])
    assert result.agents["a"].output == ["ok", "ok", "ok"]
    assert [plan.ready for plan in result.plans] == [("a",)]


async def test_agents_of_an_ensemble_within_are_planned_under_their_own_names(project):
    project.models(8, small=SMALL, large=LARGE)
    inner = {"name": "inner", "agents": [agent("deep")]}
    (project.folder / "inner.yaml").write_text(yaml.safe_dump(inner))
    result, _ = await project.run([{"name": "outer", "ensemble": "inner.yaml"}])
    assert [plan.ready for plan in result.plans] == [("outer/deep",)]


async def test_a_planner_is_asked_once_more_and_then_the_solver_plans(project):
    project.models(8, small=SMALL, large=LARGE)

    def answer(request):
        if "assign models" in request.messages[0].content:
            return "I would take the large one."
        return "ok"

    provider = Scripted(answer)
    result, _ = await project.run([agent("a")], provider, routing={"router": "planner", "planner": "small"})
    assert result.agents["a"].effort.model == "large"
    route = result.plans[0].route
    assert (route.solver, route.note) == ("dynamic", "the planner's plan cannot be used: it is not JSON")
    assert len(provider.requests) == 3
    assert "That plan cannot be used" in provider.requests[1].messages[-1].content


async def test_a_plan_of_a_planner_is_carried_out(project):
    project.models(8, small=SMALL, large=LARGE)
    provider = Scripted(lambda r: '{"a": "small"}' if "assign" in r.messages[0].content else "ok")
    result, _ = await project.run([agent("a")], provider, routing={"router": "planner", "planner": "large"})
    assert result.agents["a"].effort.model == "small"
    assert (result.plans[0].route.solver, result.plans[0].route.status) == ("planner", "planned")


async def test_a_plan_that_does_not_fit_is_not_carried_out(project):
    project.models(6, small=SMALL, large=LARGE)
    provider = Scripted(
        lambda r: '{"a": "small", "b": "large"}' if "assign" in r.messages[0].content else "ok"
    )
    result, _ = await project.run(
        [agent("a", max_tokens=10), agent("b")], provider, routing={"router": "planner", "planner": "large"}
    )
    assert "do not fit: large, small" in result.plans[0].route.note


async def test_what_was_scored_is_learned_and_changes_later_choices(project):
    twins = {name: {**SMALL, "capabilities": {"reasoning": 0.5}} for name in ("x", "y")}
    project.models(8, **twins)
    schema = {"type": "object", "required": ["n"]}
    provider = Scripted(lambda r: '{"n": 1}' if r.model.name == "y" else "no")
    both = [agent("a", models=["x", "y"], output_schema=schema)]
    chosen = [(await project.run(both, provider))[0].agents["a"] for _ in range(8)]
    assert chosen[0].effort.model == "x"
    assert chosen[-1].output == {"n": 1}
    again, _ = await project.run(both, provider, routing={"learning": False})
    assert again.agents["a"].effort.model == "x"


async def test_records_that_cannot_be_read_stop_a_routed_run_before_it_starts(project):
    project.models(8, small=SMALL, large=LARGE)
    (project.folder / ".llm-orc" / "runs.db").write_text("no database " * 100)
    with pytest.raises(JournalFailed, match="it is no file of SQLite"):
        await project.run([agent("a")])


async def test_a_plan_asks_no_model_and_foresees_every_step(project):
    project.models(8, small=SMALL, large=LARGE)
    path = project.folder / "e.yaml"
    path.write_text(yaml.safe_dump({"name": "e", "agents": [agent("a"), agent("b", "a")]}))
    provider = Scripted(["ok"])
    async with Orchestrator(project.folder, providers={"scripted": provider}) as orchestrator:
        found = await orchestrator.plan(path, "go", explain=True)
        with pytest.raises(RoutingFailed):
            await orchestrator.plan(path, "go", routing=RoutingSpec(vram_gb=(1.0,)))
    assert provider.requests == []
    assert [plan.ready for plan in found.plans] == [("a",), ("b",)]
    assert found.agents["b"].model == "large"
    assert found.tokens.low < found.tokens.high
    assert found.usd is None
    assert "maximize" in found.formulation


async def test_events_of_a_plan_can_be_written_as_json(project):
    project.models(8, small=SMALL, large=LARGE)
    events = []
    path = project.folder / "e.yaml"
    path.write_text(yaml.safe_dump({"name": "e", "agents": [agent("a")]}))
    async with Orchestrator(project.folder, providers={"scripted": Scripted(["ok"])}) as orchestrator:
        await orchestrator.invoke(path, "go", observers=[events.append])
    (planned,) = [event_json(e) for e in events if isinstance(e.what, Planned)]
    assert planned["type"] == "planned"
    json.dumps(planned)


async def test_a_plan_is_told_to_who_wants_to_know_more(project):
    project.models(8, small=SMALL, large=LARGE)
    lines = []
    path = project.folder / "e.yaml"
    path.write_text(yaml.safe_dump({"name": "e", "agents": [agent("a")]}))
    async with Orchestrator(project.folder, providers={"scripted": Scripted(["ok"])}) as orchestrator:
        await orchestrator.invoke(path, "go", observers=[plain_progress(lines.append, verbose=True)])
    assert lines[0].startswith("· plan 1: a on large (")
