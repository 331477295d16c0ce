"""What an ensemble file means."""

from __future__ import annotations

from pathlib import Path

import pytest

from llm_orc.domain.ensemble import Default, Llm, Script, Skip, Stop
from llm_orc.domain.model import Fleet
from llm_orc.spec.ensemble_file import load_ensemble

from .conftest import Load, Write


def _llm(load: Load, keys: str, top: str = "") -> Llm:
    ensemble = load(f"name: t\n{top}\nagents:\n  - name: a\n{keys}")
    work = ensemble.agents["a"].work
    assert isinstance(work, Llm)
    return work


def test_a_small_file_has_sensible_defaults(load: Load) -> None:
    ensemble = load("name: t\nagents: [{name: a}, {name: b, depends_on: [a]}, {name: c}]\n")

    agent = ensemble.agents["b"]
    assert ensemble.inputs == {"input": {"type": "string"}}
    assert ensemble.outputs == ("b", "c")
    assert (agent.depends_on, agent.timeout_seconds, agent.on_failure) == (("a",), None, Stop())
    assert isinstance(agent.work, Llm)
    assert [model.name for model in agent.work.models] == ["large"]
    assert (agent.work.prompt, agent.work.system_prompt, agent.work.strategy.type) == (None, "", "single")


def test_every_setting_of_a_run_is_read(load: Load) -> None:
    ensemble = load(
        "name: t\ndescription: d\ninputs: {q: null, n: {type: number}}\ndefault_task: Go.\n"
        "schedule: layered\nconcurrency: 3\ntimeout_seconds: 60\noutput: [b, a]\n"
        "agents: [{name: a}, {name: b}]\n"
    )

    assert ensemble.inputs == {"q": {"type": "string"}, "n": {"type": "number"}}
    assert (ensemble.description, ensemble.default_task, ensemble.schedule) == ("d", "Go.", "layered")
    assert (ensemble.concurrency, ensemble.timeout_seconds, ensemble.outputs) == (3, 60.0, ("b", "a"))


def test_sampling_comes_from_the_agent_then_the_defaults_then_the_profile(load: Load) -> None:
    keys = "    profile: fast\n    temperature: 0\n    options: {b: 2}\n"

    sampling = (
        _llm(load, keys, "defaults: {max_tokens: 7, top_k: 9, options: {a: 1, b: 1}}").models[0].sampling
    )

    assert (sampling.temperature, sampling.top_k, sampling.max_tokens) == (0.0, 9, 7)
    assert sampling.options == {"a": 1, "b": 2}


def test_a_profile_gives_what_the_agent_does_not_say(load: Load) -> None:
    ensemble = load(
        "name: t\nagents: [{name: a, model_profile: fast}, {name: b, profile: fast, system_prompt: X}]\n"
    )
    a, b = ensemble.agents["a"], ensemble.agents["b"]

    assert isinstance(a.work, Llm)
    assert isinstance(b.work, Llm)
    assert (a.work.system_prompt, b.work.system_prompt) == ("Be quick.", "X")
    assert a.timeout_seconds == 9
    assert a.work.models[0].name == "small"
    assert a.work.models[0].price is not None


@pytest.mark.parametrize(
    ("keys", "top", "names"),
    [
        ("    model: small\n", "model: mute", ["small"]),
        ("    models: [small, mute]\n", "", ["small", "mute"]),
        ("", "models: [small, large]", ["small", "large"]),
        ("", "models: [small]\ndefaults: {model: mute}", ["mute"]),
        ("    model_profile: safe\n", "model: mute", ["small"]),
        ("    model_profile: safe\n    model: mute\n", "", ["mute"]),
        ("    model: ollama/llama3.1:8b\n", "", ["ollama/llama3.1:8b"]),
        ("    model: llama3\n    provider: ollama\n", "", ["ollama/llama3"]),
        ("    model: small\n    provider: scripted\n", "", ["small"]),
        ("    model: {provider: openai, name: x, base_url: 'http://h/v1'}\n", "", ["openai/x"]),
        ("    model: claude\n    provider: anthropic-api\n", "", ["anthropic/claude"]),
    ],
)
def test_an_agent_has_the_models_that_are_nearest_to_it(
    load: Load, keys: str, top: str, names: list[str]
) -> None:
    assert [model.name for model in _llm(load, keys, top).models] == names


def test_one_model_can_serve_every_agent(write: Write, fleet: Fleet) -> None:
    file = write("name: t\nagents: [{name: a, model: unknown}, {name: b, model_profile: gone}, {name: c}]\n")

    ensemble = load_ensemble(file, fleet, "scripted/x")

    assert {agent.work.models[0].wire_name for agent in ensemble.agents.values()} == {"x"}  # type: ignore[union-attr]


def test_prompts_come_from_the_file_or_from_their_own(load: Load, tmp_path: Path) -> None:
    (tmp_path / "p.md").write_text("From a file: {{ input }}\n\n")

    llm = _llm(load, "    prompt_file: p.md\n    system_prompt: |\n      Literal {{ x }}\n\n")

    assert llm.prompt is not None
    assert llm.prompt.render({"input": "i"}) == "From a file: i"
    assert llm.system_prompt == "Literal {{ x }}"


def test_a_prompt_sees_its_dependencies_by_name(load: Load) -> None:
    ensemble = load(
        "name: t\nagents:\n  - name: fact-check\n  - name: 2nd\n  - name: c\n"
        "    depends_on: [fact-check, 2nd]\n"
        "    prompt: '{{ fact_check }} {{ _2nd }} {{ dependencies[\"2nd\"] }} {{ parameters.k }}'\n"
        "    parameters: {k: 5}\n"
    )
    work = ensemble.agents["c"].work

    assert isinstance(work, Llm)
    assert work.prompt is not None
    given = {"fact_check": "F", "_2nd": "S", "dependencies": {"2nd": "T"}}
    assert work.prompt.render(given) == "F S T 5"


def test_demos_and_schemas_are_ready_for_use(load: Load) -> None:
    llm = _llm(
        load,
        "    prompt: '{{ input }}'\n    demos: [{inputs: {input: 2+2}, output: '4'}]\n"
        "    output_schema: {type: object, required: [answer]}\n    output_format: json\n",
    )

    assert (llm.demos[0].inputs, llm.demos[0].output) == ({"input": "2+2"}, "4")
    assert llm.output_schema is not None
    assert llm.output_schema.faults({}) == ("the key 'answer' is missing",)
    assert llm.output_format == "json"


@pytest.mark.parametrize(
    ("written", "meaning"),
    [
        ("stop", Stop()),
        ("skip", Skip()),
        ("{default: null}", Default(None)),
        ("{default: [1]}", Default([1])),
    ],
)
def test_a_failure_means_what_the_file_says(load: Load, written: str, meaning: object) -> None:
    ensemble = load(f"name: t\nagents: [{{name: a, on_failure: {written}}}]\n")

    assert ensemble.agents["a"].on_failure == meaning


@pytest.mark.parametrize(
    ("top", "agent"),
    [
        ("routing: {router: fixed}\ncache: off\nretries: {max: 0}\nguardrails: warn", ""),
        ("budget: {usd: 1}\ncache: run\nretries: {max: 2}\nguardrails: strict\nquality: high", ""),
        ("defaults: {strategy: vote}", ""),
        ("", "variants: [{name: v, prompt: x}], min_quality: 1"),
        ("", "fan_out: false, input_scope: all"),
        ("", "depends_on: [{agent: b, optional: true}]"),
        ("x-mine: 1\ntags: [a]\ntopaz_skill: s\nvalidation: {x: 1}\nserves: q", "x-own: 1, task: reasoning"),
    ],
)  # fmt: skip
def test_keys_of_all_kinds_load(load: Load, top: str, agent: str) -> None:
    assert load(f"name: t\n{top}\nagents:\n  - {{name: a, {agent}}}\n  - name: b\n").agents.keys() == {
        "a",
        "b",
    }


def test_a_script_agent_is_a_command(load: Load, tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()

    work = (
        load("name: t\nagents: [{name: a, script: cat -u, parameters: {k: 1}, max_output_bytes: 9}]\n")
        .agents["a"]
        .work
    )

    assert isinstance(work, Script)
    assert Path(work.command[0]).is_absolute()
    assert (Path(work.command[0]).name, work.command[1:]) == ("cat", ("-u",))
    assert (work.parameters, work.directory, work.max_output_bytes) == ({"k": 1}, str(tmp_path), 9)


def test_anchors_and_merges_work_in_an_ensemble(load: Load) -> None:
    ensemble = load(
        "name: t\nx-base: &base {model: small, temperature: 0.5}\nagents:\n  - {<<: *base, name: a}\n"
        "  - {<<: *base, name: b, temperature: 1}\n"
    )

    temperatures = [agent.work.models[0].sampling.temperature for agent in ensemble.agents.values()]  # type: ignore[union-attr]
    assert temperatures == [0.5, 1.0]
