"""The ensembles that run as agents of others: found, read once, never within themselves."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path, PurePath

from llm_orc.domain.ensemble import Ensemble
from llm_orc.errors import NotFound, UsageFailed
from llm_orc.spec.locate import find_ensemble, is_file, user_config_dir

_SUFFIXES = (".yaml", ".yml")
DEEPEST = 10
"""How deep ensembles may hold each other."""


class FileLibrary:
    """Looks next to the file that asks first, then where `invoke` looks. `path` are the files on the way."""

    def __init__(
        self, path: tuple[Path, ...], project: Path, read: Callable[[Path, tuple[Path, ...]], Ensemble]
    ) -> None:
        self._path = path
        self._project = project
        self._read = read
        self._found: dict[Path, Ensemble] = {}

    def find(self, name: str) -> Ensemble:
        """By name or path. Raises `NotFound`, `InvalidFile`, or `UsageFailed` for one that holds itself."""
        return self._ensemble(self._locate(name))

    def named(self, name: str) -> Ensemble:
        """By name only: what a model wrote must not lead to just any file. Raises like `find`."""
        path = PurePath(name)
        is_path = path.is_absolute() or name.startswith((".", "~")) or ".." in path.parts
        if not name or is_path or path.suffix in _SUFFIXES:
            raise NotFound(f"{name!r} is not the name of an ensemble")
        file = self._locate(name)
        if file.suffix not in _SUFFIXES:
            raise NotFound(f"no ensemble is called {name!r}")
        return self._ensemble(file)

    def _ensemble(self, file: Path) -> Ensemble:
        file = file.resolve()
        if file in self._path:
            circle = [each.stem for each in (*self._path[self._path.index(file) :], file)]
            raise UsageFailed(
                f"these ensembles hold each other: {' -> '.join(circle)}", hint="break the circle"
            )
        if len(self._path) > DEEPEST:
            raise UsageFailed(f"ensembles hold each other more than {DEEPEST} deep")
        if file not in self._found:
            self._found[file] = self._read(file, self._path)
        return self._found[file]

    def _locate(self, name: str) -> Path:
        folder = self._path[-1].parent
        for end in ("", *_SUFFIXES, ".ensemble.yaml"):
            if is_file(folder / f"{name}{end}"):
                return folder / f"{name}{end}"
        if name.startswith((".", "/", "~")):
            raise NotFound(f"there is no ensemble file {name}")
        return find_ensemble(name, self._project, user_config_dir())
