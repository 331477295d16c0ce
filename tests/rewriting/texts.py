"""Texts that are hard to keep in a file, and edits that are made of them."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

HOSTILE = (
    "", " ", "\n", "\n\n\n", "\t", " leading", "trailing ", "  both  ", "\ttab first", "tab\tinside", "tab last\t",
    "ends in a newline\n", "ends in three\n\n\n", "\nstarts with one", "\n\n  starts with two and spaces",
    "one\n\ntwo\n\n\nthree", "trailing spaces  \non each line \nof it", "  deep\n first\nlines",
    "a\r\nb\r\nc", "a\rb", "\r", "---", "--- \ntext", "...", "line\n---\nline", "line\n...\nline", "%YAML 1.1",
    "# not a comment", "text # not a comment", "text\n# not a comment\n  # neither", "key: value",
    "a: b\nc:\n  - d\n  - {e: f}", "- item\n- item", "agents:\n  - name: x\n    prompt: y", "[1, 2", "{a: 1", "}]",
    "? key\n: value", "&anchor text", "*alias", "!!str text", "!tag", "| literal", "> folded", "|-\n  text",
    "'single'", '"double"', "it's", 'say "no"', "\\", "\\n", "C:\\path\\to\\new", '\\"', "''", '""', "'", '"',
    "null", "~", "true", "No", "on", "y", "12", "1e3", "0x1F", "0o17", "12:30", ".5", "-1", "1_000", "2024-01-01",
    ".inf", "=", "<<", "@at", "`tick`", "%percent", ", comma", "-dash", "- ", "-", "? ", ": ", ":", "a:", "a :b",
    "http://x.y/z?a=b#c", "{{ input }}", "{{ x }}", "{% if x %}", "{# note #}", "${HOME}", "{}", "[]", "é",
    "naïve café", "日本語のテキスト", "שלום عليكم", "\U0001f600 \U0001f468\u200d\U0001f469\u200d\U0001f467", "\u2028", "a\u2028b",
    "a\u2029b", "a\x85b", "\ufeff", "a\ufeffb", "a\xa0b", "a\u200bb", "a\xadb", "a\u202eb", "\x07bell", "\x1b[31mred",
    "\x7f", "\x0b\x0c", "e\u0301", "\ufffd", "\U0010ffff", "\ue000", "\uffff", "x" * 5_000, "word " * 1_000,
    "long line " * 300 + "\nshort\n" + "y" * 400, "k" * 1_100 + ": v", "\n" * 50, " " * 200, "#" * 120,
    "a\n\tb\n\t\tc", " \n \n ", "a\n \nb", "a\n  \n  b", "\n a", "a\\\nb", "a \\", "0", "00", "0.10", "+1",
)  # fmt: skip
PIECES = (
    "a", "word", " ", "  ", "\n", "\n\n", "\t", ":", ": ", " #", "#", "-", "- ", "---", "...", "'", '"', "\\", "\\n",
    "{{", "}}", "{%", "%}", "{", "}", "[", "]", ",", "&", "*", "!", "|", ">", "%", "@", "`", "?", "<<", "~", "=",
    "null", "true", "1", "é", "漢", "\U0001f680", "\u2028", "\u2029", "\x85", "\xa0", "\r", "\r\n", "\u200b", "\x01",
)  # fmt: skip
NEVER = ("a\0b", "half \ud83d", "\udc00")
"""What no text of an ensemble can be."""


def text(random: Random) -> str:
    """A hostile text; one in fifty has 100 kB."""
    match random.randrange(50):
        case 0:
            return big(random)
        case choice if choice < 25:
            return random.choice(HOSTILE)
        case _:
            return "".join(random.choices(PIECES, k=random.randrange(1, 40)))


def big(random: Random) -> str:
    """100 kB, of one line or of many."""
    line = "".join(random.choices([*PIECES, "word ", "more "], k=60))
    if random.random() < 0.3:
        line = line.replace("\n", " ").replace("\r", " ")
    return (line * (100_000 // len(line.encode()) + 1))[:100_000]


def template(random: Random, names: Sequence[str] = ("input",)) -> str:
    """A hostile text that is a valid Jinja template."""
    body = text(random)
    if any(sign in body for sign in ("{{", "{%", "{#")):
        body = f"{{% raw %}}{body}{{% endraw %}}"
    return body + "".join(f" {{{{ {name} }}}}" for name in names if random.random() < 0.5)
