"""`invoke`: flags that change how an ensemble is run."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.providers.gguf_file import write_random_gguf
from tests.servers import llama
from tests.servers.faulty import Reply

from .command_line import DEADLINE, agent, script, served


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """llama.cpp's own server."""
    file = write_random_gguf(tmp_path_factory.mktemp("models") / "random.gguf")
    command = [sys.executable, str(Path(llama.__file__)), str(file)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield process.stdout.readline().strip()
        process.stdin.close()
        process.wait(DEADLINE)


def order(stdout: str) -> list[str]:
    """Starts and ends of agents, as they happened."""
    events = [json.loads(line) for line in stdout.splitlines()]
    short = {"agent_started": "+", "agent_finished": "-"}
    return [short[event["type"]] + event["agent"] for event in events if event["type"] in short]


@pytest.mark.parametrize(
    ("flags", "keys", "sent"),
    [([], {}, None), (["--seed", "7"], {}, 7), (["--seed", "7"], {"seed": 3}, 3), (["--seed", "0"], {}, 0)],
)
def test_a_seed_reaches_the_server(llm_orc, faulty_server, flags, keys, sent):
    llm_orc.ensemble(served(faulty_server.openai_url, **keys))
    assert llm_orc("invoke", "e.yaml", "x", *flags).returncode == 0
    assert faulty_server.bodies[0].get("seed") == sent


@pytest.mark.parametrize(
    "part",
    [
        {"ensemble": "part.yaml"},
        {"loop": {"body": "part.yaml", "max_iterations": 1}},
        {
            "dispatch": {"from": "first", "allow": ["part.yaml"], "default": "part.yaml"},
            "depends_on": ["first"],
        },
    ],
    ids=["ensemble", "loop", "dispatch"],
)
def test_a_seed_reaches_the_ensembles_within(llm_orc, faulty_server, part):
    llm_orc.ensemble(served(faulty_server.openai_url), file="part.yaml")
    llm_orc.ensemble(agent("first", "any"), {"name": "p", **part})
    done = llm_orc("invoke", "e.yaml", "x", "--seed", "7")
    assert done.returncode == 0, done.stderr
    assert [body.get("seed") for body in faulty_server.bodies] == [7]


def test_a_model_of_the_flag_serves_every_agent(llm_orc, faulty_server):
    entry = f"{{provider: openai, base_url: '{faulty_server.openai_url}'}}"
    llm_orc.file("models.yaml", f"models: {{near: {entry}}}")
    llm_orc.ensemble(agent("a"), agent("b", depends_on=["a"], model="ollama/none", options={}))
    done = llm_orc("invoke", "e.yaml", "x", "--model", "near", "--output-format", "json")
    assert {outcome["model"] for outcome in json.loads(done.stdout)["agents"].values()} == {"near"}
    assert [body["model"] for body in faulty_server.bodies] == ["near", "near"]


@pytest.mark.parametrize(
    ("model", "said"),
    [
        ("tiny-larg", "error: unknown model 'tiny-larg'\nhint: did you mean 'tiny-large'?\n"),
        ("olama/x", "error: unknown provider 'olama' in 'olama/x'\nhint: did you mean 'ollama'?\n"),
    ],
)
def test_an_unknown_model_of_the_flag_is_an_error_of_use(llm_orc, model, said):
    llm_orc.ensemble(agent())
    done = llm_orc("invoke", "e.yaml", "x", "--model", model)
    assert (done.returncode, done.stdout, done.stderr) == (2, "", said)


@pytest.mark.parametrize("how", ["flag", "file", "environment"])
def test_a_layered_run_waits_for_the_whole_layer(llm_orc, how):
    keys = {"schedule": "layered"} if how == "file" else {}
    llm_orc.ensemble(agent("quick"), agent("slow", wait=0.3), agent("next", depends_on=["quick"]), **keys)
    flags = ["--schedule", "layered"] if how == "flag" else []
    variables = {"LLM_ORC_SCHEDULE": "layered"} if how == "environment" else {}
    done = llm_orc("invoke", "e.yaml", "x", "--output-format", "jsonl", *flags, **variables)
    happened = order(done.stdout)
    assert happened.index("+next") > happened.index("-slow")


def test_an_eager_run_does_not_wait(llm_orc, faulty_server):
    """The slow agent is answered only after the next one has asked."""
    faulty_server.script(Reply(held=True))
    url = faulty_server.openai_url
    llm_orc.ensemble(served(url, "slow"), script("quick", "print(1)"), agent("next", depends_on=["quick"]))
    with llm_orc.started("invoke", "e.yaml", "x", "--output-format", "jsonl") as process:
        lines = iter(process.stdout)
        seen = [next(line for line in lines if '"agent_finished"' in line and '"next"' in line)]
        faulty_server.release()
        seen += lines
    assert [name for name in order("".join(seen)) if name.startswith("-")] == ["-next", "-slow"]


def test_concurrency_is_the_most_agents_at_once(llm_orc):
    llm_orc.ensemble(*(agent(name, wait=0.05) for name in "abc"))
    done = llm_orc("invoke", "e.yaml", "x", "--output-format", "jsonl", "--concurrency", "1")
    assert order(done.stdout) == ["+a", "-a", "+b", "-b", "+c", "-c"]


def test_a_flag_that_cannot_be_is_an_error_of_use(llm_orc):
    llm_orc.ensemble(agent())
    wrong = {
        ("--concurrency", "0"): "invalid value for '--concurrency'",
        ("--max-seconds", "0"): "invalid value for '--max-seconds'",
        ("--max-seconds", "nan"): "invalid value for '--max-seconds'",
        ("--seed", "-1"): "invalid value for '--seed'",
        ("--output-format", "xml"): "'xml' is not one of 'rich', 'text', 'json', 'jsonl'",
        ("--schedule", "lazy"): "'lazy' is not one of 'eager', 'layered'",
        ("--modle", "x"): "no such option '--modle'",
    }
    done = llm_orc.together(("invoke", "e.yaml", "x", *flags) for flags in wrong)
    for flags, said in wrong.items():
        refused = done["invoke", "e.yaml", "x", *flags]
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith("error: ")
        assert said in refused.stderr.lower()
        assert "\nhint: " in refused.stderr


def test_an_openai_compatible_server_answers(llm_orc, address):
    llm_orc.ensemble(served(f"{address}/v1", max_tokens=4, temperature=0))
    done = llm_orc("invoke", "e.yaml", "hello", "--output-format", "json")
    result = json.loads(done.stdout)
    assert (done.returncode, result["status"]) == (0, "succeeded"), done.stderr
    assert 0 < result["usage"]["output_tokens"] <= 4
