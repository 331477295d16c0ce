"""`eval`: ensembles scored on rows with known answers."""

from __future__ import annotations

import json
import re
import signal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from llm_orc.bench.strategies import PROBLEMS

from .command_line import CommandLine, Done, agent, appeared, closed_port, gate, script, served

WORDS = ("eval", "solve.yaml", "--dataset", "word-problems", "--metric", "numeric", "--quiet")


@pytest.fixture
def echo(llm_orc: CommandLine) -> CommandLine:
    """`e.yaml` answers what it is asked; of the four rows of `d.jsonl` three expect that."""
    llm_orc.ensemble(agent("a"))
    rows(llm_orc, *[{"id": n, "input": n, "expected": n} for n in ("one", "two", "three")],
         {"id": "four", "input": "four", "expected": "4"})  # fmt: skip
    return llm_orc


def rows(llm_orc: CommandLine, *values: dict[str, Any], file: str = "d.jsonl") -> Path:
    return llm_orc.file(file, "".join(json.dumps(value) + "\n" for value in values))


def score(llm_orc: CommandLine, *flags: str, metric: str = "exact", **variables: str) -> Done:
    return llm_orc(
        "eval", "e.yaml", "--dataset", "d.jsonl", "--metric", metric, "--quiet", *flags, **variables
    )


def report(done: Done, code: int = 0) -> dict[str, Any]:
    """The JSON that was printed."""
    assert done.returncode == code, done.stderr
    return json.loads(done.stdout)


def solver(llm_orc: CommandLine, model: str = "tiny-large", file: str = "solve.yaml") -> str:
    """An ensemble of one embedded model that solves word problems."""
    solve = {
        "name": "solve", "model": model, "system_prompt": "Solve the problem step by step.",
        "prompt": "{{ question }}", "max_tokens": 160,
    }  # fmt: skip
    return llm_orc.ensemble(solve, file=file, inputs={"question": {"type": "string"}})


def test_rows_are_listed_with_their_score_and_summed_up(echo):
    done = echo("eval", "e.yaml", "--dataset", "d.jsonl", "--metric", "exact")
    assert done.returncode == 0
    rows, summary, note = done.stdout.split("\n\n")
    assert [re.split("  +", line)[:4] for line in rows.splitlines()[1:]] == [
        ["one", "1.00", "one", "one"], ["two", "1.00", "two", "two"], ["three", "1.00", "three", "three"],
        ["four", "0.00", "4", "four"],
    ]  # fmt: skip
    assert rows.splitlines()[-1].endswith("expected '4', got 'four'")
    assert re.split("  +", summary.splitlines()[1])[:6] == ["e.yaml", "0.7500", "-", "4", "0", "4+4"]
    assert note == "with fewer than 20 rows nothing is claimed: these are numbers, not findings\n"
    assert done.stderr.splitlines()[-1] == "e.yaml: 4/4 rows, score 0.750 so far"


def test_json_has_everything_and_standard_output_nothing_else(echo):
    found = report(score(echo, "--json"))
    (candidate,) = found["candidates"]
    assert (candidate["score"], candidate["interval"], candidate["asked"]) == (0.75, None, 4)
    assert [row["id"] for row in candidate["rows"]] == ["one", "two", "three", "four"]
    shown = echo("runs", "show", candidate["rows"][1]["run_id"], "--json")
    assert json.loads(shown.stdout)["inputs"] == {"input": "two"}
    assert (found["passed"], found["failures"]) == (True, [])


def test_a_least_score_decides_the_exit_code(echo):
    assert score(echo, "--min-score", "0.75").returncode == 0
    done = score(echo, "--min-score", "0.8")
    assert (done.returncode, done.stderr) == (1, "error: e.yaml: 0.7500 is below --min-score 0.8\n")
    assert "four" in done.stdout


def test_a_row_that_fails_counts_nothing_is_told_and_fails_the_evaluation(echo):
    code = "import sys; t = sys.stdin.read(); sys.exit('three is too many') if 'three' in t else print('one')"
    echo.ensemble(script("a", code))
    done = echo("eval", "e.yaml", "--dataset", "d.jsonl", "--metric", "exact")
    assert done.returncode == 1
    assert "e.yaml: row three failed: agent 'a': " in done.stderr
    assert done.stderr.endswith("error: e.yaml: 1 row failed\n")
    (line,) = [line for line in done.stdout.splitlines() if line.startswith("three ")]
    assert "agent 'a': script" in line
    found = report(score(echo, "--json"), code=1)["candidates"][0]
    assert (found["failed"], found["score"]) == (1, 0.25)
    assert found["rows"][2]["error"]["kind"] == "script_failed"


def test_when_no_server_is_there_the_exit_code_says_so(echo):
    echo.ensemble(served(closed_port()))
    assert score(echo).returncode == 4


def test_bad_datasets_and_metrics_are_refused_before_anything_is_run(echo):
    echo.ensemble(script("a", "open('ran', 'w')"))
    rows(echo, {"input": "a", "expected": "x"}, {"input": 3}, file="gap.jsonl")
    echo.file("broken.jsonl", '{"input": "a"\n')
    echo.file("binary.jsonl", b"\xff\xfe\x00")
    echo.file("other.jsonl", '{"colour": "red", "size": 3, "expected": 1}\n')
    echo.file("bad.json", "[]")
    rows(echo, {"input": "a", "expected": "x"}, file="words.jsonl")
    echo.file("boom.py", "1 / 0\n")
    said = {
        ("--dataset", "none.jsonl"): "error: there is no dataset none.jsonl",
        ("--dataset", "gap.jsonl"): "error: gap.jsonl:2:1: the row has no 'expected'",
        ("--dataset", "broken.jsonl"): "error: broken.jsonl:1:14: this line is not JSON",
        ("--dataset", "binary.jsonl"): "error: binary.jsonl:1:1: byte 0xff is not UTF-8 text",
        ("--dataset", "other.jsonl"): "error: other.jsonl:1:1: the row has none of the inputs (input)",
        ("--expected", "gold"): "error: d.jsonl has no column 'gold'",
        ("--metric", "exactly"): "error: unknown metric 'exactly'",
        ("--metric", "numeric", "--dataset", "words.jsonl"): "error: words.jsonl:1:1: 'x' is no number",
        ("--metric", "boom.py:f"): "error: boom.py cannot be loaded: ZeroDivisionError",
        ("--metric", "judge:nobody"): "error: no ensemble is called 'nobody'",
        ("--metric", "regex:("): "error: '(' is not a regular expression",
        ("--baseline", "none.json"): "error: cannot read the baseline none.json",
        ("--baseline", "bad.json"): "error: bad.json is not what",
        ("--junit", "no/where.xml"): "error: cannot write no/where.xml",
        ("--ab",): "error: --ab compares two, and here are 1",
        ("--model", "nope"): "error: ",
        ("--limit", "0"): "error: ",
    }
    usual = ("eval", "e.yaml", "--dataset", "d.jsonl", "--metric", "exact")
    done = echo.together([(*usual, *flags) for flags in said])
    for flags, begins in said.items():
        each = done[(*usual, *flags)]
        assert (each.returncode, each.stdout) == (2, ""), flags
        assert each.stderr.startswith(begins), each.stderr
        assert "Traceback" not in each.stderr
    assert "ran" not in echo.files()


def test_inputs_are_checked_row_by_row_before_anything_is_run(echo):
    echo.ensemble(agent("a", prompt="{{ n }}"), inputs={"n": {"type": "integer"}})
    rows(echo, {"n": 1, "expected": "1"}, {"n": "many", "expected": "2"},
         {"n": 2, "expected": "2", "agents": {"b": "2"}})  # fmt: skip
    done = score(echo)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines() == [
        "error: d.jsonl:2:1: input 'n': 'many' is not of type 'integer'",
        "error: d.jsonl:3:1: there is no agent 'b' (agents: a)",
    ]


def test_agents_with_labels_have_a_score_of_their_own(echo):
    echo.ensemble(agent("a", "x"), agent("b", "y", depends_on=["a"]))
    rows(echo, {"input": "1", "expected": "y", "agents": {"a": "x"}},
         {"input": "2", "expected": "y", "agents": {"a": "z"}})  # fmt: skip
    assert "agent a of e.yaml: 0.5000\n" in score(echo).stdout
    (found,) = report(score(echo, "--json"))["candidates"]
    assert (found["score"], found["agents"]) == (1.0, {"a": 0.5})


def test_a_judge_of_the_users_scores(echo):
    echo.ensemble(
        agent("j", prompt="{% if output == expected %}yes{% else %}no{% endif %}"), file="judge.yaml",
        inputs={"output": {"type": "string"}, "expected": {"type": "string"}},
    )  # fmt: skip
    (found,) = report(score(echo, "--json", metric="judge:judge.yaml#j"))["candidates"]
    assert [row["score"] for row in found["rows"]] == [1.0, 1.0, 1.0, 0.0]
    assert found["usage"] == {"input_tokens": 8, "output_tokens": 8}


def test_a_function_of_the_users_scores(echo):
    echo.file("own.py", "def score(row, output):\n    return len(output) / 10, f'{row.id} is short'\n")
    (found,) = report(score(echo, "--json", metric="own.py:score"))["candidates"]
    assert [(row["score"], row["feedback"]) for row in found["rows"]][2] == (0.5, "three is short")


def test_classes_get_a_confusion_matrix(echo):
    texts = ("cat", "cat", "cat", "dog", "dog", "cow")
    wanted = ("cat", "cat", "dog", "dog", "dog", "cat")
    inputs = {"text": {"type": "string"}, "number": {"type": "integer"}}
    echo.ensemble(agent("a", prompt="{{ text }}"), inputs=inputs)
    pairs = enumerate(zip(texts, wanted, strict=True))
    rows(echo, *[{"inputs": {"text": t, "number": n}, "expected": w} for n, (t, w) in pairs])
    table = score(echo).stdout.split("e.yaml: rows by expected class, columns by what was answered\n")[1]
    assert [line.split() for line in table.splitlines()[:4]] == [
        ["cat", "dog", "(other)", "precision", "recall", "F1"],
        ["cat", "2", "0", "1", "0.67", "0.67", "0.67"], ["dog", "1", "2", "0", "1.00", "0.67", "0.80"],
        ["macro", "F1", "0.7333"],
    ]  # fmt: skip


def test_junit_is_written_besides(echo):
    assert score(echo, "--junit", "out.xml").returncode == 0
    suite = ElementTree.parse(echo.folder / "out.xml").getroot()[0]
    assert (suite.attrib["tests"], suite.attrib["failures"], suite.attrib["errors"]) == ("4", "1", "0")
    assert [case.attrib["name"] for case in suite.iter("testcase")] == ["one", "two", "three", "four"]


def test_rows_that_contradict_each_other_are_warned_of(echo):
    rows(echo, {"input": "Why?", "expected": "a"}, {"input": "why? ", "expected": "b"})
    done = score(echo)
    assert done.stderr == "warning: lines 1, 2 ask the same and expect different answers\n"


def test_a_limit_takes_the_same_rows_each_time_and_another_seed_others(echo):
    rows(echo, *[{"id": n, "input": "x", "expected": "x", "inputs": {"input": f"x{n}"}} for n in range(40)])

    def ids(seed: str) -> list[str]:
        (found,) = report(score(echo, "--json", "--limit", "5", "--seed", seed))["candidates"]
        return [row["id"] for row in found["rows"]]

    first, again, other = ids("1"), ids("1"), ids("2")
    assert first == again != other
    assert len(first) == 5
    assert first == sorted(first, key=int)


def test_an_interrupt_prints_what_is_finished(echo):
    wait = "(open('began', 'w').write(chr(10)), open('held').read())"
    echo.ensemble(script("a", f"import sys; print('one') if 'one' in sys.stdin.read() else {wait}"))
    command = ("eval", "e.yaml", "--dataset", "d.jsonl", "--metric", "exact", "--concurrency", "1")
    with gate(echo.folder / "held"), echo.started(*command, "--json") as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        assert line.startswith("e.yaml: 1/4 rows"), line
        appeared(echo.folder / "began")
        process.send_signal(signal.SIGINT)
        # What is under way would still have some seconds.
        process.send_signal(signal.SIGTERM)
        out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    (found,) = json.loads(out)["candidates"]
    assert ([row["id"] for row in found["rows"]], found["asked"]) == (["one"], 4)


def test_models_are_compared_on_the_same_rows_with_intervals(llm_orc):
    solver(llm_orc)
    found = report(
        llm_orc(*WORDS, "--limit", "40", "--model", "tiny-small", "--model", "tiny-large", "--json")
    )
    small, large = found["candidates"]
    assert [row["id"] for row in small["rows"]] == [row["id"] for row in large["rows"]]
    assert small["score"] < large["score"] == 1.0
    (apart,) = found["comparisons"]
    assert apart["difference"] == pytest.approx(large["score"] - small["score"])
    assert apart["interval"][0] > 0
    assert (apart["first"], apart["second"], apart["claim"], apart["worse"]) == (
        "tiny-small", "tiny-large", "better", 0,
    )  # fmt: skip


def test_ensembles_that_name_their_input_differently_are_compared(llm_orc):
    solver(llm_orc)
    llm_orc.ensemble(agent("a", "42"), file="guess.yaml")
    done = llm_orc(*WORDS, "guess.yaml", "--limit", "20")
    assert done.returncode == 0, done.stderr
    titles, *lines = done.stdout.split("\n\n")[0].splitlines()
    assert titles.split() == ["row", "expected", "solve.yaml", "guess.yaml"]
    assert {line.split()[2] for line in lines} == {"1.00"}
    assert "guess.yaml against solve.yaml: -" in done.stdout
    assert "20 rows: worse" in done.stdout


def test_a_baseline_lets_what_is_as_good_pass_and_what_is_worse_fail(llm_orc):
    solver(llm_orc)
    solver(llm_orc, "tiny-small", "small.yaml")
    flags = ("--dataset", str(PROBLEMS), "--metric", "numeric", "--limit", "30", "--quiet")
    llm_orc.file("base.json", llm_orc("eval", "solve.yaml", *flags, "--json").stdout)
    same = llm_orc("eval", "solve.yaml", *flags, "--baseline", "base.json")
    worse = llm_orc("eval", "small.yaml", *flags, "--baseline", "base.json")
    assert (same.returncode, same.stderr) == (0, "")
    assert worse.returncode == 1
    assert re.fullmatch(
        r"error: small.yaml: -0\.\d+ against the baseline, worse beyond chance \(p = .*\)\n", worse.stderr
    )


def test_two_are_compared_until_it_is_known_which_is_better(llm_orc):
    solver(llm_orc)
    solver(llm_orc, "tiny-small", "small.yaml")
    done = llm_orc("eval", "--ab", "small.yaml", *WORDS[1:], "--json")
    found = report(done)
    assert found["sequential"]["verdict"] == "better"
    assert found["sequential"]["evidence"] >= 20
    assert found["sequential"]["rows"] < found["sequential"]["asked"] == 120
    assert found["comparisons"] == []
    text = llm_orc("eval", "--ab", "small.yaml", *WORDS[1:]).stdout.splitlines()[-1]
    assert text.startswith("solve.yaml is better than small.yaml: difference in [+")
