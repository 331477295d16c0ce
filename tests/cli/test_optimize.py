"""`optimize` as a user has it: processes of their own, the embedded models, files that change or do not."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from signal import SIGINT, SIGKILL, SIGTERM, Signals
from typing import Any

import pytest

from llm_orc.bench.strategies import PROBLEMS
from tests.optimize.projects import colour_rows

from .command_line import CommandLine

pytestmark = pytest.mark.slow

SOLVE = """\
name: solve
agents:
  - name: solver
    model: tiny-medium   # a small one
    temperature: 0
    system_prompt: Give only the number.
"""
WORDINGS = "Answer the question.\nThink step by step.\n"
LABEL = """\
name: label
agents:
  - {name: labeller, model: tiny-classify, temperature: 0, system_prompt: Classify the message.}
"""
WORDED = ("--trainset", "problems.jsonl", "--metric", "numeric", "--instructions", "wordings.txt", "--demos",
          "0", "--labeled-demos", "0", "--quiet")  # fmt: skip


@pytest.fixture
def solve(llm_orc: CommandLine) -> CommandLine:
    """A project whose solver is told to leave out the steps that it needs."""
    llm_orc.file(".llm-orc/config.yaml", "{}\n")
    llm_orc.file("solve.yaml", SOLVE)
    llm_orc.file("wordings.txt", WORDINGS)
    problems = PROBLEMS.read_text(encoding="utf-8").splitlines()[:64]
    llm_orc.file("problems.jsonl", "\n".join(problems))
    return llm_orc


def test_a_better_wording_is_found_proven_and_written(solve: CommandLine):
    done = solve("optimize", "solve.yaml", *WORDED)

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("better on ")
    assert "written: solve.yaml" in done.stdout
    text = (solve.folder / "solve.yaml").read_text(encoding="utf-8")
    assert text == SOLVE.replace("Give only the number.", "Think step by step.")
    folder = next((solve.folder / ".llm-orc" / "optimize").iterdir())
    report = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    assert report["verdict"] == "better"
    assert report["held_out"]["interval_95"][0] > 0.2
    assert (folder / "best.solve.yaml").read_text(encoding="utf-8") == text
    assert (folder / "report.md").read_text(encoding="utf-8").startswith("# Optimizing solve\n")


def test_a_dry_run_prints_a_patch_and_the_same_command_pays_nothing_again(solve: CommandLine):
    subprocess.run(["git", "init", "-q"], cwd=solve.folder, check=True)

    done = solve("optimize", "solve.yaml", *WORDED, "--dry-run")
    assert done.returncode == 0, done.stderr
    assert (solve.folder / "solve.yaml").read_text(encoding="utf-8") == SOLVE
    solve.file("better.diff", done.stdout)
    subprocess.run(["git", "apply", "better.diff"], cwd=solve.folder, check=True)
    assert "Think step by step." in (solve.folder / "solve.yaml").read_text(encoding="utf-8")

    solve.file("solve.yaml", SOLVE)
    again = json.loads(solve("optimize", "solve.yaml", *WORDED, "--dry-run", "--json").stdout)
    assert again["calls"]["sent"] == 0
    assert again["verdict"] == "better"


def test_the_result_can_go_to_another_file(solve: CommandLine):
    done = solve(
        "optimize", "solve.yaml", *WORDED, "--output", "better.yaml", "--export-finetune", "ft.jsonl"
    )

    assert done.returncode == 0, done.stderr
    assert (solve.folder / "solve.yaml").read_text(encoding="utf-8") == SOLVE
    assert "Think step by step." in (solve.folder / "better.yaml").read_text(encoding="utf-8")
    assert "training weights on them is done elsewhere" in done.stderr
    lessons = [json.loads(line) for line in (solve.folder / "ft.jsonl").read_text().splitlines()]
    assert lessons
    assert [m["role"] for m in lessons[0]["messages"]] == ["system", "user", "assistant"]


def test_a_limit_ends_it_with_three_and_the_file_untouched(solve: CommandLine):
    done = solve("optimize", "solve.yaml", *WORDED, "--max-calls", "10")

    assert done.returncode == 3
    assert "error: --max-calls 10 leaves nothing to search with: the final test may take" in done.stderr
    assert "the same command goes on" not in done.stderr
    (report,) = solve.folder.rglob("report.json")
    assert json.loads(report.read_text())["calls"]["sent"] == 0
    assert "solve.yaml is unchanged" in done.stdout
    assert (solve.folder / "solve.yaml").read_text(encoding="utf-8") == SOLVE


def test_an_estimate_asks_no_model(solve: CommandLine):
    done = solve("optimize", "solve.yaml", *WORDED, "--estimate", "--json")

    estimates = json.loads(done.stdout)["estimates"]
    assert [row["right_answers"] for row in estimates] == [0.05, 0.5, 0.95]
    assert all(row["calls"] > 30 for row in estimates)
    assert not list((solve.folder / ".llm-orc").glob("optimize/*/calls.db"))


@pytest.mark.parametrize("sent", [SIGINT, SIGKILL], ids=["ctrl-c", "kill"])
def test_what_was_paid_for_survives(sent: Signals, llm_orc: CommandLine):
    agent = {"name": "labeller", "model": {"provider": "scripted", "name": "m"},
             "options": {"answers": ["red"], "delay_seconds": 0.08}}  # fmt: skip
    llm_orc.ensemble(agent)
    llm_orc.file("rows.jsonl", "\n".join(json.dumps(row) for row in colour_rows(60)))
    command = ("optimize", "e.yaml", "--trainset", "rows.jsonl")
    with llm_orc.started(*command) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "before 0." in line:
                break
        process.send_signal(sent)
        out, err = process.communicate()
    if sent == SIGINT:
        assert process.returncode == 130
        assert "the same command goes on where it stopped" in err
        assert "e.yaml is unchanged" in out

    again = json.loads(llm_orc(*command, "--max-calls", "150", "--quiet", "--json").stdout)
    assert again["calls"]["from_journal"] >= again["rows"]["validation"]


def test_tuning_that_is_interrupted_shows_what_it_found(llm_orc: CommandLine):
    agent = {"name": "labeller", "model": {"provider": "scripted", "name": "m"},
             "options": {"answers": ["red"], "delay_seconds": 0.08}}  # fmt: skip
    llm_orc.ensemble(agent)
    before = (llm_orc.folder / "e.yaml").read_text(encoding="utf-8")
    llm_orc.file("rows.jsonl", "\n".join(json.dumps(row) for row in colour_rows(60)))
    command = ("optimize", "e.yaml", "--trainset", "rows.jsonl", "--tune", "temperature", "--pick", "1")
    with llm_orc.started(*command) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "before 0." in line:
                break
        process.send_signal(SIGINT)
        process.send_signal(SIGTERM)  # the runs under way are not waited for
        out, err = process.communicate()
    assert process.returncode == 130, err
    assert "the same command goes on where it stopped" in err
    assert "settings tried" in out
    assert "nothing was written" in err
    assert (llm_orc.folder / "e.yaml").read_text(encoding="utf-8") == before


def test_a_fan_out_is_estimated_and_its_labels_are_said_to_be_of_no_use(llm_orc: CommandLine):
    model = {"provider": "scripted", "name": "m"}
    llm_orc.ensemble(
        {"name": "list", "model": model, "output_format": "json"},
        {"name": "each", "model": model, "depends_on": ["list"], "fan_out": {"over": "list.items"}},
    )
    rows = [{**row, "agents": {"each": ["red"]}} for row in colour_rows(40)]
    llm_orc.file("rows.jsonl", "\n".join(json.dumps(row) for row in rows))
    for more in ((), ("--tune", "temperature", "--trials", "2")):
        done = llm_orc("optimize", "e.yaml", "--trainset", "rows.jsonl", "--estimate", "--json", *more)
        assert done.returncode == 0, done.stderr
        assert "the labels of agent 'each' are not used" in done.stderr
        assert all(each["calls"] >= 4 for each in json.loads(done.stdout)["estimates"])


def test_an_ensemble_of_the_package_is_not_changed(solve: CommandLine):
    done = solve("optimize", "quickstart", "--trainset", "problems.jsonl")

    assert done.returncode == 2
    assert "error: quickstart.yaml comes with the package" in done.stderr


def test_settings_are_tuned_and_one_is_picked(solve: CommandLine):
    flags = ("optimize", "solve.yaml", "--trainset", "problems.jsonl", "--metric", "numeric", "--quiet",
             "--tune", "models,demos", "--models", "tiny-small", "--trials", "4")  # fmt: skip

    done = solve(*flags)
    assert done.returncode == 0, done.stderr
    assert "settings tried" in done.stdout
    assert (solve.folder / "solve.yaml").read_text(encoding="utf-8") == SOLVE
    (picture,) = solve.folder.glob(".llm-orc/optimize/solve-*/pareto.svg")
    report = json.loads(picture.with_name("report.json").read_text(encoding="utf-8"))
    assert picture.read_text(encoding="utf-8").count("<circle") == len(report["points"]) == report["tried"]

    picked = solve(*flags, "--pick", "1")
    assert picked.returncode == 0, picked.stderr
    assert ", 0 calls" in picked.stdout
    assert solve("validate", "solve.yaml").returncode == 0
    assert solve(*flags, "--pick", "99").returncode == 2


@pytest.mark.parametrize(
    ("flags", "error", "hint"),
    [
        (["--optimizer", "gepa"], "gepa needs a model that proposes prompts", "--teacher MODEL"),
        (["--optimizer", "gpea"], "unknown optimizer 'gpea'", "known: auto, labeled"),
        (["--optimizer", "finetune"], "unknown optimizer 'finetune'", "which is done elsewhere"),
        (["--agents", "x"], "'solve' has no llm agent 'x'", "it has solver"),
        (["--metric", "exakt"], "unknown metric 'exakt'", "did you mean 'exact'?"),
        (["--teacher", "nobody"], "nobody", ""),
        (["--tune", "luck"], "--tune knows no 'luck'", "known: models"),
        (["--tune", "samples"], "there is nothing to tune in samples", "need a strategy"),
        (["--instructions", "nowhere.txt"], "cannot read nowhere.txt", ""),
        (["--output", "no/where.yaml"], "there is no folder no", "make it first"),
    ],
)
def test_what_cannot_be_done_is_said_in_a_line(flags: list[str], error: str, hint: str, solve: CommandLine):
    done = solve("optimize", "solve.yaml", "--trainset", "problems.jsonl", *flags)

    assert done.returncode == 2
    first, *rest = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert error in first
    assert hint in "\n".join(rest)
    assert "Traceback" not in done.stderr


def test_only_optimize_pays_for_dspy(solve: CommandLine):
    program = (
        "import sys\n"
        "from llm_orc.cli.main import cli\n"
        "cli.main(sys.argv[1:], standalone_mode=False)\n"
        "print(sorted({'dspy', 'optuna', 'litellm'} & sys.modules.keys()), file=sys.stderr)\n"
    )
    verbs: list[list[str]] = [
        ["invoke", "solve.yaml", "Ann has 3 eggs. She buys 4 eggs. How many eggs does Ann have now?"],
        [
            "eval",
            "solve.yaml",
            "--dataset",
            "word-problems",
            "--metric",
            "numeric",
            "--limit",
            "2",
            "--quiet",
        ],
        ["optimize", "solve.yaml", *WORDED[:4], "--tune", "demos", "--trials", "2", "--max-calls", "2"],
        ["validate", "solve.yaml"],
        ["--help"],
        ["optimize", "--help"],
    ]
    loaded: dict[str, Any] = {}
    for verb in verbs:
        done = subprocess.run(
            [sys.executable, "-c", program, *verb], cwd=solve.folder, env=solve.environment, text=True,
            capture_output=True, timeout=60, check=False,
        )  # fmt: skip
        loaded[" ".join(verb[:2])] = done.stderr.strip().splitlines()[-1:]
    assert loaded["invoke solve.yaml"] == ["[]"]
    assert loaded["eval solve.yaml"] == ["[]"]
    assert loaded["validate solve.yaml"] == ["[]"]
    assert loaded["--help"] == ["[]"]
    assert loaded["optimize --help"] == ["[]"]
    assert all("dspy" not in line for lines in loaded.values() for line in lines)


def test_examples_of_the_dataset_teach_labels_that_nobody_knows(llm_orc: CommandLine):
    from llm_orc.bench.optimizing import MADE_UP, MESSAGES

    llm_orc.file(".llm-orc/config.yaml", "{}\n")
    llm_orc.file("label.yaml", LABEL)
    lines = [json.loads(line) for line in Path(MESSAGES).read_text(encoding="utf-8").splitlines()]
    rows = [json.dumps({"input": line["input"], "expected": MADE_UP[line["kind"]]}) for line in lines[:90]]
    llm_orc.file("rows.jsonl", "\n".join(rows))

    done = llm_orc(
        "optimize", "label.yaml", "--trainset", "rows.jsonl", "--optimizer", "labeled", "--quiet", "--json",
        "--labeled-demos", "14",
    )  # fmt: skip

    report = json.loads(done.stdout)
    assert report["verdict"] == "better"
    assert report["held_out"]["before"]["score"] == 0.0
    assert report["held_out"]["after"]["score"] > 0.8


@pytest.mark.parametrize(
    ("task", "optimizer"), [("made-up labels", "bootstrap"), ("mixed examples", "simba")]
)
def test_the_benchmark_measures_gains_on_held_out_rows(task: str, optimizer: str, llm_orc: CommandLine):
    flags = ("--task", task, "--optimizer", optimizer, "--rows", "80", "--json")
    (row,) = json.loads(llm_orc("bench", "optimize", *flags).stdout)

    assert row["verdict"] == "better"
    assert row["interval"][0] > 0.2
    assert 0 < row["calls"] < 2000


def test_the_benchmark_says_which_tasks_it_has(llm_orc: CommandLine):
    unknown = llm_orc("bench", "optimize", "--task", "luck")
    assert unknown.returncode == 2
    assert "there is no task 'luck'" in unknown.stderr
