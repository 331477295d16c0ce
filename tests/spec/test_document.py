"""YAML files as plain data with positions."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llm_orc.errors import InvalidFile
from llm_orc.spec.document import MAX_BYTES, parse, read


def _value(scalar: str) -> object:
    value = parse(f"a: {scalar}", "f.yaml").value
    assert isinstance(value, dict)
    return value["a"]


@pytest.mark.parametrize(
    ("written", "read_as"),
    [
        ("on", "on"), ("yes", "yes"), ("off", "off"), ("No", "No"), ("y", "y"),
        ("true", True), ("False", False), ("TRUE", True), ("tRue", "tRue"),
        ("null", None), ("~", None), ("", None), ("NULL", None), ("none", "none"),
        ("12", 12), ("-7", -7), ("+3", 3), ("010", 10), ("0o17", 15), ("0x1F", 31),
        ("0b1", "0b1"), ("1_000", "1_000"), ("12:30", "12:30"), ("1.10", 1.1), (".5", 0.5), ("5.", 5.0),
        ("1e3", 1000.0), ("1.0e-06", 1e-06), ("2001-01-01", "2001-01-01"), ("=", "="), ("<<", "<<"),
        ("'5'", "5"), ('"true"', "true"), ("!!str 5", "5"), ("!!int '5'", 5), ("!!float 1", 1.0),
        ("! 5", "5"), ("1.2.3", "1.2.3"), ("-", "-"), ("٣", "٣"),
    ],
)  # fmt: skip
def test_scalars_are_read_as_yaml_1_2_reads_them(written: str, read_as: object) -> None:
    if written == "-":
        written = "'-'"

    value = _value(written)

    assert value == read_as
    assert type(value) is type(read_as)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "1:1: the file is empty"),
        ("# only a comment\n", "1:1: the file is empty"),
        ("- a\n", "1:1: the file is not a mapping of keys to values"),
        ("text", "1:1: the file is not a mapping of keys to values"),
        ("a: [1,\n", "1:7: a value is expected here (close the list, or use quotes)"),
        ("a: 'x\n", "1:4: a quote is opened here and never closed (close it)"),
        ("a:\n\t- b\n", "2:1: a tab is used for indentation (use spaces)"),
        ("a: @x\n", "1:4: text cannot start with '@' (put it in quotes)"),
        ("a: b: c\n", "1:5: a ':' is not expected here (put text that contains ': ' in quotes)"),
        ("a: |\n  x\n y\n", "3:2: a key is expected here (check the indentation)"),
        ('a: "\\q"\n', "1:5: this escape is unknown (double the '\\', or use single quotes)"),
        ("a: 1\n---\nb: 2\n", "2:1: a second document starts here (one file holds one document)"),
        ("a: *x\n", "1:4: no anchor '&x' comes before this alias"),
        ("a: &x [*x]\n", "1:8: the alias '*x' is inside of its own anchor"),
        (
            "a: b\x07\n",
            '1:5: the control character U+0007 cannot be part of the file (write it as an escape, '
            'such as "\\u0007", in double quotes)',
        ),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_has_one_clear_problem(text: str, problem: str) -> None:
    with pytest.raises(InvalidFile) as caught:
        parse(text, "f.yaml")

    assert str(caught.value) == f"f.yaml:{problem}"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("a: 1\nb: 2\na: 3\n", "3:1: the key 'a' is given twice (first at line 1, column 1)"),
        ("1: a\n", "1:1: a key must be text (put it in quotes)"),
        ("~: a\n", "1:1: a key must be text (put it in quotes)"),
        ("? [x]\n: a\n", "1:3: a key must be text, not a collection"),
        (
            "a: {{ input }}\n",
            '1:5: a key must be text, not a collection (put text that starts with "{" in quotes)',
        ),
        ("a: !python/object:os.system x\n", "1:4: the tag '!python/object:os.system' is not supported"),
        ("a: !x [1]\n", "1:4: the tag '!x' is not supported (remove it)"),
        ("a: !!int x\n", "1:4: this is not what its tag '!!int' says"),
        ("a: .nan\n", "1:4: infinity and 'not a number' cannot be used"),
        ("a: 1e999\n", "1:4: this number is too large"),
        (f"a: {'9' * 5000}\n", "1:4: this number is too large"),
        ("a: {<<: 5}\n", "1:9: '<<' takes a mapping or a list of mappings (write '<<: *name')"),
    ],
)
def test_what_can_be_read_past_is_reported_beside_the_rest(text: str, problem: str) -> None:
    document = parse(text + "end: 1\n", "f.yaml")

    assert [str(p) for p in document.problems] == [f"f.yaml:{problem}"]
    assert isinstance(document.value, dict)
    assert document.value["end"] == 1


def test_merge_keys_and_aliases_are_data_like_any_other() -> None:
    document = parse("x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: {<<: [*x, {c: 4}]}\nw: *x\n", "f")

    assert document.value == {
        "x": {"a": 1, "b": 2}, "y": {"b": 3, "a": 1}, "z": {"a": 1, "b": 2, "c": 4}, "w": {"a": 1, "b": 2},
    }  # fmt: skip
    assert document.position(("y", "a")) == (1, 11)


def test_positions_point_at_keys_and_values() -> None:
    document = parse("a:\n  - b: 1\n    c: [x, yy]\n", "f")

    assert document.position(("a", 0, "c"), key=True) == (3, 5)
    assert document.position(("a", 0, "c", 1)) == (3, 12)
    assert document.position(("a", 0)) == (2, 5)
    assert document.position(("a", 7, "nowhere")) == (2, 3)


def test_lines_are_counted_as_editors_count_them() -> None:
    document = parse('a: "é😀\u2028x\u0085"\nb: {c: 1}\n', "f")

    assert document.position(("b", "c")) == (2, 8)


def test_a_line_of_a_block_is_found_in_the_file() -> None:
    document = parse("a: |\n\n  one\n    two {{ x }}\n", "f")

    assert document.within(("a",), 3) == (4, 5)
    assert document.within(("a",), 3, "{{ x }}", 3) == (4, 12)


def test_windows_line_ends_and_a_byte_order_mark_are_fine(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes("\ufeffa: 1\r\nb: |\r\n  x\r\n  y\r\n".encode())

    assert read(file).value == {"a": 1, "b": "x\ny\n"}


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"a: 1\nb: \xff\n", ":2:4: byte 0xff is not UTF-8 text (save the file as UTF-8)"),
        ("a: 1".encode("utf-16"), ": the file is UTF-16 text (save it as UTF-8)"),
        (b"a: " + b"x" * MAX_BYTES, ": the file is larger than 1 MiB"),
    ],
)
def test_a_file_of_other_bytes_is_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    file = tmp_path / "f.yaml"
    file.write_bytes(content)

    with pytest.raises(InvalidFile) as caught:
        read(file)

    assert str(caught.value) == f"{file}{problem}"


def test_what_is_no_file_is_refused(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    said = {}
    for name in ("missing", "pipe", ".", "nul\0"):
        with pytest.raises(InvalidFile) as caught:
            read(tmp_path / name)
        said[name] = caught.value.problems[0].message

    assert said == {
        "missing": "there is no such file",
        "pipe": "this is not a regular file",
        ".": "this is a folder, not a file",
        "nul\0": "this is not the name of a file",
    }


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "f.yaml"
    file.touch(mode=0)

    with pytest.raises(InvalidFile, match="cannot be read: Permission denied"):
        read(file)


@pytest.mark.parametrize("odd", ["\x85", "\u2028", "\u2029"])
def test_what_ends_lines_in_yaml_1_1_alone_is_text(odd: str) -> None:
    written = (
        f'"{odd}": "x {odd} y"\nbare: x{odd}y # a comment{odd}with: one\nblock: |\n  x{odd}y\n'
        'escaped: "\\L"\n'
    )

    assert parse(written, "f").value == {
        odd: f"x {odd} y", "bare": f"x{odd}y", "block": f"x{odd}y\n", "escaped": "\u2028"
    }  # fmt: skip
