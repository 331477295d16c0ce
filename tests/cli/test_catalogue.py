"""Models are discovered, measured and routed from the command line."""

from __future__ import annotations

import json
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import pytest
import yaml

from tests.servers.ollama import serving

ROOT = Path(__file__).parents[2]
TINY = ROOT / "llm_orc" / "embedded" / "tiny-small.gguf"
MINE = """\
# My models.
default: mine   # the one I like
models:
  # Do not touch.
  mine:
    provider: ollama   # here
    name: "llama3.1:8b"
    base_url: {address}
    context: 4096
  other: {{provider: scripted}}
"""


def entries(llm_orc) -> dict:
    return yaml.safe_load((llm_orc.folder / ".llm-orc" / "models.yaml").read_text())["models"]


def test_what_ollama_has_becomes_entries(llm_orc):
    with serving({"llama3.1:8b": 5, "nomic-embed": 1}, room_gb=8) as box:
        llm_orc.file(".llm-orc/config.yaml", "concurrency: 2\n")
        done = llm_orc("models", "discover", OLLAMA_HOST=box.address)
    assert done.returncode == 0
    assert "ollama at its usual address: 1 models" in done.stdout
    assert entries(llm_orc) == {
        "llama3.1-8b": {
            "provider": "ollama", "name": "llama3.1:8b", "context": 8192, "parameters_b": 5.0, "vram_gb": 5.5,
            "family": "llama", "quantisation": "Q4_K_M", "digest": "sha256:llama3.1:8b",
            "supports": ["json_schema", "load_control", "logprobs", "sampling", "seed", "tools"],
            "price": {"input": 0, "output": 0},
        }
    }  # fmt: skip
    assert llm_orc("validate", ".llm-orc/models.yaml").returncode == 0


def test_nothing_that_the_user_wrote_is_changed(llm_orc):
    with serving({"llama3.1:8b": 5, "new": 1}, room_gb=8) as box:
        text = MINE.format(address=box.address)
        llm_orc.file(".llm-orc/models.yaml", text)
        shown = llm_orc("models", "discover", "--dry-run", "--json")
        assert (llm_orc.folder / ".llm-orc/models.yaml").read_text() == text
        done = llm_orc("models", "discover")
    assert json.loads(shown.stdout)["written"] is False
    assert done.returncode == 0, done.stderr
    after = (llm_orc.folder / ".llm-orc/models.yaml").read_text()
    lines = after.split("\n")
    assert [line for line in lines if line in text.split("\n")] == text.split("\n")
    found = entries(llm_orc)
    assert (found["mine"]["context"], found["mine"]["family"]) == (4096, "llama")
    assert found["new"]["vram_gb"] == 1.1
    again = llm_orc("models", "discover")
    assert "nothing to add" in again.stdout or again.returncode == 4


def test_no_server_is_said_and_has_an_exit_code(llm_orc):
    done = llm_orc("models", "discover", OLLAMA_HOST="http://127.0.0.1:9")
    assert done.returncode == 4
    assert "no connection" in done.stderr
    assert not (llm_orc.folder / ".llm-orc").exists()


def test_a_name_that_means_another_model_is_not_taken(llm_orc):
    paid = "models:\n  new: {provider: openai, name: gpt-4o-mini}\n"
    llm_orc.file(".llm-orc/models.yaml", paid)
    with serving({"new": 1}, room_gb=8) as one, serving({"new": 1}, room_gb=8) as other:
        more = ("--provider", "ollama", "--url", other.address)
        done = llm_orc("models", "discover", *more, OLLAMA_HOST=one.address)
    assert done.returncode == 0, done.stderr
    found = entries(llm_orc)
    assert found.pop("new") == {"provider": "openai", "name": "gpt-4o-mini"}
    assert {entry.get("base_url") for entry in found.values()} == {None, other.address}


def test_an_entry_on_one_line_is_left_and_the_others_are_written(llm_orc):
    llm_orc.file(".llm-orc/models.yaml", "models:\n  mine: {provider: ollama, name: llama3}\n")
    with serving({"llama3": 5, "new": 1}, room_gb=8) as box:
        done = llm_orc("models", "discover", OLLAMA_HOST=box.address)
    assert done.returncode == 0, done.stderr
    assert "mine: left as it is: " in done.stdout
    assert list(entries(llm_orc)) == ["new", "mine"]


def test_a_file_that_cannot_be_kept_as_it_is_written_stays(llm_orc):
    text = "models:\n  ? mine\n  : provider: ollama\n    name: llama3\n"
    llm_orc.file(".llm-orc/models.yaml", text)
    with serving({"llama3": 5}, room_gb=8) as box:
        done = llm_orc("models", "discover", OLLAMA_HOST=box.address)
    assert (done.returncode, (llm_orc.folder / ".llm-orc/models.yaml").read_text()) == (2, text)
    assert "cannot be kept" in done.stderr


def test_a_model_of_another_file_is_left_there(llm_orc):
    llm_orc.file("models.yaml", "models:\n  shared: {provider: ollama, name: llama3}\n")
    llm_orc.file(".llm-orc/config.yaml", "concurrency: 2\n")
    with serving({"llama3": 5}, room_gb=8) as box:
        done = llm_orc("models", "discover", OLLAMA_HOST=box.address)
    assert "shared: left as it is" in done.stdout
    assert "nothing to add" in done.stdout


def test_an_openai_compatible_server_is_asked_too(llm_orc):
    command = [sys.executable, "-m", "tests.servers.llama", str(TINY)]
    with subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        address = f"{server.stdout.readline().strip()}/v1"
        llm_orc.file(".llm-orc/config.yaml", "concurrency: 2\n")
        done = llm_orc("models", "discover", "--url", address, OLLAMA_HOST="http://127.0.0.1:9")
        server.stdin.close()
    assert done.returncode == 0, done.stderr
    (entry,) = entries(llm_orc).values()
    assert (entry["provider"], entry["base_url"], entry["price"]) == (
        "openai", address, {"input": 0, "output": 0},
    )  # fmt: skip


def test_a_probe_measures_and_stores(llm_orc):
    with serving({"x": 5}, room_gb=8) as box:
        llm_orc.file(
            ".llm-orc/models.yaml",
            f"models:\n  x:\n    provider: ollama\n    base_url: {box.address}\n    vram_gb: 2  # a guess\n",
        )
        done = llm_orc("models", "probe", "x")
    assert done.returncode == 0, done.stderr
    text = (llm_orc.folder / ".llm-orc/models.yaml").read_text()
    assert "vram_gb: 5.0  # a guess" in text
    assert entries(llm_orc)["x"]["load_seconds"] == 0.05
    assert entries(llm_orc)["x"]["tokens_per_second"] > 0


def test_an_embedded_model_is_measured_and_not_stored(llm_orc):
    done = llm_orc("models", "probe", "tiny-small", "--json")
    found = json.loads(done.stdout)
    assert found["stored"] is False
    assert found["tokens_per_second"] > 10
    assert found["load_seconds"] > 0


@pytest.mark.parametrize(("preset", "model"), [("fast", "tiny-small"), ("heavy", "tiny-large")])
def test_presets_need_not_be_written(llm_orc, preset, model):
    done = llm_orc("invoke", llm_orc.ensemble({"name": "a", "model_profile": preset}), "2 + 2",
                   "--output-format", "json")  # fmt: skip
    assert json.loads(done.stdout)["agents"]["a"]["model"] == model


def test_the_list_price_of_a_hosted_model_is_known(llm_orc):
    llm_orc.ensemble({"name": "a", "model": "openai/gpt-4o-mini", "task": "qa_simple"})
    done = llm_orc("plan", "e.yaml", "go", "--router", "lp", "--json")
    assert json.loads(done.stdout)["usd"][1] > 0


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("openai/gpt-4o-mini", "$ 0.15/0.6 per million tokens in/out (genai-prices)"),
        # Not the price of its long requests, which is twice as high.
        ("anthropic/claude-sonnet-4-5", "$ 3/15 per million tokens in/out (genai-prices)"),
        ("openai/my-own-model-9", "unknown"),
        ("tiny-small", "$ 0/0 per million tokens in/out (catalogue)"),
        ("own", "$ 7/8 per million tokens in/out (catalogue)"),
    ],
)
def test_a_price_is_shown_with_who_says_so(llm_orc, model, price):
    own = {"provider": "openai", "name": "gpt-4o-mini", "price": {"input": 7, "output": 8}}
    llm_orc.file("models.yaml", json.dumps({"models": {"own": own}}))
    rows = dict(line.split(None, 1) for line in llm_orc("models", "show", model).stdout.splitlines() if line)
    assert rows["price"].strip() == price


def test_an_unknown_price_is_said_to_be_unknown(llm_orc):
    llm_orc.ensemble({"name": "a", "model": "openai/my-own-model-9", "task": "qa_simple"})
    done = llm_orc("plan", "e.yaml", "go", "--router", "lp")
    assert "price unknown" in done.stdout


def test_a_plan_shows_what_would_happen(llm_orc):
    llm_orc.ensemble({"name": "a", "models": ["tiny-small", "tiny-large"], "task": "reasoning"})
    done = llm_orc("plan", "e.yaml", "2 + 2")
    assert done.returncode == 0, done.stderr
    assert "a  tiny-large  utility" in done.stdout
    assert "optimal by" in done.stdout
    done = llm_orc("plan", "e.yaml", "2 + 2", "--vram", "0.0001")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("error: no model can serve agent 'a': tiny-large needs 0.0021 GB")


def test_a_plan_with_thousands_of_warnings_prints_a_page_of_them(llm_orc):
    agents = [{"name": f"a{n}", "model": "tiny-large", "task": "analysis"} for n in range(30)]
    for before, each in pairwise(agents):
        each["depends_on"] = [before["name"]]
    llm_orc.ensemble(*agents)
    lines = llm_orc("plan", "e.yaml", "2 + 2").stderr.splitlines()
    assert lines[0].startswith("warning: agent 'a0': tiny-large has")
    assert (len(lines), lines[-1]) == (21, "… and 10 more warnings: --json has all")
    found = json.loads(llm_orc("plan", "e.yaml", "2 + 2", "--json").stdout)
    assert sum(len(step["warnings"]) for step in found["plan"]) == 30


def test_feedback_is_learned_from(llm_orc):
    llm_orc.file(".llm-orc/config.yaml", "concurrency: 2\n")
    llm_orc.ensemble({"name": "a", "models": ["tiny-small", "tiny-large"], "task": "reasoning"})
    assert llm_orc("invoke", "e.yaml", "2 + 2").returncode == 0
    assert llm_orc("feedback", "last", "a", "--score", "0").stdout == "noted 0 for a\n"
    shown = llm_orc("models", "show", "tiny-large", "--json")
    assert json.loads(shown.stdout)["beliefs"]["reasoning"]["observed"] == 1
    assert llm_orc("feedback", "nope", "--score", "1").returncode == 2


def test_routers_are_compared(llm_orc):
    few = ("--seeds", "1", "--workload", "workflow", "--problems", "10")
    done = llm_orc("bench", "routing", *few, "--on-models", "--planner", "tiny-large")
    assert done.returncode == 0, done.stderr
    folder = llm_orc.folder / "bench-routing"
    report = json.loads((folder / "report.json").read_text())
    by_name = {row["router"]: row for row in report["true_estimates"]}
    assert by_name["lp h=2"]["of_clairvoyant"] > 0.99
    assert by_name["lp h=2"]["jobs_over_the_room"] == 0
    # A model that only solves word problems cannot plan: the exact router does it.
    assert by_name["planner tiny-large"]["fallbacks"] == 1
    assert by_name["planner tiny-large"]["jobs_over_the_room"] == 0
    assert {row["router"] for row in report["on_models"]} >= {"lp", "always largest"}
    assert (folder / "report.csv").read_text().startswith("router,")
    assert "<svg" in (folder / "pareto.svg").read_text()


def test_a_cascade_is_calibrated_and_uses_what_was_learned(llm_orc):
    problems = (ROOT / "llm_orc" / "bench" / "word_problems.jsonl").read_text().splitlines()[:40]
    llm_orc.file("problems.jsonl", "\n".join(problems))
    models = ["tiny-medium", "tiny-large"]
    llm_orc.ensemble({"name": "a", "strategy": {"type": "cascade", "models": models}})
    done = llm_orc("calibrate", "e.yaml", "--dataset", "problems.jsonl", "--quality", "0.9")
    assert done.returncode == 0, done.stderr
    report = json.loads((llm_orc.folder / "e.calibration.json").read_text())
    (table,) = report["calibration"]
    assert table["ece_after"] < table["ece_before"]
    assert report["quality"][0] >= 0.9
    assert "<svg" in (llm_orc.folder / "e.calibration.svg").read_text()
    strategy = {
        "type": "cascade", "models": models, "confidence": "calibrated", "calibration": "e.calibration.json",
    }  # fmt: skip
    llm_orc.ensemble({"name": "a", "strategy": strategy})
    done = llm_orc("invoke", "e.yaml", json.loads(problems[0])["question"], "--output-format", "json")
    outcome = json.loads(done.stdout)["agents"]["a"]
    assert outcome["confidence"] >= report["threshold"] or outcome["model"] == "tiny-large"


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (["{}"], "problems.jsonl:1: a line is an object with 'question' and 'answer'"),
        (['{"question": "1+1", "answer": 2}'], "1 rows are too few to calibrate"),
    ],
)
def test_a_dataset_that_cannot_be_used_is_said_to_be_one(llm_orc, rows, said):
    llm_orc.file("problems.jsonl", "\n".join(rows))
    llm_orc.ensemble({"name": "a", "strategy": {"type": "cascade", "models": ["tiny-small", "tiny-large"]}})
    done = llm_orc("calibrate", "e.yaml", "--dataset", "problems.jsonl")
    assert (done.returncode, said in done.stderr) == (2, True), done.stderr


def test_a_calibration_that_is_not_there_is_a_problem_of_the_file(llm_orc):
    strategy = {"type": "cascade", "models": ["tiny-small", "tiny-large"], "confidence": "calibrated"}
    llm_orc.ensemble({"name": "a", "strategy": strategy})
    assert "'calibrated' needs 'calibration'" in llm_orc("validate", "e.yaml").stdout
    llm_orc.ensemble({"name": "a", "strategy": {**strategy, "calibration": "nowhere.json"}})
    assert "there is no file 'nowhere.json'" in llm_orc("validate", "e.yaml").stdout


def test_models_that_complement_each_other_are_found(llm_orc):
    done = llm_orc(
        "bench", "mux", "--models", "tiny-small,tiny-medium", "--problems", "10", "--samples", "3", "--json"
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert {row["models"] for row in found} == {"tiny-small", "tiny-medium", "tiny-small, tiny-medium"}
    both = next(row for row in found if "," in row["models"])
    assert both["right_one_among_them"] >= max(row["accuracy"] for row in found)


def test_a_model_that_fails_while_it_is_calibrated_is_named(llm_orc):
    problems = (ROOT / "llm_orc" / "bench" / "word_problems.jsonl").read_text().splitlines()[:20]
    llm_orc.file("problems.jsonl", "\n".join(problems))
    gone = {"provider": "openai", "name": "gone", "base_url": "http://127.0.0.1:9/v1"}
    llm_orc.ensemble({"name": "a", "strategy": {"type": "cascade", "models": [gone, "tiny-large"]}})
    done = llm_orc("calibrate", "e.yaml", "--dataset", "problems.jsonl")
    assert done.returncode == 2
    assert "openai/gone failed on row" in done.stderr
    assert "Traceback" not in done.stderr
