"""Variants and chosen examples, as a user sees them."""

from __future__ import annotations

import json
from collections import Counter

from tests.servers.faulty import FaultyServer

from .command_line import CommandLine, agent

WORDINGS = [{"name": "control"}, {"name": "polite", "prompt": "Please: {{ input }}", "weight": 3}]
ROWS = [("It broke after a day.", "bad"), ("Better than I hoped.", "good"), ("The screen broke.", "bad")]


def result(llm_orc: CommandLine, *arguments: str, **variables: str) -> dict:
    done = llm_orc("invoke", *arguments, "--output-format", "json", **variables)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def demos(llm_orc: CommandLine) -> None:
    lines = [json.dumps({"inputs": {"input": text}, "output": label}) for text, label in ROWS]
    llm_orc.file("demos.jsonl", "\n".join(lines) + "\n")


def test_runs_take_turns_with_the_wordings_and_say_which(llm_orc):
    llm_orc.ensemble(agent("a", variants=WORDINGS, prompt="{{ input }}"))
    done = llm_orc.together([("invoke", "e.yaml", f"hi {n}", "--output-format", "json") for n in range(40)])
    found = Counter()
    for each in done.values():
        outcome = json.loads(each.stdout)["agents"]["a"]
        assert outcome["output"].startswith("Please: ") == (outcome["variant"] == "polite")
        found[outcome["variant"]] += 1
    assert found["polite"] > found["control"] > 0


def test_a_seed_takes_the_same_wording_for_the_same_input(llm_orc):
    llm_orc.ensemble(agent("a", variants=WORDINGS, prompt="{{ input }}"))
    flags = [
        ("invoke", "e.yaml", "hi", "--seed", "7", "--output-format", "json", *["--quiet"] * n) for n in (0, 1)
    ]
    one, two = llm_orc.together(flags).values()
    assert (
        json.loads(one.stdout)["agents"]["a"]["variant"] == json.loads(two.stdout)["agents"]["a"]["variant"]
    )


def test_the_choice_is_an_event_and_an_agent_keeps_it_in_all_of_its_executions(llm_orc):
    llm_orc.ensemble(
        {"name": "list", "script": "echo '[1, 2, 3]'"},
        agent("each", variants=WORDINGS, prompt="{{ item }}", depends_on=["list"], fan_out={"over": "list"}),
    )
    done = llm_orc("invoke", "e.yaml", "hi", "--output-format", "jsonl")
    events = [json.loads(line) for line in done.stdout.splitlines()]
    (chosen,) = [event for event in events if event["type"] == "variant_chosen"]
    outcome = events[-1]["agents"]["each"]
    assert (chosen["agent"], chosen["variant"]) == ("each", outcome["variant"])
    assert chosen["share"] == {"control": 0.25, "polite": 0.75}[chosen["variant"]]
    assert len({text.startswith("Please: ") for text in outcome["output"]}) == 1


def test_the_nearest_examples_are_shown_and_said(llm_orc):
    demos(llm_orc)
    llm_orc.ensemble(
        agent("a", demos={"select": "knn", "file": "demos.jsonl", "k": 2}, prompt="> {{ input }}")
    )
    llm_orc("invoke", "e.yaml", "my screen is broken", "--runs", "r.db")
    lines = llm_orc("runs", "export", "last", "--runs", "r.db").stdout.splitlines()
    records = [json.loads(line) for line in lines]
    (call,) = [record for record in records if record["record"] == "call"]
    assert [message["content"] for message in call["request"]["messages"]] == [
        "> It broke after a day.", "bad", "> The screen broke.", "bad", "> my screen is broken",
    ]  # fmt: skip
    (event,) = [record for record in records if record.get("type") == "demos_chosen"]
    assert (event["lines"], event["by"]) == ([1, 3], "words")
    assert event["similarities"] == sorted(event["similarities"])
    told = llm_orc("invoke", "e.yaml", "my screen is broken", "--verbose").stderr
    assert "· a: the examples of lines 1, 3 are shown, compared by words\n" in told


def test_an_example_is_not_shown_to_its_own_question(llm_orc):
    demos(llm_orc)
    llm_orc.ensemble(agent("a", demos={"select": "knn", "file": "demos.jsonl", "k": 3}))
    done = llm_orc("invoke", "e.yaml", "the screen  BROKE.", "--output-format", "jsonl")
    (event,) = [e for e in map(json.loads, done.stdout.splitlines()) if e["type"] == "demos_chosen"]
    assert sorted(event["lines"]) == [1, 2]


def test_a_server_can_compare_the_examples(llm_orc, faulty_server: FaultyServer):
    demos(llm_orc)
    address = faulty_server.openai_url
    dear, free = {"input": 1e6, "output": 0}, {"input": 0, "output": 0}
    llm_orc.file("models.yaml", json.dumps({"models": {
        "openai-e": {"provider": "openai", "name": "e", "base_url": address, "price": dear},
        "ollama-e": {"provider": "ollama", "name": "e", "base_url": faulty_server.url, "price": dear},
        "m": {"provider": "openai", "base_url": address, "price": free},
    }}))  # fmt: skip
    for embedding in ("openai-e", "ollama-e"):
        chosen = {"select": "knn", "file": "demos.jsonl", "k": 1, "embedding_model": embedding}
        llm_orc.ensemble({"name": "a", "model": "m", "demos": chosen})
        found = result(llm_orc, "e.yaml", "Better than I hoped now.", "--runs", f"{embedding}.db")
        # Three examples and the input, each one token.
        assert found["usage"]["input_tokens"] == 7 + 4
        assert found["cost_usd"] == 4
        asked = faulty_server.received[-1].body["messages"]
        assert [message["content"] for message in asked] == [*ROWS[1], "Better than I hoped now."]


def test_an_embedding_server_that_is_gone_fails_the_agent_clearly(llm_orc, faulty_server: FaultyServer):
    demos(llm_orc)
    llm_orc.ensemble(agent("a", demos={
        "select": "knn", "file": "demos.jsonl",
        "embedding_model": {"provider": "ollama", "name": "e", "base_url": "http://127.0.0.1:9"},
    }))  # fmt: skip
    done = llm_orc("invoke", "e.yaml", "hi")
    assert done.returncode == 4
    assert "ollama e at 127.0.0.1:9: no connection" in done.stderr


def test_a_bad_row_stops_before_anything_is_run(llm_orc):
    demos(llm_orc)
    llm_orc.file("demos.jsonl", '{"inputs": {"input": "x"}, "output": "y"}\n{"inputs": {}}\n')
    llm_orc.ensemble(agent("a", demos={"select": "knn", "file": "demos.jsonl"}))
    done = llm_orc("invoke", "e.yaml", "hi")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == (
        'error: demos.jsonl:2:1: this row has no \'output\' (each line is {"inputs": {...}, "output": ...})\n'
    )
