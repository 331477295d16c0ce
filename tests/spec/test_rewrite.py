"""One key of an agent changes; every other byte of the file stays."""

from __future__ import annotations

import pytest

from llm_orc.domain.edit import Edit
from llm_orc.domain.json import JsonValue
from llm_orc.errors import InvalidFile, NotFound, RewriteRefused
from llm_orc.spec.rewrite import rewrite

FILE = """\
# of the team
name: team   # the name
agents:
  - name: a   # first
    system_prompt: |  # the role
      Old text.
        Indented.

    # how warm
    temperature: 0.5   # warm
    strategy:
      type: self_consistency
      samples: 5   # odd
  # the second
  - {name: b, prompt: 'old', depends_on: [a]}   # in flow
output: b
# over
"""


def edited(text: str, agent: str, key: str, value: JsonValue) -> str:
    return rewrite(text, [Edit(agent=agent, key=key, value=value)])


OLD = "      Old text.\n        Indented."
STRATEGY = "\n      type: self_consistency\n      samples: 5   # odd"


@pytest.mark.parametrize(
    ("agent", "key", "value", "old", "new"),
    [
        ("a", "system_prompt", "New.\n\nText.", OLD, "      New.\n\n      Text."),
        ("a", "system_prompt", " New.\nB", f"|  # the role\n{OLD}", "|2  # the role\n       New.\n      B"),
        ("a", "system_prompt", "a\rb", f"|  # the role\n{OLD}", '"a\\rb"  # the role'),
        ("a", "system_prompt", None, f"    system_prompt: |  # the role\n{OLD}\n", "    # the role\n"),
        ("a", "prompt", "New: {{ input }}", "Indented.", 'Indented.\n    prompt: "New: {{ input }}"'),
        ("a", "prompt", "One\ntwo", "Indented.", "Indented.\n    prompt: |\n      One\n      two"),
        ("a", "temperature", 1, "0.5", "1"),
        ("a", "temperature", None, "    temperature: 0.5   # warm\n", "    # warm\n"),
        ("a", "strategy.samples", 7, "samples: 5", "samples: 7"),
        ("a", "strategy.temperature", 0.25, "# odd", "# odd\n      temperature: 0.25"),
        ("a", "strategy.early_stop.window", 4, "# odd", "# odd\n      early_stop: {window: 4}"),
        ("a", "strategy", {"samples": 9, "type": "self_consistency"}, "samples: 5", "samples: 9"),
        ("a", "strategy", "single", STRATEGY, " single\n    # odd"),
        ("a", "model", "small", "# first", "# first\n    model: small"),
        ("a", "model", {"name": "x:1"}, "# first", '# first\n    model: {name: "x:1"}'),
        ("b", "prompt", "it's\nnew", "'old'", '"it\'s\\nnew"'),
        ("b", "prompt", "it's new", "'old'", "'it''s new'"),
        ("b", "prompt", None, "prompt: 'old', ", ""),
        ("b", "strategy.samples", 3, "'old'", "'old', strategy: {samples: 3}"),
        ("b", "demos", [{"inputs": {"a": "1"}, "output": "2"}], "'old'",
         """'old', demos: [{inputs: {a: "1"}, output: "2"}]"""),
    ],
)  # fmt: skip
def test_only_what_is_of_the_key_changes(agent: str, key: str, value: JsonValue, old: str, new: str) -> None:
    assert FILE.count(old) == 1

    assert edited(FILE, agent, key, value) == FILE.replace(old, new)


@pytest.mark.parametrize("line_break", ["\r\n", "\r"])
@pytest.mark.parametrize("mark", ["", "\ufeff"])
@pytest.mark.parametrize("end", ["", "\n"])
def test_line_ends_the_mark_and_the_end_stay(line_break: str, mark: str, end: str) -> None:
    text = (mark + FILE.rstrip("\n") + end).replace("\n", line_break)

    new = edited(text, "a", "system_prompt", "One\ntwo")

    assert new == text.replace(
        line_break.join(["Old text.", "        Indented."]), line_break.join(["One", "      two"])
    )


def test_bytes_stay_bytes() -> None:
    content = ("\ufeff" + FILE).encode()

    assert rewrite(content, [Edit(agent="a", key="temperature", value=0)]) == content.replace(b"0.5", b"0")


def test_what_is_there_already_changes_nothing() -> None:
    edits = [
        Edit(agent="a", key="system_prompt", value="Old text.\n  Indented.\n"),
        Edit(agent="a", key="strategy", value={"samples": 5, "type": "self_consistency"}),
        Edit(agent="a", key="top_p", value=None),
        Edit(agent="a", key="strategy.early_stop.window", value=None),
    ]

    assert rewrite(FILE, edits) == FILE


def test_one_and_one_point_nought_are_not_the_same() -> None:
    assert "temperature: 1.0 " in edited(edited(FILE, "a", "temperature", 1), "a", "temperature", 1.0)


DEMOS = """\
name: team
agents:
  - name: a
    demos:   # worked
      # easy
      - inputs: {input: "1"}   # one
        output: "1"
      # hard
      - inputs: {input: "2"}
        output: |
          2

          # no comment
      # odd
      - {inputs: {input: "3"}, output: "3"}   # three
      # last words
    temperature: 1
"""
ONE, TWO, THREE = (
    {"inputs": {"input": "1"}, "output": "1"},
    {"inputs": {"input": "2"}, "output": "2\n\n# no comment\n"},
    {"inputs": {"input": "3"}, "output": "3"},
)
NEW = {"inputs": {"input": "new"}, "output": "x\ny"}
NEW_LINES = "      - inputs: {input: new}\n        output: |-\n          x\n          y\n"
TWO_LINES = '      - inputs: {input: "2"}\n        output: |\n          2\n\n          # no comment\n'


@pytest.mark.parametrize(
    ("value", "old", "new"),
    [
        ([ONE, TWO, THREE, NEW], "# three\n", f"# three\n{NEW_LINES}"),
        ([NEW, ONE, TWO, THREE], "      # easy\n", f"      # easy\n{NEW_LINES}"),
        ([ONE, NEW, TWO, THREE], '        output: "1"\n', f'        output: "1"\n{NEW_LINES}'),
        ([ONE, THREE], TWO_LINES, ""),
        ([TWO, THREE], '      - inputs: {input: "1"}   # one\n        output: "1"\n', "      # one\n"),
        ([ONE, TWO], '- {inputs: {input: "3"}, output: "3"}   # three', "# three"),
        ([ONE, NEW, THREE], TWO_LINES, NEW_LINES),
    ],
)  # fmt: skip
def test_examples_that_stay_are_not_touched(value: JsonValue, old: str, new: str) -> None:
    assert DEMOS.count(old) == 1

    assert edited(DEMOS, "a", "demos", value) == DEMOS.replace(old, new)


def test_comments_survive_when_all_examples_change() -> None:
    assert edited(DEMOS, "a", "demos", [NEW]) == (
        "name: team\nagents:\n  - name: a\n    demos:   # worked\n      # easy\n      # one\n      # hard\n"
        f"      # odd\n      # three\n{NEW_LINES}      # last words\n    temperature: 1\n"
    )


def test_no_example_is_an_empty_list_and_its_comments_stay() -> None:
    new = edited(DEMOS, "a", "demos", [])

    assert "    demos: []   # worked\n" in new
    assert [line.strip() for line in new.splitlines() if line.strip().startswith("#")] == [
        "# easy", "# one", "# hard", "# odd", "# three", "# last words",
    ]  # fmt: skip


ANCHORS = """\
name: team
x-base: &base {temperature: 0.5}
x-sc: &sc {type: self_consistency, samples: 4}
agents:
  - name: a
    <<: *base
    prompt: &text Shared text.
    strategy: *sc
  - name: b
    depends_on: [a]
    prompt: *text
    system_prompt: &own Alone.
  - &whole
    name: c
    depends_on: [b]
    strategy: {<<: *sc, samples: 2}
"""


@pytest.mark.parametrize(
    ("agent", "key", "value", "old", "new"),
    [
        ("b", "prompt", "Other.", "*text", "Other."),
        ("b", "system_prompt", "Other.", "Alone.", "Other."),
        ("a", "temperature", 1, "strategy: *sc", "strategy: *sc\n    temperature: 1"),
        ("a", "strategy.samples", 9, "strategy: *sc", "strategy: {<<: *sc, samples: 9}"),
        ("a", "strategy", "single", "strategy: *sc", "strategy: single"),
        ("c", "strategy.samples", 9, "samples: 2", "samples: 9"),
        ("c", "strategy.temperature", 1, "samples: 2", "samples: 2, temperature: 1"),
    ],
)  # fmt: skip
def test_an_alias_is_replaced_where_it_is_used(
    agent: str, key: str, value: JsonValue, old: str, new: str
) -> None:
    assert ANCHORS.count(old) == 1

    assert edited(ANCHORS, agent, key, value) == ANCHORS.replace(old, new)


@pytest.mark.parametrize(
    ("agent", "key", "value", "message"),
    [
        ("a", "prompt", "Other.", "the anchor '&text' at this value is used elsewhere too (line 11)"),
        ("a", "temperature", None, "'temperature' is not written here: it comes with '<<' or an alias"),
        ("a", "strategy.samples", None, "'samples' is not written here: it comes with '*sc'"),
        ("c", "strategy.type", None, "'type' is not written here: it comes with '<<' or an alias"),
        ("a", "prompt", 3, "'prompt' of agent 'a' must be text"),
        ("a", "prompt", "a\0b", "the new 'prompt' of agent 'a' cannot be written"),
        ("a", "prompt", "half \ud83d", "the new 'prompt' of agent 'a' cannot be written"),
        ("a", "temperature", float("nan"), "the new 'temperature' of agent 'a' cannot be written"),
        ("a", "demos", [{"output": "\0"}], "the new 'demos' of agent 'a' cannot be written"),
        ("a", "demos", [{1, 2}], "the new 'demos' of agent 'a' cannot be written"),
        ("a", "name", "z", "'name' is not a key that is rewritten"),
        ("a", "prompt.x", "z", "'prompt.x' is not a key that is rewritten"),
        ("a", "strategy..x", "z", "'strategy..x' is not a key that is rewritten"),
        ("c", "strategy.samples.x", 1, "agent 'c' has no settings in which to set 'strategy.samples.x'"),
    ],
)  # fmt: skip
def test_what_cannot_be_exact_is_refused_with_the_reason(
    agent: str, key: str, value: JsonValue, message: str
) -> None:
    with pytest.raises(RewriteRefused) as caught:
        edited(ANCHORS, agent, key, value)

    assert str(caught.value) == message
    assert caught.value.hint


def test_an_edit_that_is_in_the_way_of_another_is_made_first() -> None:
    edits = [Edit(agent="a", key="prompt", value="One."), Edit(agent="b", key="prompt", value="Two.")]

    new = rewrite(ANCHORS, edits)

    assert new == ANCHORS.replace("&text Shared text.", "&text One.").replace("*text", "Two.")


def test_of_two_edits_of_one_key_the_last_counts() -> None:
    edits = [Edit(agent="b", key="prompt", value="One."), Edit(agent="b", key="prompt", value="Two.")]

    assert rewrite(ANCHORS, edits) == ANCHORS.replace("*text", "Two.")


def test_an_agent_that_an_alias_stands_for_is_refused() -> None:
    text = "x: &a {name: a}\nagents: [*a]\n"

    with pytest.raises(RewriteRefused, match="an alias stands for it"):
        edited(text, "a", "prompt", "x")


def test_an_agent_that_others_merge_is_refused() -> None:
    text = "agents:\n- &a\n  name: a\n  temperature: 1\n- <<: *a\n  name: b\n"

    with pytest.raises(
        RewriteRefused, match=r"the anchor '&a' at this value is used elsewhere too \(line 5\)"
    ):
        edited(text, "a", "temperature", 0)


def test_an_unknown_agent_is_not_found() -> None:
    with pytest.raises(NotFound, match="there is no agent 'aa'"):
        edited(FILE, "aa", "prompt", "x")


def test_two_agents_of_one_name_are_refused() -> None:
    with pytest.raises(RewriteRefused, match="there are two agents called 'a'"):
        edited("agents: [{name: a}, {name: a}]", "a", "prompt", "x")


@pytest.mark.parametrize("text", ["agents: [", "a: 1\na: 2\nagents: [{name: a}]", "- a", ""])
def test_what_is_no_yaml_is_an_invalid_file(text: str) -> None:
    with pytest.raises(InvalidFile):
        edited(text, "a", "prompt", "x")


@pytest.mark.parametrize("content", [FILE.encode("utf-16"), b"name: \xff\nagents: [{name: a}]"])
def test_another_encoding_is_refused(content: bytes) -> None:
    with pytest.raises(RewriteRefused, match="is not UTF-8 text"):
        rewrite(content, [Edit(agent="a", key="prompt", value="x")])


def test_a_file_that_would_be_too_large_is_refused() -> None:
    with pytest.raises(RewriteRefused, match="would be larger than 1 MiB"):
        edited(FILE, "a", "prompt", "x" * (1 << 20))


def test_a_value_that_is_kept_at_the_end_of_the_file_is_not_given_a_line_break() -> None:
    text = "agents:\n- name: a\n  on_failure: {default: x}\n  x-note: |\n    no line break"

    new = edited(text, "a", "prompt", "text")

    assert new.endswith("|\n    no line break")
    assert "prompt: text\n" in new
