"""Tracing as a user has it: spans and metrics at a collector that is a process of its own."""

from __future__ import annotations

import json

import pytest

from tests.servers.faulty import Reply
from tests.servers.otlp import request_of_json, spans_of, tree

from .command_line import agent, failing, script, served
from .traced import Traced, run

SAYS = "import os; print(os.environ.get('TRACEPARENT'))"


@pytest.mark.parametrize("protocol", ["http/protobuf", "grpc"])
def test_a_run_is_a_tree_of_spans(llm_orc, collector, faulty_server, protocol):
    inner = {"name": "i", "agents": [served(faulty_server.openai_url, "inside")]}
    llm_orc.file("inner.yaml", json.dumps(inner))
    llm_orc.ensemble(
        script("parts", "print('[1, 2]')"),
        {"name": "each", "ensemble": "inner.yaml", "depends_on": ["parts"], "fan_out": True},
        {
            "name": "voter", "model": {"provider": "ollama", "name": "m", "base_url": faulty_server.url},
            "strategy": {"type": "self_consistency", "samples": 2}, "depends_on": ["each"],
        },
    )  # fmt: skip
    found = run(llm_orc, collector, protocol=protocol)
    assert tree(found.spans) == [
        "invoke_workflow e",
        "  invoke_agent parts",
        "  invoke_agent each",
        "    item each",
        "      invoke_agent each/inside",
        "        chat m",
        "    item each",
        "      invoke_agent each/inside",
        "        chat m",
        "  invoke_agent voter",
        "    sample self_consistency",
        "      chat m",
        "    sample self_consistency",
        "      chat m",
    ]
    ids = [span["id"] for span in found.spans]
    assert len(set(ids)) == len(ids)
    assert all(int(span["began"]) <= int(span["ended"]) for span in found.spans)
    assert {span["kind"] for span in found.spans if span["name"] == "chat m"} == {"CLIENT"}
    assert {span["schema"] for span in found.spans} == {"https://opentelemetry.io/schemas/gen-ai/1.42.0"}


def test_servers_and_scripts_are_told_of_the_span_that_asks_them(llm_orc, collector, faulty_server):
    url = faulty_server.openai_url
    llm_orc.ensemble(script("one", SAYS), served(url, "two"), served(url, "three", depends_on=["two"]))
    found = run(llm_orc, collector)
    script_span = found.named("invoke_agent one")["id"]
    assert found.result["output"]["one"] == f"00-{found.trace}-{script_span}-01"
    chats = {span["id"] for span in found.spans if span["name"] == "chat m"}
    told = {request.headers["traceparent"] for request in faulty_server.received}
    assert told == {f"00-{found.trace}-{chat}-01" for chat in chats}
    assert len(told) == 2


def test_a_tools_script_is_told_of_the_tools_span(llm_orc, collector, faulty_server):
    call = {"id": "1", "type": "function", "function": {"name": "where", "arguments": "{}"}}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    faulty_server.script(Reply(body={"choices": [{"message": message, "finish_reason": "tool_calls"}]}))
    tool = {
        "name": "where", "description": "Where?", "script": f'python -c "{SAYS}"',
        "parameters": {"type": "object", "properties": {}},
    }  # fmt: skip
    llm_orc.ensemble(served(faulty_server.openai_url, tools=[tool]))
    found = run(llm_orc, collector)
    assert tree(found.spans)[2:] == [
        "    sample single",
        "      chat m",
        "      execute_tool where",
        "      chat m",
    ]
    span = found.named("execute_tool where")
    assert span["attributes"]["gen_ai.tool.name"] == "where"
    shown = faulty_server.bodies[-1]["messages"][-1]["content"]
    assert shown == f"00-{found.trace}-{span['id']}-01"


def test_nobody_is_told_of_a_run_that_is_not_traced(llm_orc, faulty_server):
    llm_orc.ensemble(script("one", SAYS), served(faulty_server.openai_url, "two"))
    done = llm_orc("invoke", "e.yaml", "hello", "--output-format", "json")
    assert json.loads(done.stdout)["output"]["one"] == "None"
    assert "traceparent" not in faulty_server.received[0].headers


def test_a_call_says_who_was_asked_how_and_what_it_took(llm_orc, collector, faulty_server):
    llm_orc.ensemble(served(faulty_server.openai_url, temperature=0.5, max_tokens=9))
    found = run(llm_orc, collector, "--seed", "3")
    port = int(faulty_server.url.rpartition(":")[2])
    said = found.named("chat m")["attributes"]
    assert said.pop("llm_orc.call.queued_seconds") >= 0
    assert said == {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "m",
        "gen_ai.response.model": "m", "gen_ai.response.finish_reasons": ["stop"],
        "server.address": "127.0.0.1",
        "server.port": port, "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 2,
        "gen_ai.request.temperature": 0.5, "gen_ai.request.max_tokens": 9, "gen_ai.request.seed": 3,
        "llm_orc.call.number": 1, "llm_orc.call.model": "openai/m", "llm_orc.call.source": "model",
    }  # fmt: skip


def test_votes_and_confidence_are_on_the_agent_and_its_steps_are_events(llm_orc, collector):
    llm_orc.ensemble(agent("a", "4", "5", "4", strategy={"type": "self_consistency", "samples": 3}))
    span = run(llm_orc, collector).named("invoke_agent a")
    said = span["attributes"]
    assert said["llm_orc.vote.weights"] == [2.0, 1.0]
    assert said["llm_orc.vote.share"] == 0.6667
    assert said["llm_orc.agent.confidence"] == pytest.approx(2 / 3)
    assert said["llm_orc.agent.strategy"] == "self_consistency"
    assert [name for name, _ in span["events"]] == ["self_consistency sampled", "self_consistency voted"]


def test_what_failed_says_what_and_what_it_cut_off(llm_orc, collector, faulty_server):
    faulty_server.script(Reply(status=404, body={"error": {"message": "no such model"}}))
    llm_orc.ensemble(served(faulty_server.openai_url), {**agent("b"), "depends_on": ["a"]})
    found = run(llm_orc, collector)
    assert found.result["status"] == "failed"
    for name in ("chat m", "invoke_agent a", "invoke_workflow e"):
        assert found.named(name)["attributes"]["error.type"] == "model_missing"
        assert found.named(name)["error"] == "model_missing"
    assert found.named("invoke_workflow e")["events"] == [
        ["agent skipped", {"gen_ai.agent.name": "b", "llm_orc.skipped.reason": "stopped"}]
    ]


def test_a_run_that_is_cut_short_ends_its_spans(llm_orc, collector, faulty_server):
    faulty_server.script(Reply(hang=True))
    llm_orc.ensemble(served(faulty_server.openai_url))
    found = run(llm_orc, collector, "--max-seconds", "1")
    assert tree(found.spans) == ["invoke_workflow e", "  invoke_agent a", "    chat m"]
    assert found.named("chat m")["attributes"]["llm_orc.cut"] is True
    assert found.named("invoke_agent a")["attributes"]["error.type"] == "deadline_passed"


def test_the_next_model_is_no_part_of_the_call_that_took_too_long(llm_orc, collector, faulty_server):
    faulty_server.script(Reply(hang=True))
    url = faulty_server.openai_url
    llm_orc.file("models.yaml", json.dumps({"models": {"other": {"provider": "openai", "base_url": url}}}))
    llm_orc.ensemble(served(url, timeout_seconds=1, fallback="other"))
    found = run(llm_orc, collector)
    assert tree(found.spans) == ["invoke_workflow e", "  invoke_agent a", "    chat m", "    chat other"]
    assert [name for name, _ in found.named("invoke_agent a")["events"]] == ["fallback"]


def test_a_run_is_part_of_the_trace_that_the_environment_names(llm_orc, collector):
    llm_orc.ensemble(agent())
    trace, parent = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
    found = run(llm_orc, collector, TRACEPARENT=f"00-{trace}-{parent}-01", TRACESTATE="vendor=1")
    root = found.named("invoke_workflow e")
    assert (found.trace, root["parent"], root["state"]) == (trace, parent, "vendor=1")


@pytest.mark.parametrize("given", ["", "00-0-0-00", f"00-{'0' * 32}-{'1' * 16}-01", "nonsense"])
def test_a_trace_that_is_no_trace_is_not_continued(llm_orc, collector, given):
    llm_orc.ensemble(agent())
    assert run(llm_orc, collector, TRACEPARENT=given).named("invoke_workflow e")["parent"] is None


@pytest.mark.parametrize(
    "variables",
    [{"OTEL_TRACES_SAMPLER": "always_off"}, {"TRACEPARENT": f"00-{'a' * 32}-{'b' * 16}-00"}],
)
def test_what_is_not_sampled_is_not_sent_and_servers_are_told_so(
    llm_orc, collector, faulty_server, variables
):
    llm_orc.ensemble(served(faulty_server.openai_url))
    found = run(llm_orc, collector, **variables)
    assert found.spans == []
    told = faulty_server.received[0].headers["traceparent"]
    assert told.startswith(f"00-{found.trace}-")
    assert told.endswith("-00")
    assert "gen_ai.client.operation.duration" in collector.metrics


SECRETS = "my key is sk-abcdefghij0123456789KLMN, Bearer abcdef0123456789, me@example.org, ACME-77"


def test_what_is_said_is_not_told_unless_wanted(llm_orc, collector, faulty_server):
    llm_orc.ensemble(served(faulty_server.openai_url, prompt="{{ input }} about the whale"))
    found = run(llm_orc, collector)
    assert found.result["output"] == "echo: hello about the whale"
    assert "whale" not in json.dumps(found.spans)
    assert "hello" not in json.dumps(found.spans)


def test_what_is_said_is_told_without_secrets_when_wanted(llm_orc, collector, faulty_server):
    llm_orc.file(".llm-orc/config.yaml", "trace_redact: [keys, bearer_tokens, emails, 'ACME-\\d+']\n")
    llm_orc.ensemble(served(faulty_server.openai_url, prompt="{{ input }}"))
    place = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.http}
    capture = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "SPAN_ONLY"}
    done = llm_orc("invoke", "e.yaml", SECRETS, "--output-format", "json", **place, **capture)
    said = Traced(collector, done).named("chat m")["attributes"]
    hidden = "my key is [redacted], [redacted], [redacted], [redacted]"
    assert json.loads(said["gen_ai.input.messages"]) == [
        {"role": "user", "parts": [{"type": "text", "content": hidden}]}
    ]
    (answer,) = json.loads(said["gen_ai.output.messages"])
    assert answer["parts"] == [{"type": "text", "content": f"echo: {hidden}"}]


def test_an_error_that_may_quote_what_was_said_is_told_by_its_kind(llm_orc, collector):
    llm_orc.ensemble(failing("a"))
    assert run(llm_orc, collector).named("invoke_agent a")["error"] == "script_failed"
    wanted = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}
    assert "broken" in run(llm_orc, collector, **wanted).named("invoke_agent a")["error"]


def test_metrics_count_calls_tokens_and_agents(llm_orc, collector, faulty_server):
    llm_orc.ensemble(served(faulty_server.openai_url), served(faulty_server.openai_url, "b"))
    run(llm_orc, collector)
    metrics = collector.metrics
    (duration,) = metrics["gen_ai.client.operation.duration"]
    assert (duration["count"], duration["unit"]) == (2, "s")
    assert duration["attributes"]["gen_ai.provider.name"] == "openai"
    tokens = {p["attributes"]["gen_ai.token.type"]: p["sum"] for p in metrics["gen_ai.client.token.usage"]}
    assert tokens == {"input": 14.0, "output": 4.0}
    assert sorted(p["attributes"]["gen_ai.agent.name"] for p in metrics["gen_ai.invoke_agent.duration"]) == [
        "a", "b",
    ]  # fmt: skip
    assert metrics["gen_ai.invoke_workflow.duration"][0]["count"] == 1


def test_a_call_that_is_tried_again_is_one_span_and_counted(llm_orc, collector, faulty_server):
    faulty_server.script(Reply(status=503, headers={"retry-after": "0"}))
    llm_orc.ensemble(served(faulty_server.openai_url))
    found = run(llm_orc, collector, "--retries", "2")
    span = found.named("chat m")
    ((name, said),) = span["events"]
    assert (name, said["error.type"], said["llm_orc.retry.attempt"]) == ("retry", "server_failed", 2)
    assert {request.headers["traceparent"] for request in faulty_server.received} == {
        f"00-{found.trace}-{span['id']}-01"
    }
    (point,) = collector.metrics["llm_orc.retries"]
    assert (point["value"], point["attributes"]["error.type"]) == (1, "server_failed")


def test_an_answer_from_the_cache_is_no_call_and_costs_no_tokens(llm_orc, collector, faulty_server):
    (llm_orc.folder / ".llm-orc").mkdir()
    llm_orc.ensemble(served(faulty_server.openai_url, temperature=0))
    first = run(llm_orc, collector, LLM_ORC_CACHE="project").named("chat m")
    again = run(llm_orc, collector, LLM_ORC_CACHE="project").named("chat openai/m")
    assert first["attributes"]["llm_orc.call.source"] == "model"
    assert again["attributes"]["llm_orc.call.source"] == "cache"
    assert "gen_ai.usage.input_tokens" not in again["attributes"]
    (point,) = collector.metrics["llm_orc.cache.hits"]
    assert (point["value"], point["attributes"]["gen_ai.request.model"]) == (1, "openai/m")
    assert "gen_ai.client.token.usage" not in collector.metrics


def test_a_run_that_is_resumed_is_a_second_trace(llm_orc, collector, faulty_server):
    (llm_orc.folder / ".llm-orc").mkdir()
    faulty_server.script(Reply(), Reply(status=400, body={"error": {"message": "no"}}))
    llm_orc.ensemble(
        served(faulty_server.openai_url), served(faulty_server.openai_url, "b", depends_on=["a"])
    )
    first = run(llm_orc, collector)
    there = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.http}
    second = Traced(collector, llm_orc("runs", "resume", "last", "--output-format", "json", **there))
    assert second.trace != first.trace
    assert second.named("invoke_workflow e")["attributes"]["llm_orc.run.attempt"] == 2
    known = [s["attributes"]["llm_orc.call.source"] for s in second.spans if s["name"].startswith("chat")]
    assert sorted(known) == ["journal", "model"]
    done = llm_orc("runs", "export", "last", "--format", "otlp")
    spans = [span for line in done.stdout.splitlines() for span in spans_of(request_of_json(line))]
    assert {span["id"] for span in spans} == {span["id"] for span in first.spans + second.spans}


def test_the_conventions_new_names_are_used_where_wanted(llm_orc, collector, faulty_server):
    llm_orc.ensemble(served(faulty_server.openai_url))
    run(llm_orc, collector, OTEL_SEMCONV_STABILITY_OPT_IN="gen_ai_latest_experimental")
    metrics = collector.metrics
    assert metrics["gen_ai.client.inference.usage.input_tokens"][0]["value"] == 7
    assert "gen_ai.client.inference.duration" in metrics
    assert "gen_ai.client.token.usage" not in metrics
