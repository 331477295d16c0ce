"""Rewriting as programs use it: a look at the diff, then `apply`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from llm_orc import Orchestrator
from llm_orc.domain.ensemble import Llm
from llm_orc.errors import NotFound, RewriteRefused
from llm_orc.orchestrator.rewriting import rewritten
from llm_orc.spec.shipped import shipped


@pytest.fixture
def project(tmp_path: Path) -> Path:
    (tmp_path / "ensembles").mkdir()
    shutil.copytree(shipped("ensembles", "scripts"), tmp_path / "ensembles" / "scripts")
    shutil.copy(shipped("ensembles", "quickstart.yaml"), tmp_path / "ensembles")
    return tmp_path


def test_an_ensemble_is_looked_at_and_then_changed(project: Path) -> None:
    orchestrator = Orchestrator(project)
    file = project / "ensembles" / "quickstart.yaml"
    before = file.read_text(encoding="utf-8")

    rewriting = rewritten(orchestrator, "quickstart", {"report": {"system_prompt": "Be brief."}})

    assert file.read_text(encoding="utf-8") == before
    added = [line for line in rewriting.diff().splitlines() if line.startswith("+")]
    assert added == ["+++ b/ensembles/quickstart.yaml", "+    system_prompt: Be brief."]
    rewriting.apply()
    assert file.read_text(encoding="utf-8") == rewriting.text
    work = orchestrator.load("quickstart").agents["report"].work
    assert isinstance(work, Llm)
    assert work.system_prompt == "Be brief."


def test_nothing_to_change_is_an_empty_diff(project: Path) -> None:
    rewriting = rewritten(Orchestrator(project), "quickstart", {"report": {"demos": None}, "solve": {}})

    assert rewriting.diff() == ""
    assert rewriting.changes == ()
    rewriting.apply()
    assert rewriting.text == (project / "ensembles" / "quickstart.yaml").read_text(encoding="utf-8")


def test_a_file_that_changed_after_the_look_is_refused(project: Path) -> None:
    file = project / "ensembles" / "quickstart.yaml"
    rewriting = rewritten(Orchestrator(project), "quickstart", {"solve": {"temperature": 0.5}})
    file.write_text(file.read_text(encoding="utf-8") + "# mine\n", encoding="utf-8")

    with pytest.raises(RewriteRefused, match="was changed by somebody else meanwhile"):
        rewriting.apply()

    assert file.read_text(encoding="utf-8").endswith("# mine\n")


def test_the_files_of_the_package_are_looked_at_only(tmp_path: Path) -> None:
    rewriting = rewritten(Orchestrator(tmp_path), "decision", {"risks": {"temperature": 0.5}})

    assert "temperature: 0.5" in rewriting.diff()
    with pytest.raises(RewriteRefused, match="comes with llm-orc"):
        rewriting.apply()


def test_an_unknown_agent_is_not_found(project: Path) -> None:
    with pytest.raises(NotFound, match="there is no agent 'solver'"):
        rewritten(Orchestrator(project), "quickstart", {"solver": {"prompt": "x"}})
