"""`feedback` on any run, `runs ab` and `runs collect`."""

from __future__ import annotations

import json

import pytest

from .command_line import CommandLine, agent, failing

pytestmark = pytest.mark.slow

WORDINGS = [{"name": "control"}, {"name": "polite", "prompt": "Please: {{ input }}"}]


@pytest.fixture
def project(llm_orc: CommandLine) -> CommandLine:
    (llm_orc.folder / ".llm-orc").mkdir()
    return llm_orc


def invoked(project: CommandLine, *texts: str, file: str = "e.yaml") -> list[dict]:
    """The results of runs, in order."""
    commands = [("invoke", file, text, "--output-format", "json") for text in texts]
    return [json.loads(done.stdout) for done in project.together(commands).values()]


def scored(project: CommandLine, results: list[dict], score) -> None:
    commands = [("feedback", each["run_id"], "--score", str(score(each))) for each in results]
    assert {done.returncode for done in project.together(commands).values()} == {0}


def variant(result: dict) -> str:
    return result["agents"]["a"]["variant"]


def ab(project: CommandLine, *flags: str) -> dict:
    done = project("runs", "ab", "e.yaml", "--json", *flags)
    assert done.returncode == 0, done.stderr
    (found,) = json.loads(done.stdout)["agents"]
    return found


def test_feedback_is_noted_for_any_run_and_the_last_word_counts(project):
    project.ensemble(agent("a", variants=WORDINGS, prompt="{{ input }}"))
    (first,) = invoked(project, "hi")
    done = project("feedback", "last", "--score", "0.25")
    assert (done.returncode, done.stdout) == (0, "noted 0.25 for run last\n")
    assert project("feedback", first["run_id"][:15], "--score", "0.5").returncode == 0
    assert [each["score"] for each in ab(project)["variants"]] == [0.5]
    assert project("feedback", "last", "a", "--score", "1").stdout == "noted 1 for a\n"
    assert [each["score"] for each in ab(project)["variants"]] == [1.0]
    wrong = project("feedback", "last", "b", "--score", "1")
    assert wrong.returncode == 2
    assert "has no agent 'b'\nhint: its agents: a" in wrong.stderr


def test_wordings_are_compared_by_the_scores_of_their_runs(project):
    project.ensemble(agent("a", variants=WORDINGS, prompt="{{ input }}"))
    results = invoked(project, *[f"hi {n}" for n in range(24)])
    scored(project, results, lambda r: (0.2 if variant(r) == "control" else 0.7) + len(r["output"]) / 100)
    found = ab(project)
    counts = [sum(variant(r) == name for r in results) for name in ("control", "polite")]
    assert [(v["variant"], v["runs"], v["scored"], v["succeeded"]) for v in found["variants"]] == [
        ("control", counts[0], counts[0], counts[0]), ("polite", counts[1], counts[1], counts[1]),
    ]  # fmt: skip
    score, success = found["comparisons"]
    assert (score["measure"], score["test"], score["better"]) == ("score", "welch", "polite")
    assert (success["measure"], success["p"]) == ("success", 1)
    told = project("runs", "ab", "e").stdout
    assert "score: polite − control = +0.5" in told
    assert "Welch's t-test" in told
    assert "polite is better" in told


def test_an_agent_that_fails_did_not_go_well_and_one_that_was_cut_short_does_not_count(project):
    schema = {"type": "object"}
    project.ensemble(
        agent("a", variants=WORDINGS, prompt="{}", output_schema=schema, on_failure={"default": {}}),
    )
    results = invoked(project, *[f"hi {n}" for n in range(12)])
    expected = {name: sum(variant(r) == name for r in results) for name in ("control", "polite")}
    project.ensemble(agent("a", wait=60, variants=WORDINGS, prompt="{}", output_schema=schema))
    project("invoke", "e.yaml", "hi", "--max-seconds", "0.5")
    found = {each["variant"]: each for each in ab(project)["variants"]}
    assert sum(each["runs"] for each in found.values()) == 13
    assert {name: each["ended"] for name, each in found.items()} == expected
    assert (found["control"]["success"], found["polite"]["success"]) == (1.0, 0.0)


def test_a_changed_text_starts_again(project):
    project.ensemble(agent("a", variants=[{"name": "x", "prompt": "one"}]))
    invoked(project, "1", "2", "3")
    project.ensemble(agent("a", variants=[{"name": "x", "prompt": "two"}]))
    invoked(project, "4", "5")
    found = ab(project)
    assert ([each["runs"] for each in found["variants"]], found["outdated_runs"]) == ([2], 3)
    assert "3 runs had an earlier text of a variant" in project("runs", "ab", "e").stdout
    assert project("runs", "ab", "e", "--since", "2999-01-01").returncode == 2


def test_without_wordings_or_scores_it_is_said_what_to_do(project):
    project.ensemble(agent("a", "yes"))
    project("invoke", "e.yaml", "hi")
    done = project("runs", "ab", "e.yaml")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no runs of 'e' with variants are recorded in " in done.stderr
    project.ensemble(agent("a", variants=WORDINGS, prompt="{{ input }}"))
    project("invoke", "e.yaml", "hi")
    assert "llm-orc feedback RUN --score X" in project("runs", "ab", "e.yaml").stdout


def test_an_agents_wording_is_shown_with_its_run(project):
    project.ensemble(agent("inner", variants=WORDINGS, prompt="{{ input }}"), file="part.yaml")
    project.ensemble({"name": "whole", "ensemble": "part"})
    project("invoke", "e.yaml", "hi")
    shown = json.loads(project("runs", "show", "last", "--json").stdout)["agents"]
    assert shown["whole"]["variant"] is None
    assert shown["whole/inner"]["variant"] in ("control", "polite")
    assert [each["agent"] for each in json.loads(project("runs", "ab", "e", "--json").stdout)["agents"]] == [
        "whole/inner"
    ]


def collected(project: CommandLine, *flags: str) -> tuple[list[dict], str]:
    done = project("runs", "collect", "--output", "train.jsonl", *flags)
    assert (done.returncode, done.stdout) == (0, ""), done.stderr
    text = (project.folder / "train.jsonl").read_text()
    return [json.loads(line) for line in text.splitlines()], done.stderr


def test_runs_become_rows_that_eval_reads(project):
    project.ensemble(agent("a"))
    results = invoked(project, "one", "two", "ONE")
    rows, said = collected(project, "--ensemble", "e.yaml")
    assert rows == [
        {"id": results[1]["run_id"], "inputs": {"input": "two"}, "expected": "two"},
        {"id": results[2]["run_id"], "inputs": {"input": "ONE"}, "expected": "ONE"},
    ]
    assert said == "2 rows of 3 runs written to train.jsonl, 1 given the same as others\n"
    scores = project("eval", "e.yaml", "--dataset", "train.jsonl", "--metric", "exact", "--json")
    assert scores.returncode == 0, scores.stderr
    assert json.loads(scores.stdout)["candidates"][0]["rows"][0]["id"] == results[1]["run_id"]


def test_only_runs_that_were_found_good_are_taken_and_the_best_of_the_same(project):
    project.ensemble(agent("a"))
    results = invoked(project, "same", "other", "third")
    results += invoked(project, "same")
    scored(project, results[:3], lambda r: {"same": 0.9, "other": 0.3, "third": 0.8}[r["output"]])
    project("feedback", results[2]["run_id"], "a", "--score", "0.1")
    rows, said = collected(project, "--min-score", "0.5")
    assert [(row["id"], row["score"]) for row in rows] == [
        (results[0]["run_id"], 0.9), (results[2]["run_id"], 0.8),
    ]  # fmt: skip
    assert said.endswith("train.jsonl, 1 without feedback, 1 worth less than 0.5\n")
    rows, _ = collected(project)
    assert {row["id"] for row in rows} == {result["run_id"] for result in results[:3]}


def test_a_share_is_drawn_repeatably_and_outputs_are_balanced(project):
    labels = "{{ 'odd' if input in ('1', '3', '5', '7', '9', '11', '13', '15') else 'even' }}"
    project.ensemble(agent("a", prompt=labels))
    invoked(project, *map(str, range(1, 25)))
    rows, _ = collected(project, "--balance")
    assert [[row["expected"] for row in rows].count(label) for label in ("odd", "even")] == [8, 8]
    rows, said = collected(project, "--balance", "--limit", "5")
    assert [[row["expected"] for row in rows].count(label) for label in ("odd", "even")] == [2, 2]
    assert "20 more than wanted" in said
    drawn = [[row["id"] for row in collected(project, "--rate", "0.25", "--seed", seed)[0]] for seed in "112"]
    assert drawn[0] == drawn[1] == sorted(drawn[0])
    assert len(drawn[0]) == len(drawn[2]) == 6
    assert drawn[0] != drawn[2]


def test_what_cannot_be_collected_is_refused_and_nothing_is_written(project):
    (nothing, missing) = project.together([
        ("runs", "collect", "--output", "t.jsonl"), ("runs", "collect", "--output", "no/t.jsonl"),
    ]).values()  # fmt: skip
    assert "no runs are recorded in " in nothing.stderr
    assert "there is no folder no" in missing.stderr
    project.ensemble(agent("a"))
    project.ensemble(failing("a"), file="f.yaml", name="f")
    invoked(project, "1", "2")
    project("invoke", "f.yaml", "hi")
    wrong = {
        (): "these are runs of 2 ensembles: e, f",
        ("--ensemble", "f"): "no run is left to collect: 1 did not succeed",
        ("--ensemble", "e", "--balance"): "all 2 outputs are different",
        ("--ensemble", "e", "--min-score", "1"): "2 without feedback",
        ("--ensemble", "nope"): "no runs of 'nope' are recorded",
    }
    done = project.together([("runs", "collect", "--output", "t.jsonl", *flags) for flags in wrong])
    for each, said in zip(done.values(), wrong.values(), strict=True):
        assert each.returncode == 2
        assert said in each.stderr
    assert "t.jsonl" not in project.files()


def test_runs_without_content_teach_nothing(project):
    project.ensemble(agent("a"))
    project.file(".llm-orc/config.yaml", "keep_content: false\n")
    invoked(project, "1", "2")
    done = project("runs", "collect", "--output", "t.jsonl")
    assert done.returncode == 2
    assert "the content of these 2 runs was not kept" in done.stderr
    assert "hint: set keep_content: true" in done.stderr
    project.file(".llm-orc/config.yaml", "keep_content: true\n")
    invoked(project, "3")
    rows, said = collected(project)
    assert [row["inputs"] for row in rows] == [{"input": "3"}]
    assert "2 without their content" in said


def test_a_list_is_one_answer_not_several(project):
    project.ensemble(agent("a", '["x", "y"]', output_format="json"))
    invoked(project, "1")
    (row,), _ = collected(project)
    assert row["expected"] == [["x", "y"]]
