"""What cannot be written is refused before the first call, and what was paid for is never lost."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.optimize.projects import Recording, colour_rows, follows_examples, recording

from .command_line import CommandLine

ENSEMBLE = """\
name: e
agents:
  - name: a
    model: {{provider: openai, name: m, base_url: "{url}"}}   # the labeller
    {prompt}
"""
LABELED = ("optimize", "e.yaml", "--trainset", "rows.jsonl", "--optimizer", "labeled", "--quiet")
WORDED = ("optimize", "e.yaml", "--trainset", "rows.jsonl", "--instructions", "i.txt", "--quiet")


def project(llm_orc: CommandLine, server: Recording, prompt: str = "system_prompt: Name the colour.") -> Path:
    llm_orc.file("rows.jsonl", "\n".join(json.dumps(row) for row in colour_rows(80)))
    llm_orc.file("i.txt", "MAGIC\n")
    return llm_orc.file("e.yaml", ENSEMBLE.format(url=server.url, prompt=prompt))


def answer(body: dict[str, object]) -> str:
    messages = body["messages"]
    assert isinstance(messages, list)
    if "MAGIC" in messages[0]["content"]:
        return next(c for verb, c in (("buys", "red"), ("sells", "blue"), ("loses", "green"))
                    if verb in messages[-1]["content"])  # fmt: skip
    return follows_examples(messages)


def shared(file: Path) -> None:
    other = file.with_name("other.yaml")
    other.write_text(file.read_text(encoding="utf-8").replace("name: e", "name: other"), encoding="utf-8")


@pytest.mark.parametrize(
    ("spoil", "flags", "said"),
    [
        (shared, [], "s.md is also used by"),
        (lambda file: file.with_name("s.md").chmod(0o444), [], "s.md may not be written"),
        (lambda file: file.chmod(0o444), [], "e.yaml may not be written"),
        (lambda file: os.link(file, file.with_name("twin.txt")), [], "has 2 names (hard links)"),
        (lambda file: None, ["--output", "o.yaml"], "--output: the change is in "),
    ],
    ids=["shared", "read-only prompt", "read-only", "hard link", "output"],
)
def test_what_cannot_be_written_is_refused_before_the_first_call(
    spoil: Callable[[Path], None], flags: list[str], said: str, llm_orc: CommandLine
):
    with recording(answer) as server:
        file = project(llm_orc, server, "system_prompt_file: s.md")
        llm_orc.file("s.md", "Name the colour.\n")
        spoil(file)

        done = llm_orc(*WORDED, *flags)

        assert done.returncode in (1, 2)
        assert said in done.stderr.splitlines()[0]
        assert server.bodies == []


def test_a_changed_prompt_file_is_what_is_said_to_be_written(llm_orc: CommandLine):
    with recording(answer) as server:
        project(llm_orc, server, "system_prompt_file: s.md")
        llm_orc.file("s.md", "Name the colour.\n")

        done = llm_orc(*WORDED, "--demos", "0", "--labeled-demos", "0")

    assert done.returncode == 0, done.stderr
    assert "written: s.md;" in done.stdout
    assert (llm_orc.folder / "s.md").read_text(encoding="utf-8") == "MAGIC\n"


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda text: text.replace("Name the colour.", "Name it."), 1),
        (lambda text: text.replace("# the labeller", "# mine"), 0),
    ],
    ids=["prompt", "comment"],
)
def test_an_edit_during_the_search_is_never_overwritten(
    edit: Callable[[str], str], code: int, llm_orc: CommandLine
):
    file = llm_orc.folder / "e.yaml"

    def edits(body: dict[str, object]) -> str:
        if len(server.bodies) == 30:
            file.write_text(edit(file.read_text(encoding="utf-8")), encoding="utf-8")
        return answer(body)

    with recording(edits) as server:
        project(llm_orc, server)
        done = llm_orc(*LABELED)

    text = file.read_text(encoding="utf-8")
    assert done.returncode == code, done.stderr
    assert done.stdout.startswith("better on ")
    if code:
        assert "error: " in done.stderr
        assert "was edited meanwhile" in done.stderr
        assert "demos" not in text
        assert "Name it." in text
        assert "e.yaml is unchanged; the best candidate is " in done.stdout
        (best,) = llm_orc.folder.glob(".llm-orc/optimize/*/best.e.yaml")
        assert "demos" in best.read_text(encoding="utf-8")
    else:
        assert "# mine" in text
        assert "demos" in text
