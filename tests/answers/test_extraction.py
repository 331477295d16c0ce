"""The answer is found where people and models put it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.answers.extraction import EXTRACTORS, PATTERN_READS, extractor
from llm_orc.errors import ScriptFailed, UsageFailed

FOUND = [
    ("last_number", "It costs $1,234.50.", "$1,234.50"),
    ("last_number", "between 3-5 days", "5"),
    ("last_number", "so x = -5.", "-5"),
    ("last_number", r"so $x = \frac{1}{2}$", r"\frac{1}{2}"),
    ("last_number", "that is 50 percent of it", "50 percent"),
    ("last_number", "3 × 10^8 m", "3 × 10^8"),
    ("last_number", "x is 1/2.", "1/2"),
    ("last_number", "none at all", None),
    ("boxed", r"\boxed{1} or \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
    ("boxed", r"\boxed{1", None),
    ("answer_is", "The answer is 42. Let me check it.", "42"),
    ("answer_is", "**Answer:** 42", "42"),
    ("answer_is", "**Answer**: Dr. Smith.", "Dr. Smith"),
    ("answer_is", "The final answer is:\n\n3.14.", "3.14"),
    ("answer_is", "5 + 67\n#### 72", "72"),
    ("answer_is", "The answer is $5.", "$5"),
    ("answer_is", "The answer is $x+1$.", "x+1"),
    ("answer_is", "Answer: 1\nNo: Answer: 2", "2"),
    ("answer_is", "Answers are hard to find", None),
    ("choice", "The answer is (c).", "C"),
    ("choice", "A cat sat.\n**D**", "D"),
    ("choice", "It must be option B: a cat.", "B"),
    ("choice", "A cat sat.", None),
    ("json", '{"answer": 5, "why": "so"}', "5"),
    ("json", '```json\n{"x": 1}\n```', '{"x": 1}'),
    ("json", 'Here it is: {"why": {"n": 1}, "answer": [1]} I hope.', "[1]"),
    ("json", "no braces", None),
    ("text", "  all of it ", "all of it"),
    ("auto", r"The answer is 1. \boxed{2}", "2"),
    ("auto", "Adding 3 and 4 gives 7 apples, I hope this helps.", "7"),
    ("auto", "Adding up all of them\n\n**(B)**", "(B)"),
    ("auto", "Paris", "Paris"),
    ("auto", "There is nothing to be counted here.", "There is nothing to be counted here."),
    ("auto", " \n", None),
]
LONG = {
    "lines": "\n", "spaces": " ", "boxes": "\\boxed{", "fences": "```\n", "braces": "{", "objects": '{"a":',
    "lists": "[", "answers": "answer is ", "digits": "1", "commas": "1,111", "ratios": "1/", "hashes": "#",
    "letters": "A ", "stars": "*", "fractions": "\\frac", "the": "the ",
}  # fmt: skip


@pytest.mark.parametrize(("name", "reply", "answer"), FOUND)
def test_an_extractor_finds_the_answer(name, reply, answer):
    assert extractor(name)(reply) == answer


@pytest.mark.parametrize("name", LONG)
@pytest.mark.timeout(20)
def test_a_megabyte_of_anything_is_read_at_once(name):
    for start in ("", "```", "answer"):
        reply = (start + LONG[name] * (1_000_000 // len(LONG[name])))[:1_000_000]
        for extract in EXTRACTORS.values():
            extract(reply)


@given(st.text())
def test_no_reply_raises(reply):
    for extract in EXTRACTORS.values():
        found = extract(reply)
        assert found is None or found.strip()


class TestOfTheUsers:
    def test_the_last_match_of_a_pattern_counts_and_its_first_group_is_the_answer(self):
        assert extractor({"regex": r"^So: (\w+)"})("So: one\nSo: two") == "two"
        assert extractor({"regex": r"\d+"})("1 and 22") == "22"
        assert extractor({"regex": r"\d+"})("none") is None

    def test_a_pattern_reads_the_end_of_a_long_reply(self):
        assert extractor({"regex": "x"})("x" + " " * PATTERN_READS) is None

    @pytest.mark.timeout(20)
    def test_a_pattern_that_is_slow_on_long_texts_ends(self):
        assert extractor({"regex": r"\s+$x"})(" " * 1_000_000) is None

    def test_a_path_leads_into_json_also_between_fences(self):
        find = extractor({"json_path": "result[0].n"})
        assert find('{"result": [{"n": 5}]}') == "5"
        assert find('Look:\n```json\n{"result": [{"n": 5}]}\n```\n') == "5"
        assert find('{"result": []}') is None

    def test_a_function_is_found_from_the_folder(self, tmp_path):
        (tmp_path / "mine.py").write_text("def final(text):\n    return len(text) or None\n")
        find = extractor({"function": "mine.py:final"}, tmp_path)
        assert (find("four"), find("")) == ("4", None)

    def test_a_function_of_a_module_is_imported(self):
        assert extractor({"function": "textwrap:dedent"})("  x") == "x"

    def test_a_function_that_raises_is_named(self, tmp_path):
        (tmp_path / "mine.py").write_text("def final(text):\n    return text[99]\n")
        with pytest.raises(ScriptFailed, match=r"mine\.py:final failed at .*mine\.py:2: IndexError: "):
            extractor({"function": "mine.py:final"}, tmp_path)("")

    @pytest.mark.parametrize(
        ("spec", "message"),
        [
            ("boxt", "unknown extractor 'boxt'"),
            ({"regex": "("}, "is not a regular expression: missing"),
            ({"json_path": "a..b"}, "is not a path"),
            ({}, "is one of"),
            ({"regex": "a", "json_path": "b"}, "is one of"),
            ({"pattern": "a"}, "is one of"),
            ({"function": "nowhere"}, "names no function"),
            (
                {"function": "nowhere.py:f"},
                r"nowhere\.py cannot be loaded: ImportError: there is no such file",
            ),
            ({"function": "no_such_module:f"}, "no_such_module cannot be loaded"),
            ({"function": "textwrap:nothing"}, "textwrap has no function 'nothing'"),
        ],
    )
    def test_what_cannot_be_used_is_said_before_any_reply(self, spec, message, tmp_path):
        with pytest.raises(UsageFailed, match=message):
            extractor(spec, tmp_path)

    def test_a_file_with_a_fault_is_said(self, tmp_path):
        (tmp_path / "mine.py").write_text("def final(:\n")
        with pytest.raises(UsageFailed, match=r"mine\.py:1:11: invalid syntax"):
            extractor({"function": "mine.py:final"}, tmp_path)

    def test_a_misspelt_extractor_has_a_hint(self):
        with pytest.raises(UsageFailed) as caught:
            extractor("last_numbr")
        assert caught.value.hint == "did you mean 'last_number'?"
