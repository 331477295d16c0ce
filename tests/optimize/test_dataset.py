"""Rows: how they are read, told apart, and split."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_orc.errors import InvalidFile, UsageFailed
from llm_orc.optimize.dataset import (
    Row,
    contradicting,
    leaked,
    read_rows,
    repeated,
    shuffled,
    split,
)

from .cases import jsonl, row

ROWS = st.lists(st.text(max_size=8), unique=True, max_size=40).map(
    lambda texts: [Row(id=str(n), inputs={"input": text}) for n, text in enumerate(texts)]
)


def told(path: Path, **how) -> list[str]:
    """What is wrong with a file, a line each, without its name."""
    with pytest.raises(InvalidFile) as raised:
        read_rows(path, **how)
    return [str(problem).removeprefix(f"{path}:") for problem in raised.value.problems]


def test_a_row_is_what_is_asked_and_what_is_expected(tmp_path):
    path = jsonl(
        tmp_path, {"id": "one", "input": "2+2", "expected": 4, "agents": {"solver": "4"}, "note": "easy"}
    )
    (found,) = read_rows(path, inputs=["input"])
    assert (found.id, found.inputs, found.expected) == ("one", {"input": "2+2"}, 4)
    assert found.labels == {"solver": "4"}
    assert found.source == f"{path}:1"


@pytest.mark.parametrize(
    ("written", "inputs"),
    [
        ({"question": "q", "answer": 1}, {"text": "q"}),
        ({"prompt": "p", "source": "web", "target": 1}, {"text": "p"}),
        ({"sentence": "s", "label": 1}, {"text": "s"}),
        ({"inputs": {"text": "t", "more": 2}, "expected": 1}, {"text": "t", "more": 2}),
        ({"text": "t", "question": "q", "output": 1}, {"text": "t"}),
    ],
)
def test_columns_are_understood_by_their_usual_names(tmp_path, written, inputs):
    (found,) = read_rows(jsonl(tmp_path, written), inputs=["text"])
    assert (found.inputs, found.expected) == (inputs, 1)


def test_another_column_can_hold_the_answer(tmp_path):
    path = jsonl(tmp_path, {"input": "a", "gold": "b", "answer": "c"})
    assert read_rows(path, expected="gold")[0].expected == "b"
    with pytest.raises(UsageFailed, match="no column 'glod'"):
        read_rows(path, expected="glod")


def test_every_bad_line_is_told_with_its_place(tmp_path):
    path = jsonl(
        tmp_path, {"input": "a", "expected": 1}, "oops", "[1]", "", {"input": "b", "expected": 2}, "NaN"
    )
    assert told(path) == [
        "2:1: this line is not JSON: Expecting value",
        '3:1: this line is not an object (write {"input": ..., "expected": ...})',
        "6:1: this line is not JSON: NaN is not a JSON number",
    ]


def test_every_bad_row_is_told_with_its_place(tmp_path):
    path = jsonl(
        tmp_path,
        {"id": "x", "input": "a", "expected": 1},
        {"id": "x", "input": "b", "expected": 1},
        {"input": "c"},
        {"input": "d", "expected": 1, "agents": 3},
        {"id": [], "input": "e", "expected": 1},
        {"expected": 1},
    )
    assert told(path) == [
        "2:1: the id 'x' is also that of line 1",
        "3:1: the row has no 'expected' (the other rows have; --expected names another column)",
        """4:1: 'agents' is not an object (write {"agents": {NAME: ANSWER}})""",
        "5:1: 'id' is neither text nor a whole number",
        "6:1: the row has none of the inputs (input) (its columns: expected)",
    ]


def test_of_many_bad_lines_the_first_are_told(tmp_path):
    assert told(jsonl(tmp_path, *["?"] * 50))[-1].endswith("and 30 more")


def test_an_empty_file_is_refused(tmp_path):
    with pytest.raises(UsageFailed, match="has no rows"):
        read_rows(jsonl(tmp_path))


def test_a_json_list_is_a_dataset(tmp_path):
    path = tmp_path / "d.json"
    path.write_text(json.dumps([{"input": "a", "expected": 1}, {"input": "b", "expected": 2}], indent=1))
    assert [r.expected for r in read_rows(path)] == [1, 2]
    path.write_text("[1]")
    assert told(path) == [' row 1 is not an object (write {"input": ..., "expected": ...})']


def test_csv_cells_may_hold_line_breaks_and_errors_name_the_first_line(tmp_path):
    path = tmp_path / "d.csv"
    path.write_bytes(b'\xef\xbb\xbfinput,expected,agents.a\r\n"two\r\nlines",x,1\r\nb,y,2\r\n')
    one, two = read_rows(path)
    assert (one.inputs, one.expected, one.labels) == ({"input": "two\r\nlines"}, "x", {"a": "1"})
    assert two.source == f"{path}:4"
    path.write_text('input,expected\n"two\nlines",x,1\nb\n')
    assert told(path) == ["2:1: 3 cells for 2 columns", "4:1: 1 cells for 2 columns"]
    path.write_text("input,input\na,b\n")
    assert told(path) == ["1:1: the first line has to name every column, each once (it has: input, input)"]
    path.write_text('input,expected\n"open,x\n')
    assert told(path)[0].startswith("2:1: this is not CSV: ")


def test_tab_separated_values_are_read(tmp_path):
    path = tmp_path / "d.tsv"
    path.write_text("input\texpected\na, b\tc\n")
    assert read_rows(path)[0].inputs == {"input": "a, b"}


def test_parquet_has_names_for_its_classes(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    features = {"info": {"features": {"label": {"_type": "ClassLabel", "names": ["no", "yes"]}}}}
    schema = pyarrow.schema(
        [("text", pyarrow.string()), ("label", pyarrow.int64())],
        metadata={b"huggingface": json.dumps(features).encode()},
    )
    table = pyarrow.table({"text": ["a", "b", "c"], "label": [0, 1, -1]}, schema=schema)
    parquet.write_table(table, tmp_path / "train-00000-of-00001.parquet")
    assert [r.expected for r in read_rows(tmp_path, inputs=["input"])] == ["no", "yes", None]
    parquet.write_table(table, tmp_path / "test-00000-of-00001.parquet")
    with pytest.raises(UsageFailed, match="several files: test, train"):
        read_rows(tmp_path)


def test_what_datasets_saved_is_read_in_its_order(tmp_path):
    pyarrow = pytest.importorskip("pyarrow")
    for name, texts in (("b.arrow", ["1", "2"]), ("a.arrow", ["3"])):
        table = pyarrow.table({"text": texts, "label": texts})
        with pyarrow.ipc.new_stream(str(tmp_path / name), table.schema) as writer:
            writer.write_table(table)
    state = {"_data_files": [{"filename": "b.arrow"}, {"filename": "a.arrow"}]}
    (tmp_path / "state.json").write_text(json.dumps(state))
    assert [r.expected for r in read_rows(tmp_path)] == ["1", "2", "3"]


@pytest.mark.parametrize("content", [b"PAR1", b"", b"\x00" * 100])
def test_a_damaged_parquet_file_is_one_clear_error(tmp_path, content):
    pytest.importorskip("pyarrow")
    (tmp_path / "d.parquet").write_bytes(content)
    with pytest.raises(UsageFailed, match="cannot read"):
        read_rows(tmp_path / "d.parquet")


def test_a_name_of_a_row_follows_from_what_it_asks(tmp_path):
    one = read_rows(jsonl(tmp_path, {"input": "a", "expected": 1}, {"input": "b", "expected": 2}))
    two = read_rows(
        jsonl(
            tmp_path,
            {"input": "b", "expected": 3},
            {"input": "c", "expected": 2},
            {"input": "a", "expected": 1},
        )
    )
    assert {one[0].id, one[1].id} == {two[2].id, two[0].id}


def test_rows_that_ask_the_same_have_names_of_their_own(tmp_path):
    rows = read_rows(jsonl(tmp_path, *[{"input": "a", "expected": n} for n in (1, 1, 2)]))
    assert len({r.id for r in rows}) == 3
    assert [r.id.removeprefix(rows[0].id) for r in rows] == ["", "-2", "-3"]


@given(ROWS, ROWS, st.integers(0, 5))
def test_adding_rows_moves_none_to_another_part(rows, more, seed):
    before, after = split(rows, seed), split([*more, *rows], seed)
    for part in ("train", "validation", "held_out"):
        assert set(map(id, getattr(before, part))) <= set(map(id, getattr(after, part)))


@given(ROWS, st.integers(0, 5), st.floats(0, 0.5), st.floats(0, 0.5))
def test_every_row_is_in_one_part(rows, seed, train, validation):
    found = split(rows, seed, train=train, validation=validation)
    parts = [*found.train, *found.validation, *found.held_out]
    assert sorted(r.id for r in parts) == sorted(r.id for r in rows)


@given(ROWS, st.integers(0, 5))
def test_no_part_holds_what_another_asks(rows, seed):
    doubled = [*rows, *(replace(r, inputs={"input": f" {r.inputs['input']}  "}) for r in rows)]
    found = split(doubled, seed)
    assert not leaked(found.train, [*found.validation, *found.held_out])
    assert not leaked(found.validation, found.held_out)


def test_parts_have_the_shares_that_were_asked_for():
    found = split([row(str(n)) for n in range(4000)], train=0.5, validation=0.3)
    assert len(found.train) / 4000 == pytest.approx(0.5, abs=0.03)
    assert len(found.held_out) / 4000 == pytest.approx(0.2, abs=0.03)


def test_another_seed_is_another_split():
    rows = [row(str(n)) for n in range(100)]
    assert split(rows, 1).train != split(rows, 2).train


@given(ROWS, ROWS)
def test_more_rows_leave_the_order_of_those_there_were(rows, more):
    renamed = [replace(r, id=f"m{r.id}") for r in more]
    kept = [r.id for r in shuffled([*rows, *renamed], 3) if not r.id.startswith("m")]
    assert kept == [r.id for r in shuffled(rows, 3)]


def test_repeated_questions_are_found_and_those_that_contradict():
    rows = [
        Row(id="1", inputs={"input": "How many?"}, expected=1),
        Row(id="2", inputs={"input": " how  MANY? "}, expected=1),
        Row(id="3", inputs={"input": "Why?"}, expected=1),
        Row(id="4", inputs={"input": "why?"}, expected=2),
        Row(id="5", inputs={"input": "when?"}, expected=2),
    ]
    assert [[r.id for r in group] for group in repeated(rows)] == [["1", "2"], ["3", "4"]]
    assert [[r.id for r in group] for group in contradicting(rows)] == [["3", "4"]]
    assert [r.id for r in leaked(rows[:1], rows[1:])] == ["2"]


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("d.jsonl", b'{"input": "a"}\n{"input" "b"}\n', "d.jsonl:2:10: this line is not JSON: "),
        ("d.json", b'[{"input": "a"},\n {"input" "b"}]', "d.json:2:11: this is not JSON: "),
        ("d.jsonl", b'{"input": "a"}\n{"input": "\xff"}\n', "d.jsonl:2:12: byte 0xff is not UTF-8 text"),
    ],
)
def test_the_place_of_what_is_wrong_is_told(name: str, content: bytes, said: str, tmp_path: Path):
    (tmp_path / name).write_bytes(content)

    with pytest.raises(InvalidFile) as refused:
        read_rows(tmp_path / name)

    assert said in str(refused.value)
