"""What is kept of an optimization: reports, the best file that was found, and lessons for training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from llm_orc.domain.edit import FileChange
from llm_orc.domain.json import JsonValue
from llm_orc.errors import UsageFailed
from llm_orc.optimize.findings import findings_json, markdown
from llm_orc.optimize.scatter import Dot, scatter
from llm_orc.optimize.search_plan import Plan
from llm_orc.orchestrator.optimizing import Optimized
from llm_orc.orchestrator.rewritable import refuse_beside
from llm_orc.orchestrator.tuning import Tuned
from llm_orc.spec.replace_file import replace_files


def record(optimized: Optimized, plan: Plan, project: Path) -> dict[str, JsonValue]:
    """Write `report.json`, `report.md` and, where there is a best candidate, `best.diff` and its files.

    Returns the report.
    """
    findings, folder = optimized.findings, optimized.folder
    report = findings_json(
        optimized.ensemble, findings, plan, optimized.split, optimized.progress, optimized.usage
    )
    report["models"] = dict(optimized.assigned)
    report["folder"] = str(folder)
    diff = diff_of(optimized.changes, project)
    (folder / "report.json").write_text(
        json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    (folder / "report.md").write_text(markdown(report, findings, diff), encoding="utf-8")
    if diff:
        (folder / "best.diff").write_text(diff, encoding="utf-8")
    for change in optimized.changes:
        (folder / f"best.{change.path.name}").write_bytes(change.after)
    return report


def record_tuned(tuned: Tuned, report: Mapping[str, JsonValue], folder: Path) -> Path:
    """Write `report.json` and the picture `pareto.svg` of a search for settings; the picture's path."""
    (folder / "report.json").write_text(
        json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
    )
    cost = "US dollars a run" if all(point.usd for point in tuned.points) else "tokens a run"
    dots = [
        Dot(name="" if place else "the file", x=point.cost, y=point.quality, on_front=False)
        for place, point in enumerate(tuned.points)
        if point not in tuned.front
    ]
    dots += [
        Dot(name=str(line), x=point.cost, y=point.quality, on_front=True)
        for line, point in enumerate(tuned.front, start=1)
    ]
    picture = folder / "pareto.svg"
    picture.write_text(scatter(dots, cost, "quality on validation rows"), encoding="utf-8")
    return picture


def diff_of(changes: Sequence[FileChange], project: Path) -> str:
    """The changes as one unified diff, as `git apply` takes it in the project."""
    return "".join(change.diff(project.absolute()) for change in changes)


def write_in_place(changes: Sequence[FileChange]) -> None:
    """Replace the files, all or none. Raises `RewriteRefused`."""
    replace_files(changes)


def write_beside(changes: Sequence[FileChange], ensemble: Path, output: Path) -> None:
    """Write the changed ensemble to another file. Raises `UsageFailed` where one with a prompt changes."""
    refuse_beside([change.path for change in changes], ensemble)
    try:
        output.write_bytes(changes[0].after if changes else ensemble.read_bytes())
    except OSError as error:
        raise UsageFailed(f"cannot write {output}: {error.strerror}") from error


def write_lessons(optimized: Optimized, path: Path) -> int:
    """One conversation per line, as OpenAI's fine-tuning takes them; how many there are."""
    lines = [json.dumps(lesson, ensure_ascii=False) for lesson in optimized.lessons]
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
    return len(lines)
