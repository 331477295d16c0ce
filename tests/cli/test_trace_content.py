"""What was said stays out of traces, also where a server, a script or a model quotes it in an error."""

from __future__ import annotations

import json

import pytest

from tests.servers.faulty import Reply

from .command_line import agent, script, served
from .traced import Traced, lines, run

SAID = "whale-4711 sk-abcdefghij0123456789KLMN"
QUOTED = {"error": {"message": f"invalid content in message: {SAID}"}}
WANTED = {"OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT": "true"}


def failing_servers() -> list[Reply]:
    """Each way in which a server can repeat what it was sent."""
    bodies = [Reply(status=status, body=QUOTED) for status in (400, 401, 403, 404, 413, 418, 429, 500)]
    code = {"error": {**QUOTED["error"], "code": "model_not_found"}}
    refusal = {"choices": [{"message": {"role": "assistant", "refusal": SAID}, "finish_reason": "stop"}]}
    return [
        *bodies,
        Reply(status=404, body=code),
        Reply(body=QUOTED),
        Reply(body=refusal),
        Reply(body={"choices": SAID}),
        Reply(body=SAID.encode()),
    ]


def test_a_server_that_repeats_the_prompt_in_its_error_does_not_bring_it_into_a_trace(
    llm_orc, collector, faulty_server
):
    (llm_orc.folder / ".llm-orc").mkdir()
    llm_orc.file(".llm-orc/config.yaml", "keep_content: false\ntrace: spans.jsonl\n")
    there = {"OTEL_EXPORTER_OTLP_METRICS_ENDPOINT": f"{collector.http}/v1/metrics"}
    replies = failing_servers()
    for number, reply in enumerate(replies):
        faulty_server.script(reply)
        llm_orc.ensemble(served(faulty_server.openai_url))
        done = llm_orc("invoke", "e.yaml", SAID, **(there if number == len(replies) - 1 else {}))
        assert done.returncode == 1, (reply, done.stdout)
    spans = (llm_orc.folder / "spans.jsonl").read_text()
    assert spans.count("\n") == 3 * len(replies)
    export = llm_orc("runs", "export", "--all", "--format", "otlp").stdout
    told = spans + export + json.dumps(collector.metrics)
    assert "whale-4711" not in told
    for span in lines(llm_orc.folder / "spans.jsonl"):
        assert span["error"] == span["attributes"]["error.type"]


QUOTES = "import sys; sys.exit(sys.stdin.read())"
NUMBER = {"type": "object", "properties": {"n": {"type": "number"}}}


@pytest.mark.parametrize(
    "agents",
    [
        pytest.param([script("a", QUOTES)], id="script"),
        # Its model repeats what it is asked.
        pytest.param([agent("a", output_schema={"type": "object"})], id="not JSON"),
        pytest.param([agent("a", output_schema=NUMBER, prompt='{"n": "{{ input }}"}')], id="not the JSON"),
        pytest.param(
            [
                agent("a"),
                {"name": "b", "depends_on": ["a"], "dispatch": {"from": "a", "allow": ["inner.yaml"]}},
            ],
            id="dispatch",
        ),
        pytest.param(
            [agent("a", prompt='["{{ input }}"]'), script("b", QUOTES, depends_on=["a"], fan_out=True)],
            id="item",
        ),
    ],
)
def test_an_error_that_quotes_a_script_or_a_model_is_told_by_its_kind(llm_orc, agents):
    llm_orc.ensemble(agent("x"), file="inner.yaml")
    llm_orc.ensemble(*agents)
    done = llm_orc("invoke", "e.yaml", SAID, "--trace", "spans.jsonl")
    assert done.returncode == 1, done.stderr
    assert "whale-4711" not in (llm_orc.folder / "spans.jsonl").read_text()


def test_a_model_that_stands_in_and_a_call_that_is_tried_again_do_not_tell_why_in_the_servers_words(
    llm_orc, faulty_server
):
    url = faulty_server.openai_url
    faulty_server.script(
        Reply(status=503, body=QUOTED, headers={"retry-after": "0"}), Reply(status=400, body=QUOTED)
    )
    llm_orc.file("models.yaml", json.dumps({"models": {"other": {"provider": "openai", "base_url": url}}}))
    llm_orc.ensemble(served(url, fallback="other"))
    done = llm_orc("invoke", "e.yaml", SAID, "--trace", "spans.jsonl", "--retries", "1")
    assert done.returncode == 0, done.stderr
    text = (llm_orc.folder / "spans.jsonl").read_text()
    assert '"retry"' in text
    assert '"fallback"' in text
    assert "whale-4711" not in text


def test_when_wanted_the_servers_words_are_told_without_secrets(llm_orc, collector, faulty_server):
    faulty_server.script(Reply(status=400, body=QUOTED))
    llm_orc.ensemble(served(faulty_server.openai_url))
    found = run(llm_orc, collector, **WANTED)
    for name in ("chat m", "invoke_agent a", "invoke_workflow e"):
        assert found.named(name)["error"].endswith("invalid content in message: whale-4711 [redacted]")


def test_what_llm_orc_says_itself_is_told_whole(llm_orc, collector, faulty_server):
    llm_orc.ensemble(served(faulty_server.openai_url), served(faulty_server.openai_url, "b"))
    done = llm_orc(
        "invoke", "e.yaml", "hi", "--max-calls", "1", "--output-format", "json",
        OTEL_EXPORTER_OTLP_ENDPOINT=collector.http,
    )  # fmt: skip
    assert "the budget of 1 call" in Traced(collector, done).named("invoke_workflow e")["error"]
