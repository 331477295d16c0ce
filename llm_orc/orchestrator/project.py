"""What the files of a project say: settings, models, ensembles."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Literal

from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.json import JsonValue
from llm_orc.domain.model import Fleet, Model
from llm_orc.errors import Problem
from llm_orc.orchestrator.completing import grace_of, llm_works, priced, with_one_context
from llm_orc.spec.catalogue import check_catalogue, load_fleet, resolve_model
from llm_orc.spec.ensemble_file import check_ensemble, load_ensemble
from llm_orc.spec.locate import find_ensemble, find_project, user_config_dir
from llm_orc.spec.settings import Settings, load_settings


class Project:
    """Reads the files of one project, each when it is first needed. `flags` are settings by name."""

    def __init__(self, project: Path | str | None, flags: Mapping[str, JsonValue]) -> None:
        self.project = find_project(Path.cwd()) if project is None else Path(project)
        self._flags = flags
        self._settings: Settings | None = None
        self._fleet: Fleet | None = None

    @property
    def settings(self) -> Settings:
        """The project's settings, each with where it came from. Raises `InvalidFile`."""
        if self._settings is None:
            self._settings = load_settings(self.project, user_config_dir(), os.environ, self._flags)
        return self._settings

    @property
    def grace_seconds(self) -> float:
        """How long what is under way may go on after the first Ctrl-C."""
        return grace_of(self.settings)

    @property
    def fleet(self) -> Fleet:
        """The models at hand. Raises `InvalidFile`."""
        if self._fleet is None:
            fleet = load_fleet(self.project, user_config_dir())
            default = self.settings.default_model
            self._fleet = fleet if default is None else replace(fleet, default=default)
        return self._fleet

    def locate(self, ensemble: str | Path) -> Path:
        """The file of an ensemble given by path or name. Raises `NotFound` or `UsageFailed`."""
        if isinstance(ensemble, Path):
            return ensemble
        return find_ensemble(ensemble, self.project, user_config_dir(), self.settings.ensembles)

    def load(self, ensemble: str | Path, *, model: str | None = None, need_models: bool = True) -> Ensemble:
        """A checked ensemble. Raises `InvalidFile` with all of its problems. `model` serves every agent.

        Without `need_models` an agent may have no model yet: enough to draw it.
        """
        loaded = load_ensemble(self.locate(ensemble), self.fleet, model, need_models=need_models)
        return with_one_context(priced(loaded), llm_works(loaded))

    def model(self, name: str) -> Model:
        """A model of the fleet, or `provider/name`. Raises `NotFound` or `UsageFailed`."""
        return resolve_model(name, self.fleet, self.project)

    def draw(self, ensemble: Ensemble, form: Literal["text", "mermaid", "dot", "svg", "json"]) -> str:
        """The ensemble's DAG as text for a terminal, a Mermaid flowchart, Graphviz DOT, SVG, or JSON."""
        from llm_orc.graph.draw import draw

        return draw(ensemble, form)

    def check(self, file: Path) -> tuple[Problem, ...]:
        """All that is wrong with a file: an ensemble, or by its name a catalogue or a configuration."""
        if file.stem == "models":
            return check_catalogue(file, "models")
        if file.stem == "config":
            return check_catalogue(file, "config")
        return check_ensemble(file, self.fleet, need_models=False)
