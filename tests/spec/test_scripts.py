"""Where the script of an agent is found, and how it is started."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llm_orc.domain.ensemble import Script
from llm_orc.domain.model import Fleet
from llm_orc.spec.ensemble_file import load_ensemble


@pytest.fixture
def project(tmp_path: Path) -> Path:
    for folder in (".llm-orc/ensembles", ".llm-orc/scripts", "scripts"):
        (tmp_path / folder).mkdir(parents=True)
    return tmp_path


def _command(project: Path, script: str) -> tuple[str, ...]:
    file = project / ".llm-orc" / "ensembles" / "e.yaml"
    file.write_text(f"name: t\nagents:\n  - name: a\n    script: {script}\n")
    work = load_ensemble(file, Fleet(models={})).agents["a"].work
    assert isinstance(work, Script)
    return work.command


@pytest.mark.parametrize(
    ("place", "script"),
    [
        (".llm-orc/ensembles/x.py", "x.py"),
        ("scripts/x.py", "scripts/x.py"),
        (".llm-orc/scripts/x.py", "scripts/x.py"),
        (".llm-orc/scripts/x.py", "x.py"),
        ("scripts/with space.py", "scripts/with space.py"),
    ],
)
def test_a_python_script_is_found_and_run_with_this_python(project: Path, place: str, script: str) -> None:
    (project / place).touch()

    assert _command(project, script) == (sys.executable, str(project / place))


def test_the_ensembles_own_folder_comes_first(project: Path) -> None:
    near = project / ".llm-orc" / "ensembles" / "x.py"
    near.touch()
    (project / "x.py").touch()

    assert _command(project, "x.py") == (sys.executable, str(near))


def test_an_executable_file_is_started_directly(project: Path) -> None:
    file = project / "scripts" / "x"
    file.touch(mode=0o755)

    assert _command(project, "scripts/x") == (str(file),)


def test_a_shell_script_need_not_be_executable(project: Path) -> None:
    (project / "scripts" / "x.sh").touch()

    assert Path(_command(project, "scripts/x.sh")[0]).name == "sh"


def test_a_command_line_may_start_with_a_script(project: Path) -> None:
    (project / "scripts" / "x.py").touch()

    command = _command(project, "\"scripts/x.py --name 'a b'\"")

    assert command == (sys.executable, str(project / "scripts/x.py"), "--name", "a b")


def test_a_program_is_looked_up_when_the_file_is_read(project: Path) -> None:
    program, *arguments = _command(project, "python -c 'print(1)'")

    assert program == sys.executable
    assert arguments == ["-c", "print(1)"]
    assert Path(_command(project, "cat")[0]).is_absolute()
