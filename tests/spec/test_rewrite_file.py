"""Edits of a file on the disk, its prompt files among them, proven by loading what they would become."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from llm_orc.domain.edit import Edit, FileChange
from llm_orc.domain.ensemble import Llm
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Fleet
from llm_orc.errors import InvalidFile, RewriteRefused
from llm_orc.spec.ensemble_file import load_ensemble
from llm_orc.spec.replace_file import replace_files
from llm_orc.spec.rewrite_file import rewrite_file

FILE = """\
name: team
agents:
  - name: a
    model: small
    system_prompt_file: prompts/a.md   # kept apart
    prompt: "{{ input }}"
  - name: b
    model: small
    depends_on: [a]
    prompt_file: prompts/b.j2
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / ".llm-orc").mkdir()
    (tmp_path / "prompts").mkdir()
    (tmp_path / "team.yaml").write_text(FILE, encoding="utf-8")
    (tmp_path / "prompts" / "a.md").write_bytes(b"\xef\xbb\xbfBe brief.\r\nBe kind.\r\n\r\n")
    (tmp_path / "prompts" / "b.j2").write_text("Look: {{ a }}", encoding="utf-8")
    return tmp_path


def changed(project: Path, fleet: Fleet, agent: str, key: str, value: JsonValue) -> tuple[FileChange, ...]:
    return rewrite_file(project / "team.yaml", [Edit(agent=agent, key=key, value=value)], fleet)


def test_a_prompt_in_a_file_of_its_own_is_changed_there(project: Path, fleet: Fleet) -> None:
    (change,) = changed(project, fleet, "a", "system_prompt", "New.\nText.")

    assert change.path == project / "prompts" / "a.md"
    assert change.after == b"\xef\xbb\xbfNew.\r\nText.\r\n\r\n"


def test_several_files_change_together(project: Path, fleet: Fleet) -> None:
    edits = [
        Edit(agent="b", key="prompt", value="Check: {{ a }} "),
        Edit(agent="b", key="temperature", value=0),
        Edit(agent="a", key="system_prompt", value="New."),
    ]

    changes = rewrite_file(project / "team.yaml", edits, fleet)
    replace_files(changes)

    assert [change.path.name for change in changes] == ["b.j2", "a.md", "team.yaml"]
    assert (project / "prompts" / "b.j2").read_bytes() == b"Check: {{ a }} "
    loaded = load_ensemble(project / "team.yaml", fleet)
    assert isinstance(loaded.agents["a"].work, Llm)
    assert loaded.agents["a"].work.system_prompt == "New."


def test_nothing_is_written_before_it_is_asked_for(project: Path, fleet: Fleet) -> None:
    before = {file: file.read_bytes() for file in project.rglob("*") if file.is_file()}

    changed(project, fleet, "a", "system_prompt", "New.")

    assert {file: file.read_bytes() for file in project.rglob("*") if file.is_file()} == before


def test_what_is_there_already_is_no_change(project: Path, fleet: Fleet) -> None:
    assert changed(project, fleet, "a", "system_prompt", "Be brief.\nBe kind.") == ()


@pytest.mark.parametrize(
    ("agent", "key", "value", "message"),
    [
        ("a", "prompt", "{{ nobody }}", "nothing provides 'nobody'"),
        ("a", "prompt", "{% if %}", "would not be valid any more"),
        ("b", "prompt", "{{ nobody }}", "nothing provides 'nobody'"),
        ("a", "temperature", "warm", "would not be valid any more"),
        ("a", "demos", [{"inputs": {}}], "would not be valid any more"),
        ("a", "model", "nobody/x", "would not be valid any more"),
        ("a", "strategy", "guess", "would not be valid any more"),
        ("a", "system_prompt", None, "'system_prompt' of agent 'a' is in the file 'prompts/a.md'"),
        ("a", "system_prompt", "a\rb", "it has carriage returns"),
        ("a", "system_prompt", "a\0b", "cannot be written"),
        ("a", "system_prompt", "\ud83d", "cannot be written"),
        ("a", "system_prompt", 3, "must be text"),
    ],
)
def test_what_the_file_cannot_hold_is_refused(
    project: Path, fleet: Fleet, agent: str, key: str, value: JsonValue, message: str
) -> None:
    with pytest.raises(RewriteRefused) as caught:
        changed(project, fleet, agent, key, value)

    assert message in str(caught.value)
    assert caught.value.hint


def test_a_prompt_file_that_two_agents_use_is_refused(project: Path, fleet: Fleet) -> None:
    file = project / "team.yaml"
    file.write_text(FILE.replace("prompts/b.j2", "prompts/../prompts/a.md"), encoding="utf-8")

    with pytest.raises(RewriteRefused, match=r"a.md is used more than once by team.yaml"):
        changed(project, fleet, "a", "system_prompt", "x")


def test_a_prompt_file_that_another_ensemble_uses_is_refused(project: Path, fleet: Fleet) -> None:
    (project / "other.yaml").write_text(FILE.replace("team", "other"), encoding="utf-8")

    with pytest.raises(RewriteRefused, match=r"a\.md is also used by .*other\.yaml"):
        changed(project, fleet, "a", "system_prompt", "x")


def test_a_prompt_file_that_a_template_includes_is_refused(project: Path, fleet: Fleet) -> None:
    (project / "prompts" / "b.j2").write_text("{% include 'prompts/a.md' %}", encoding="utf-8")

    with pytest.raises(RewriteRefused, match="is used more than once"):
        changed(project, fleet, "a", "system_prompt", "x")


def test_a_file_with_problems_is_not_rewritten(project: Path, fleet: Fleet) -> None:
    (project / "team.yaml").write_text(FILE.replace("depends_on: [a]", "depends_on: [z]"), encoding="utf-8")

    with pytest.raises(InvalidFile):
        changed(project, fleet, "a", "temperature", 1)


def test_an_agent_that_asks_no_model_is_refused(project: Path, fleet: Fleet) -> None:
    (project / "team.yaml").write_text("agents: [{name: s, script: cat}]\nname: t\n", encoding="utf-8")

    with pytest.raises(RewriteRefused, match="would not be valid any more"):
        changed(project, fleet, "s", "system_prompt", "x")


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n"])
def test_git_applies_the_diff(project: Path, fleet: Fleet, end: bytes) -> None:
    file = project / "team.yaml"
    file.write_bytes(FILE.strip().encode() + end)
    edits = [Edit(agent="b", key="temperature", value=1), Edit(agent="a", key="system_prompt", value="Né\nw")]
    changes = rewrite_file(file, edits, fleet)
    patch = "".join(change.diff(project) for change in changes).encode()

    subprocess.run(["git", "apply", "-"], cwd=project, input=patch, check=True)

    assert {change.path: change.after for change in changes} == {
        change.path: change.path.read_bytes() for change in changes
    }


def test_the_diff_is_as_small_as_the_change(project: Path, fleet: Fleet) -> None:
    (change,) = changed(project, fleet, "b", "temperature", 0.5)

    assert change.diff(project) == (
        "--- a/team.yaml\n+++ b/team.yaml\n@@ -8,3 +8,4 @@\n     model: small\n     depends_on: [a]\n"
        "     prompt_file: prompts/b.j2\n+    temperature: 0.5\n"
    )
