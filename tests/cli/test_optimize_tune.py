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
    assert found["tune"] == ["temperature"]
    assert not list(turned.folder.glob("**/calls.db"))

    report = json.loads(turned(*TUNED, "--json").stdout)
    calls = [each["calls"] for each in found["estimates"]]
    assert 0.75 * min(calls) <= report["calls"] <= 1.25 * max(calls)
    assert all(each["tokens"] > each["calls"] for each in found["estimates"])


def test_what_an_estimate_costs_is_unknown_where_a_price_is(turned: CommandLine):
    served = {"provider": "openai", "name": "m", "base_url": "http://127.0.0.1:9/v1"}
    turned.file(".llm-orc/models.yaml", json.dumps({"models": {"mine": served}}))

    done = turned(*TUNED[:-4], "--tune", "models", "--models", "mine", "--trials", "2", "--estimate")

    assert done.returncode == 0, done.stderr
    assert "models on " in done.stdout
    assert "unknown" in done.stdout


def test_the_temperature_that_counts_is_tuned(turned: CommandLine):
    model = {"provider": "scripted", "name": "m"}
    votes = {"type": "best_of", "samples": 2}
    turned.ensemble({"name": "a", "model": model, "options": {"answers": ["red"]}, "strategy": votes})

    done = turned(*TUNED, "--json")

    assert done.returncode == 0, done.stderr
    assert {*json.loads(done.stdout)["points"][0]["settings"]} == {"a.strategy.temperature"}


def test_settings_are_judged_by_an_ensemble(turned: CommandLine):
    script = 'script: python -c "print(1)"'
    turned.file("strict.yaml", f"name: strict\nagents:\n  - {{name: says, {script}}}\n")

    done = turned(*TUNED, "--metric", "judge:strict.yaml", "--json")

    assert done.returncode == 0, done.stderr
    assert {line["validation"] for line in json.loads(done.stdout)["front"]} == {1.0}


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
