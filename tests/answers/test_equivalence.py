"""Two answers are the same when they mean the same."""

from __future__ import annotations

import threading
from fractions import Fraction

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_orc.answers.equivalence import classes, key, same
from llm_orc.answers.extraction import EXTRACTORS

pytestmark = pytest.mark.slow

ALIKE = [
    ("1,000", "1e3"), ("1000.0", "1 000"), ("1{,}000", "1000"), ("2\u202f000", "2000"), ("٤٢", "42"),
    ("1/2", "50%"), (r"\frac12", "0.5"), (r"\dfrac{1}{2}", "0.50"), ("½", "0.5"), ("1 1/2", "1.5"),
    ("1½", "3/2"),
    ("50 percent", "1/2"), ("-5", "−5"), ("+5", "5"), ("twelve", "12"), ("**42**", "42"), ("42.", "42"),
    ("3 × 10^8", "300000000"), (r"3 \times 10^{8}", "3e8"), ("2.5·10³", "2500"), ("2 million", "2,000,000"),
    ("$18", "18 dollars"), ("$18.00", "18"), ("-$5", "-5"), ("90°", r"90^\circ"), ("90 degrees", "90"),
    ("5 km", "5,000 metres"), ("90 minutes", "1.5 h"), ("1 litre", "1000 cm^3"), ("5 cm²", "5 square cm"),
    ("36 km/h", "10 m/s"),
    ("(B)", "b."), ("B)", "B"), ("B", "(b)"),
    ('{"a":1,"b":2.0}', '{"b": 2, "a": 1.0}'), ("[1, 2]", "[1.0,2]"),
    ("The Eiffel Tower.", "eiffel tower"), (r"\text{Paris}", "paris"), ("$x+1$", "x + 1"), (r"\(x\)", "x"),
]  # fmt: skip
UNLIKE = [
    ("17", "71"), ("-5", "5"), ("1/0", "0"), ("10²", "102"), ("1.2.3", "1.23"), ("5 km", "5 m"),
    ("5 km", "5"),
    ("5 am", "5 pm"), ("12:30", "12.3"), ("0.333", "1/3"), (r"\frac13", "0.3333333"), ("True", "1"),
    ("yes", "no"), ("Vitamin A", "Vitamin"),
    ("C#", "C"), ("😀", "😢"), ("!!!", "???"), ("|x|", "x"), ("x!", "x"), ("5!", "5"), ("(1,2)", "(2,1)"),
    ('["a", "b"]', '["b", "a"]'), ('{"a": "1"}', '{"a": 1}'),
    # Mathematics sees products and differences in these; people do not.
    ("2024-01-05", "2024-05-01"), ("10/12/2024", "5/6/2024"), ("3-2", "4-3"), ("2+cat", "2+act"),
]  # fmt: skip
EQUAL = [
    ("2x+2", "2(x+1)"), ("x^2+2x+1", "(x+1)^2"), (r"\sqrt{4}", "2"), (r"\pi/2", r"\frac{\pi}{2}"),
    ("x=5", "5"),    ("x*y", "y*x"), (r"\sqrt{8}", r"2\sqrt{2}"), ("5!", "120"),
]  # fmt: skip
HOSTILE = [
    "9^{9^9}", "9**9**9**9", "((9!)!)!", r"\binom{99999999}{5000000}", r"\prod_{i=1}^{9999999} i",
    r"\frac{1}{" * 30 + "2" + "}" * 30, "(" * 140 + "x+1" + ")" * 140, "(x+y+z+w)^{99}",
]  # fmt: skip


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_different_ways_to_write_an_answer_are_one(one, other):
    assert key(one) == key(other)


@pytest.mark.parametrize(("one", "other"), UNLIKE)
def test_answers_that_only_look_alike_are_two(one, other):
    assert not same(one, other)


@pytest.mark.parametrize(("one", "other"), EQUAL)
def test_equal_expressions_are_the_same_answer_whichever_comes_first(one, other):
    assert key(one) != key(other)
    assert same(one, other)
    assert same(other, one)


def test_expressions_vote_together_only_with_mathematics():
    answers = ["2x", "7", "x+x", "7.0"]
    assert classes(answers) == [0, 1, 2, 1]
    assert classes(answers, mathematics=True) == [0, 1, 0, 1]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_an_expression_that_takes_for_ever_is_given_up(hostile):
    assert not same(hostile, "5")


def test_expressions_that_take_for_ever_do_not_part_the_others():
    assert classes(["9^{9^9}", "2x", "((9!)!)!", "x+x"], mathematics=True) == [0, 1, 2, 1]


def test_expressions_are_compared_outside_of_the_main_thread_too():
    found = []
    thread = threading.Thread(target=lambda: found.append(same("3(y+1)", "3y+3")))
    thread.start()
    thread.join()
    assert found == [True]


TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from([text for pair in (*ALIKE, *UNLIKE) for text in pair]),
    st.fractions(max_denominator=1000).map(str),
    st.floats(allow_nan=False, allow_infinity=False).map(str),
)


@given(TEXTS, TEXTS)
def test_same_is_reflexive_and_symmetric(one, other):
    assert same(one, one, mathematics=False)
    assert same(one, other, mathematics=False) == same(other, one, mathematics=False)


@given(st.lists(TEXTS, max_size=12))
def test_classes_are_a_partition_in_the_order_of_first_members(answers):
    found = classes(answers)
    assert len(found) == len(answers)
    assert list(dict.fromkeys(found)) == list(range(len(set(found))))
    for number, one in zip(found, answers, strict=True):
        for other_number, other in zip(found, answers, strict=True):
            assert (number == other_number) == (key(one) == key(other))


@given(st.integers(-(10**9), 10**9), st.integers(0, 3), st.data())
def test_how_a_number_is_written_never_changes_what_it_is(whole, decimals, data):
    value = Fraction(whole, 10**decimals)
    number = float(value)
    ways = [
        f"{number:.{decimals}f}", f"{number:,.{decimals}f}",
        f"{number:.{decimals}f}00" if decimals else f"{whole}.",
        f"{value.numerator}/{value.denominator}", rf"\frac{{{value.numerator}}}{{{value.denominator}}}",
        f"{value.numerator * 100 / value.denominator:.{decimals}f}%", f"{whole}e-{decimals}", f"{number!r}",
        f"{number:,.{decimals}f}".replace(",", " "), f"{whole} x 10^{-decimals}", f"${number:,.{decimals}f}$",
    ]  # fmt: skip
    way = data.draw(st.sampled_from(ways))
    framed = data.draw(st.sampled_from(["{}", " {} ", "**{}**", "${}$", "{}.", '"{}"', r"\boxed{{{}}}"]))
    if "frac" in way and "boxed" in framed:
        framed = "{}"
    assert key(framed.format(way.replace("-", data.draw(st.sampled_from("-−"))))) == ("number", "", value)


@settings(max_examples=20, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.text(min_size=1, max_size=8), st.text(max_size=8))
def test_no_long_reply_raises(unit, end):
    reply = (unit * (1_000_000 // len(unit)))[:1_000_000] + end
    for extract in EXTRACTORS.values():
        found = extract(reply)
        assert found is None or key(found)
    assert key(reply)
