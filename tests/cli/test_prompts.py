"""What a model reads and how its answer is taken, seen from the server's side."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.servers.faulty import FaultyServer, Reply

from .command_line import CommandLine, agent, closed_port, served

NUMBER = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}}


@pytest.fixture
def asked(llm_orc: CommandLine, faulty_server: FaultyServer) -> Any:
    """Runs one agent on the input `Good.`; what its server was sent."""

    def ask(*flags: str, **keys: Any) -> dict[str, Any]:
        top = keys.pop("top", {})
        first = agent("first", "1st") if "depends_on" in keys else None
        agents = [served(faulty_server.openai_url, **keys), *([first] if first else [])]
        llm_orc.ensemble(*agents, output="a", **top)
        done = llm_orc("invoke", "e.yaml", "Good.", "--quiet", *flags)
        assert done.returncode == 0, done.stderr
        return faulty_server.bodies[-1]

    return ask


def turns(body: dict[str, Any]) -> list[tuple[str, str]]:
    return [(message["role"], message["content"]) for message in body["messages"]]


def test_long_prompts_are_kept_in_files_of_their_own(llm_orc, asked):
    llm_orc.file("prompts/system.md", "Label {{ this }}.\n\n")
    llm_orc.file("prompts/user.md", "Text: {{ input }}\n{% include 'prompts/end.md' %}\n")
    llm_orc.file("prompts/end.md", "{% for word in ['a', 'b'] %}{{ word }}{% endfor %} {{ first }}\n")
    body = asked(prompt_file="prompts/user.md", system_prompt_file="prompts/system.md", depends_on=["first"])
    assert turns(body) == [("system", "Label {{ this }}."), ("user", "Text: Good.\nab 1st")]


def test_examples_are_sent_as_earlier_turns(asked):
    demos = [
        {"inputs": {"input": "It broke."}, "output": "negative"},
        {"inputs": {"input": "{{ x }}"}, "output": "{{ y }}"},
    ]
    body = asked(system_prompt="Label it.", prompt="Review: {{ input }}", demos=demos)
    assert turns(body) == [
        ("system", "Label it."),
        ("user", "Review: It broke."),
        ("assistant", "negative"),
        ("user", "Review: {{ x }}"),
        ("assistant", "{{ y }}"),
        ("user", "Review: Good."),
    ]


def test_an_agent_without_prompt_reads_the_input_and_what_it_depends_on(asked):
    assert turns(asked(depends_on=["first"])) == [("user", "Good.\n\n## first\n1st")]


def test_parameters_are_variables_of_the_prompt(asked):
    body = asked(prompt="{{ parameters.tone }}: {{ input }}", parameters={"tone": "dry"})
    assert turns(body) == [("user", "dry: Good.")]


def test_defaults_hold_for_the_agents_that_say_nothing_else(asked):
    defaults = {"system_prompt": "Be brief.", "temperature": 0.5, "max_tokens": 40, "seed": 3}
    body = asked(top={"defaults": defaults}, temperature=0.1)
    assert turns(body)[0] == ("system", "Be brief.")
    assert (body["temperature"], body["max_tokens"], body["seed"]) == (0.1, 40, 3)


def test_a_default_failure_is_that_of_every_agent(llm_orc):
    defaults = {"on_failure": {"default": "nothing"}, "timeout_seconds": 0.2}
    llm_orc.ensemble(agent(wait=3600), defaults=defaults)
    done = llm_orc("invoke", "e.yaml", "x")
    assert (done.returncode, done.stdout) == (0, "nothing\n")
    assert "default, because no answer within 0.2 s" in done.stderr


def test_a_default_task_of_several_inputs_is_used_where_none_is_given(llm_orc):
    inputs = {"text": {"type": "string"}, "tone": {"type": "string", "default": "dry"}}
    said = agent(prompt="{{ tone }}: {{ text }}")
    llm_orc.ensemble(said, inputs=inputs, default_task={"text": "Hello."})
    assert llm_orc("invoke", "e.yaml").stdout == "dry: Hello.\n"
    assert llm_orc("invoke", "e.yaml", "--var", "text=Bye.").stdout == "dry: Bye.\n"


def test_an_answer_is_repaired_once_with_its_fault_shown(llm_orc, faulty_server):
    faulty_server.script(Reply(text='{"n": "two"}'), Reply(text='```json\n{"n": 2}\n```'))
    llm_orc.ensemble(served(faulty_server.openai_url, output_schema=NUMBER))
    done = llm_orc("invoke", "e.yaml", "Good.", "--quiet")
    assert (done.returncode, json.loads(done.stdout)) == (0, {"n": 2})
    first, second = (turns(body) for body in faulty_server.bodies)
    assert first == [("user", "Good.")]
    assert second[:2] == [*first, ("assistant", '{"n": "two"}')]
    assert second[2][0] == "user"
    assert "n: expected a whole number, got text 'two'" in second[2][1]


def test_a_repair_is_an_event(llm_orc):
    llm_orc.ensemble(agent("a", "no", '{"n": 2}', output_schema=NUMBER))
    done = llm_orc("invoke", "e.yaml", "x", "--output-format", "jsonl")
    [event] = [e for e in map(json.loads, done.stdout.splitlines()) if e["type"] == "answer_repaired"]
    assert (event["agent"], event["message"]) == ("a", "the answer is not JSON: 'no'")


def test_the_next_fallback_answers_and_the_result_says_which(llm_orc, faulty_server):
    faulty_server.script(Reply(status=500))
    llm_orc.file(
        "models.yaml",
        json.dumps({"models": {
            "far": {"provider": "openai", "base_url": closed_port()},
            "broken": {"provider": "openai", "base_url": faulty_server.openai_url},
            "near": {"provider": "openai", "base_url": faulty_server.openai_url},
        }}),
    )  # fmt: skip
    llm_orc.ensemble({"name": "a", "model": "far", "fallback": ["broken", "near", "far"]})
    done = llm_orc("invoke", "e.yaml", "x", "--output-format", "json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["status"], result["output"]) == (0, "succeeded", "echo: x")
    assert (result["agents"]["a"]["model"], result["agents"]["a"]["attempts"]) == ("near", 3)


@pytest.mark.parametrize(("flags", "seed"), [([], None), (["--seed", "7"], 7)])
def test_a_fallback_is_asked_with_its_own_settings_and_the_agents(llm_orc, faulty_server, flags, seed):
    near = {"provider": "openai", "base_url": faulty_server.openai_url, "max_tokens": 50, "top_p": 0.7}
    far = {"provider": "openai", "base_url": closed_port(), "options": {"num_ctx": 4096}, "seed": 1}
    profiles = {
        "strong": {"model": "far", "temperature": 0.9, "fallback_model_profile": "weak"},
        "weak": {"model": "near", "max_tokens": 20},
    }
    llm_orc.file("models.yaml", json.dumps({"models": {"far": far, "near": near}}))
    llm_orc.file(".llm-orc/config.yaml", json.dumps({"model_profiles": profiles}))
    llm_orc.ensemble({"name": "a", "model_profile": "strong", "top_p": 0.5})
    assert llm_orc("invoke", "e.yaml", "x", *flags).returncode == 0
    [body] = faulty_server.bodies
    assert (body["max_tokens"], body["top_p"], body.get("seed")) == (20, 0.5, seed)
    assert "num_ctx" not in body
    assert "temperature" not in body


def test_where_no_fallback_is_left_the_last_failure_counts(llm_orc):
    far = {"provider": "openai", "base_url": closed_port()}
    llm_orc.file("models.yaml", json.dumps({"models": {"far": far, "further": far}}))
    llm_orc.ensemble({"name": "a", "model": "far", "fallback": "further"})
    done = llm_orc("invoke", "e.yaml", "x", "--quiet")
    assert (done.returncode, done.stdout) == (4, "")
    assert done.stderr.startswith("error: agent 'a': openai further at 127.0.0.1:")


def test_an_answer_that_is_refused_by_its_schema_is_no_case_for_a_fallback(llm_orc):
    llm_orc.ensemble(agent("a", "{}", output_schema=NUMBER, fallback="scripted/other"))
    done = llm_orc("invoke", "e.yaml", "x", "--output-format", "json")
    assert (done.returncode, json.loads(done.stdout)["agents"]["a"]["model"]) == (1, "scripted/m")
