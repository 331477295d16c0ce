"""Where an ensemble's file is: a path, or a name in one of the usual places."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from llm_orc.errors import NotFound, UsageFailed
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.shipped import shipped

CONFIG = "config.yaml"
"""The name of a file of settings."""
_SUFFIXES = (".yaml", ".yml")
_ENSEMBLE = ".ensemble"
_MARKS = (".llm-orc", ".git")


def find_project(start: Path) -> Path:
    """The nearest folder, upward from `start`, that holds `.llm-orc` or `.git`; else `start` itself."""
    start = start.absolute()
    for folder in (start, *start.parents):
        if any(_is_there(folder / mark) for mark in _MARKS):
            return folder
    return start


def user_config_dir() -> Path:
    """The user's configuration folder, which need not exist."""
    from platformdirs import user_config_path

    return user_config_path("llm-orc", appauthor=False)


def records_path(project: Path) -> Path:
    """Where runs are recorded: in the project's `.llm-orc`, else among the user's data."""
    from platformdirs import user_data_path

    ours = project / ".llm-orc"
    return (ours if ours.is_dir() else user_data_path("llm-orc", appauthor=False)) / "runs.db"


def find_ensemble(text: str, project: Path, user_dir: Path | None, extra: Sequence[Path] = ()) -> Path:
    """The file of an ensemble given as a path or a name.

    Raises `NotFound`, or `UsageFailed` when one place has two files of that name.
    """
    if not text.strip() or "\0" in text:
        raise UsageFailed("the name of an ensemble is missing")
    given = Path(text)
    if given.suffix in _SUFFIXES or given.is_absolute() or text.startswith(("./", "../", "~")):
        return _by_path(given.expanduser(), project, user_dir, extra)
    for place in _places(project, user_dir, extra):
        hits = _hits(place, text)
        if len(hits) > 1:
            raise UsageFailed(
                f"{text!r} is ambiguous: {' and '.join(str(hit) for hit in hits)}",
                hint="give the path of the one that is meant",
            )
        if hits:
            return hits[0]
    if is_file(given):
        return given
    raise NotFound(f"no ensemble is called {text!r}", hint=_hint(text, project, user_dir, extra))


def list_ensembles(project: Path, user_dir: Path | None, extra: Sequence[Path] = ()) -> dict[str, Path]:
    """Every ensemble that can be called by name; a name stands for the file that `find_ensemble` finds."""
    found: dict[str, Path] = {}
    for place in _places(project, user_dir, extra):
        for name, file in _named_files(place):
            found.setdefault(name, file)
    return dict(sorted(found.items()))


def _by_path(path: Path, project: Path, user_dir: Path | None, extra: Sequence[Path]) -> Path:
    if path.is_dir():
        raise UsageFailed(f"{path} is a folder, not an ensemble file")
    if path.exists():
        return path
    name = _name(path)
    raise NotFound(f"there is no file {path}", hint=_hint(name, project, user_dir, extra))


def _places(project: Path, user_dir: Path | None, extra: Sequence[Path]) -> Iterator[Path]:
    yield project / "ensembles"
    yield project / ".llm-orc" / "ensembles"
    yield from extra
    if user_dir is not None:
        yield user_dir / "ensembles"
    yield shipped("ensembles")


def _hits(place: Path, name: str) -> list[Path]:
    if ".." in Path(name).parts:
        return []
    endings = [end + suffix for end in ("", _ENSEMBLE) for suffix in _SUFFIXES]
    return [file for end in endings if is_file(file := place / f"{name}{end}")]


def is_file(path: Path) -> bool:
    """Whether it is a file that is there; no name makes this raise."""
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long, or holds a zero byte
        return False


def is_absent(path: Path) -> bool:
    """Whether nothing is there. What cannot be looked at is not absent: to read it says why it cannot."""
    try:
        return not path.exists()
    except (OSError, ValueError):
        return False


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:
        return False


def _named_files(place: Path) -> Iterator[tuple[str, Path]]:
    for suffix in _SUFFIXES:
        for file in sorted(place.rglob(f"*{suffix}")):
            if is_file(file):
                yield _name(file.relative_to(place)), file


def _name(path: Path) -> str:
    return path.with_suffix("").as_posix().removesuffix(_ENSEMBLE)


def _hint(name: str, project: Path, user_dir: Path | None, extra: Sequence[Path]) -> str:
    known = list_ensembles(project, user_dir, extra)
    return did_you_mean(name, known, otherwise=listed(known, what="ensembles"))
