"""`optimize --tune`: its own flags are heeded, and those of the search for prompts are refused."""

from __future__ import annotations

import json

import pytest

from tests.optimize.projects import colour_rows

from .command_line import CommandLine

TUNED = ("optimize", "e.yaml", "--trainset", "rows.jsonl", "--quiet", "--tune", "temperature",
         "--trials", "3")  # fmt: skip


@pytest.fixture
def turned(llm_orc: CommandLine) -> CommandLine:
    """A project with something to tune."""
    model = {"provider": "scripted", "name": "m"}
    llm_orc.ensemble({"name": "a", "model": model, "options": {"answers": ["red"]}})
    llm_orc.file("rows.jsonl", "\n".join(json.dumps(row) for row in colour_rows(40)))
    return llm_orc


def test_an_estimate_of_a_search_for_settings_asks_nothing(turned: CommandLine):
    done = turned(*TUNED, "--estimate", "--json")

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert not list(turned.folder.glob("**/calls.db"))

    report = json.loads(turned(*TUNED, "--json").stdout)
    assert found["trials"] == report["tried"] == 3
    assert found["calls"]["least"] <= report["calls"] <= found["calls"]["most"]


def test_what_is_picked_goes_to_the_file_that_is_named(turned: CommandLine):
    before = (turned.folder / "e.yaml").read_bytes()

    done = turned(*TUNED, "--pick", "1", "--output", "tuned.yaml")

    assert done.returncode == 0, done.stderr
    assert "written: tuned.yaml" in done.stderr
    assert (turned.folder / "e.yaml").read_bytes() == before
    assert turned("validate", "tuned.yaml").returncode == 0


def test_a_limit_below_one_look_at_the_rows_ends_with_three(turned: CommandLine):
    done = turned(*TUNED, "--max-calls", "3")

    assert done.returncode == 3
    assert "error: --max-calls 3 is reached" in done.stderr


@pytest.mark.parametrize(
    ("flags", "error"),
    [
        (["--export-finetune", "f.jsonl"], "--tune: --export-finetune is for prompts"),
        (["--instructions", "i.txt"], "--tune: --instructions is for prompts"),
        (["--optimizer", "gepa"], "--tune: --optimizer is for prompts"),
        (["--teacher", "tiny-large"], "--tune: --teacher is for prompts"),
        (["--demos", "2"], "--tune: --demos is for prompts"),
        (["--output", "tuned.yaml"], "--tune: --output needs --pick"),
        (["--models", "nosuch"], "unknown model 'nosuch'"),
    ],
)
def test_what_would_be_ignored_is_refused(flags: list[str], error: str, turned: CommandLine):
    done = turned(*TUNED, *flags)

    assert done.returncode == 2
    assert error in done.stderr.splitlines()[0]
