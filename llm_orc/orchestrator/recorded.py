"""What is recorded of runs, for those who only read it."""

from __future__ import annotations

import os
from pathlib import Path

from llm_orc.orchestrator.recording import Recording
from llm_orc.run.journal_reading import Runs
from llm_orc.spec.locate import find_project, user_config_dir
from llm_orc.spec.settings import load_settings


def recorded_runs(file: Path | None) -> Runs:
    """The runs in a file; without one, those of the project that the working directory is in.

    Raises `InvalidFile` and `UsageFailed` for settings that are wrong.
    """
    project = find_project(Path.cwd())
    flags = {"runs": None if file is None else str(file)}
    settings = load_settings(project, user_config_dir(), os.environ, flags)
    return Runs(Recording(project, None).path(settings))
