"""A recorded run as something that can be run again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from difflib import unified_diff
from pathlib import Path

from llm_orc.domain.recorded import RecordedRun
from llm_orc.errors import UsageFailed
from llm_orc.spec.document import read_text


def file_of(run: RecordedRun, *, force: bool) -> Path:
    """The ensemble's file, as it was when the run began, or, with `force`, as it is now.

    Raises `UsageFailed` where the run cannot be taken up; for a changed file the message shows what changed.
    """
    if run.inputs is None or run.text is None:
        raise UsageFailed(
            f"run {run.run_id} cannot be resumed: its content was not kept",
            hint="set keep_content: true in config.yaml for runs that should survive",
        )
    if not run.source:
        raise UsageFailed(
            f"run {run.run_id} cannot be resumed from a file: its ensemble was made in Python",
            hint="give the ensemble: Orchestrator.resume(run, ensemble=...)",
        )
    file = Path(run.source)
    if not file.is_file():
        raise UsageFailed(
            f"{file} is gone", hint=f"`llm-orc runs show {run.run_id} --json` has its text: put it back"
        )
    changed = list(_changes({run.source: run.text, **run.parts}))
    if changed and not force:
        raise UsageFailed(
            "\n".join(changed),
            hint="--force resumes with the new file: calls that are the same as before are not made again",
        )
    return file


def _changes(before: Mapping[str, str]) -> Iterator[str]:
    """What became of the files since, those alone that changed."""
    for name, text in before.items():
        file = Path(name)
        now = read_text(file) if file.is_file() else ""
        if not file.is_file():
            yield f"{file} is gone since the run began"
        elif now != text:
            yield f"{file} has changed since the run began:\n{_difference(text, now, file.name)}"


def _difference(before: str, after: str, name: str) -> str:
    lines = unified_diff(
        before.splitlines(), after.splitlines(), f"{name} (then)", f"{name} (now)", lineterm=""
    )
    return "\n".join(lines)
