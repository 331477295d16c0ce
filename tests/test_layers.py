"""The architecture holds: who may import whom, one home per library, no cycle, files that fit in a head."""

from __future__ import annotations

from pathlib import Path

import llm_orc

from .rooms import cycles, violations

PACKAGE = Path(llm_orc.__file__).parent


def test_no_room_imports_what_it_must_not():
    assert list(violations(PACKAGE)) == []


def test_no_modules_import_each_other():
    assert cycles(PACKAGE) == []


def test_every_file_fits_in_a_head():
    long = {
        file.relative_to(PACKAGE).as_posix(): lines
        for file in PACKAGE.rglob("*.py")
        if (lines := len(file.read_text(encoding="utf-8").splitlines())) > 300
    }
    assert long == {}


def plant(tmp_path: Path, place: str, line: str) -> list[str]:
    file = tmp_path / "llm_orc" / place
    file.parent.mkdir(parents=True)
    file.write_text(line, encoding="utf-8")
    return list(violations(tmp_path / "llm_orc"))


def test_a_stage_that_imports_another_stage_is_found(tmp_path):
    found = plant(tmp_path, "graph/draw.py", "from llm_orc.run.scheduler import Scheduler\n")
    assert found == ["graph/draw.py:1: graph must not import llm_orc.run.scheduler"]


def test_a_library_outside_its_home_is_found(tmp_path):
    found = plant(tmp_path, "run/journal.py", "def f():\n    import yaml\n")
    assert found == ["run/journal.py:2: yaml is at home in spec"]


def test_a_strategy_that_knows_a_provider_is_found(tmp_path):
    found = plant(tmp_path, "strategies/vote.py", "from llm_orc.providers.openai import OpenAI\n")
    assert found == ["strategies/vote.py:1: strategies must not import llm_orc.providers.openai"]


def test_a_door_that_reaches_past_the_orchestrator_is_found(tmp_path):
    found = plant(tmp_path, "cli/invoke.py", "from llm_orc.run import run\n")
    assert found == ["cli/invoke.py:1: cli must not import llm_orc.run"]


def test_modules_that_import_each_other_are_found(tmp_path):
    package = tmp_path / "llm_orc"
    (package / "run").mkdir(parents=True)
    (package / "run/one.py").write_text("from llm_orc.run.two import x\n", encoding="utf-8")
    (package / "run/two.py").write_text("import llm_orc.run.one\n", encoding="utf-8")
    assert cycles(package) == [["llm_orc.run.one", "llm_orc.run.two"]]
