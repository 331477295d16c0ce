"""Variants and examples from files: what is read of them, and what is wrong with them."""

from __future__ import annotations

import json

import pytest

HEAD = "name: e\nagents:\n  - name: a\n    prompt: '{{ input }}'\n"
KNN = HEAD + "    demos: {select: knn, file: demos.jsonl}\n"
GOOD = json.dumps({"inputs": {"input": "x"}, "output": "y"})


@pytest.fixture
def rows(tmp_path):
    def write(*lines: str) -> None:
        (tmp_path / "demos.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")

    return write


def test_a_variant_is_complete_and_what_it_does_not_say_is_the_agents(load):
    text = (
        "    system_prompt: Be kind.\n"
        "    variants: [{name: own}, {name: short, prompt: 'Hm: {{ input }}', weight: 3}]\n"
    )
    own, short = load(HEAD + text).agents["a"].work.variants
    assert (own.weight, own.system_prompt, own.prompt.source) == (1, "Be kind.", "{{ input }}")
    assert (short.weight, short.system_prompt, short.prompt.source) == (3, "Be kind.", "Hm: {{ input }}")
    assert own.wording != short.wording
    again, _ = load(HEAD + text.replace("short", "long")).agents["a"].work.variants
    assert again.wording == own.wording


@pytest.mark.parametrize(
    ("lines", "problem"),
    [
        ("    variants: []\n", "5:15: variants: expected at least 1 entry, got none"),
        ("    variants: [{prompt: hi}]\n", "5:16: the key 'name' is missing"),
        ("    variants: [{name: x}, {name: x}]\n", "5:34: there are two variants called 'x'"),
        (
            "    variants: [{name: x, weight: 0}]\n",
            "5:15: every variant has the weight 0 (give one of them a weight)",
        ),
        (
            "    variants: [{name: x, prompt: 'so {{ inptu }}'}]\n",
            "5:41: nothing provides 'inptu' (did you mean 'input'?)",
        ),
        (
            "    strategy: {type: vote, over: variants}\n    variants: [{name: x}, {name: y, weight: 0}]\n",
            "5:15: strategy vote over variants needs at least two of them (add 'variants')",
        ),
        (
            "    strategy: {type: vote, over: variants, weights: {z: 2}}\n"
            "    variants: [{name: x}, {name: y}]\n",
            "5:15: strategy vote has a weight for 'z', which has no vote (variants that vote: x, y)",
        ),
        (
            "    strategy: {type: vote, over: variants, models: [small, large]}\n"
            "    variants: [{name: x}, {name: y}]\n",
            "5:15: strategy vote is over variants or over models, not both (remove 'models')",
        ),
    ],
)
def test_variants_that_cannot_work_are_reported(check, lines, problem):
    assert check(HEAD + lines) == [f"e.yaml:{problem}"]


def test_examples_of_a_file_are_read_with_their_lines(load, rows):
    rows(GOOD, "", json.dumps({"inputs": {"input": "z", "more": 1}, "output": {"label": 1}, "id": 7}), GOOD)
    nearest = load(KNN).agents["a"].work.nearest
    assert [(demo.inputs["input"], demo.output) for demo in nearest.demos] == [
        ("x", "y"),
        ("z", '{"label": 1}'),
    ]
    # Of the two that are the same, the first.
    assert nearest.lines == (1, 3)
    assert (nearest.k, nearest.names, nearest.embedding) == (3, ("input",), None)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "this line is not JSON (write one JSON object per line)"),
        ("[1]", "this line is not a JSON object"),
        ('{"output": "y"}', "this row has no 'inputs'"),
        ('{"inputs": {"input": "x"}, "output": null}', "this row has no 'output'"),
        ('{"inputs": "x", "output": "y"}', "'inputs' is not an object"),
        ('{"inputs": {"input": "sk-proj-abcdefgh1234567890abcdef"}, "output": "y"}', "looks like a secret"),
    ],
)
def test_a_bad_row_is_one_problem_with_its_line(check, rows, line, said):
    rows(GOOD, line)
    (problem,) = check(KNN)
    assert problem.startswith("demos.jsonl:2:1: ")
    assert said in problem


def test_rows_need_what_the_prompts_read(check, rows):
    rows(json.dumps({"inputs": {"other": "x"}, "output": "y"}))
    text = "name: e\ninputs: {question: {}, tone: {}}\n" + KNN.removeprefix("name: e\n")
    variants = "    variants: [{name: x, prompt: '{{ question }}'}]\n"
    (problem,) = check(text + variants)
    assert problem.endswith("demos.jsonl:1:1: this example has no 'question', which the prompt reads")


def test_of_many_bad_rows_the_first_are_listed(check, rows):
    rows(*["{"] * 15)
    problems = check(KNN)
    assert problems[0] == "e.yaml:5:32: 15 lines of 'demos.jsonl' are wrong: the first 10 are listed"
    assert len(problems) == 11


@pytest.mark.parametrize(
    ("demos", "problem"),
    [
        ("{select: knn}", "5:12: the key 'file' is missing"),
        ("{select: knn, file: no.jsonl}", "5:32: 'no.jsonl': there is no such file"),
        ("{select: knn, file: empty.jsonl}", "5:32: 'empty.jsonl' has no rows (each line is "),
        ("{select: knn, file: ../../x.jsonl}", "5:32: "),
        ("{select: best, file: demos.jsonl}", "5:21: select: expected one of knn, got text 'best'"),
        ("{select: knn, file: demos.jsonl, k: 0}", "5:48: k: expected at least 1, got the number 0"),
        ("{select: knn, file: demos.jsonl, embedding_model: nope}", "5:62: unknown model 'nope'"),
        (
            "{select: knn, file: demos.jsonl, embedding_model: anthropic/x}",
            "5:62: provider 'anthropic' has no embedding models",
        ),
    ],
)
def test_a_file_of_examples_that_cannot_be_used_is_reported(check, rows, demos, problem, tmp_path):
    rows(GOOD)
    (tmp_path / "empty.jsonl").write_text("\n")
    found = check(HEAD + f"    demos: {demos}\n")
    assert [each.removeprefix("e.yaml:")[: len(problem)] for each in found] == [problem]


def test_a_file_that_is_not_text_is_a_problem_of_that_file(check, tmp_path):
    (tmp_path / "demos.jsonl").write_bytes(b'{"inputs": {"input": "\xff"}}')
    (problem,) = check(KNN)
    assert "demos.jsonl:1:23: byte 0xff is not UTF-8 text" in problem
