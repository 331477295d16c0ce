"""The models at hand: the embedded ones, the user's and the project's, and what a name stands for."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from llm_orc.domain.json import JsonObject
from llm_orc.domain.model import Fleet, Model, Profile
from llm_orc.errors import InvalidFile, NotFound, Problem, UsageFailed
from llm_orc.spec import fields
from llm_orc.spec.document import Document, read
from llm_orc.spec.locate import CONFIG, is_absent
from llm_orc.spec.model_entry import read_model, read_profile
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.presets import with_presets
from llm_orc.spec.providers import is_provider, provider_hint, provider_name
from llm_orc.spec.redaction import shown
from llm_orc.spec.report import Report
from llm_orc.spec.schema import Kind, check_schema
from llm_orc.spec.shipped import embedded

MODELS = "models.yaml"


def load_fleet(project: Path, user_dir: Path | None) -> Fleet:
    """Every layer's models and profiles; an entry of a later layer replaces an earlier one of its name.

    Raises `InvalidFile` with the problems of all layers.
    """
    layers = _Layers()
    layers.add_embedded(embedded(MODELS))
    for file, kind in _files(project, user_dir):
        if not is_absent(file):
            layers.add(file, kind)
    layers.check_default()
    problems = layers.problems()
    if problems:
        raise InvalidFile(problems)
    return with_presets(layers.fleet)


def check_catalogue(file: Path, kind: Kind) -> tuple[Problem, ...]:
    """Everything that is wrong with one file of models or settings, apart from the other layers."""
    layers = _Layers()
    layers.add(file, kind)
    return layers.problems()


def resolve_model(wanted: str | JsonObject, fleet: Fleet, base_dir: Path) -> Model:
    """The model that a catalogue's name, `provider/wire-name` or a description stands for.

    `base_dir` is where the paths of a description start from. Raises `NotFound`, or `UsageFailed` for
    an unknown provider.
    """
    if not isinstance(wanted, str):
        return _described(wanted, base_dir)
    if wanted in fleet.models:
        return fleet.models[wanted]
    provider, slash, wire_name = wanted.partition("/")
    provider = provider_name(provider)
    if slash and wire_name and is_provider(provider):
        return _on_the_wire(provider, wire_name, base_dir)
    if wanted in fleet.profiles:
        raise NotFound(f"{wanted!r} is a profile, not a model", hint=f"write 'model_profile: {wanted}'")
    hint = did_you_mean(wanted, fleet.models)
    if slash and not hint:
        raise UsageFailed(f"unknown provider {provider!r} in {wanted!r}", hint=provider_hint(provider))
    listing = listed(fleet.models, what="known models")
    raise NotFound(f"unknown model {wanted!r}", hint=hint or listing or "write it as provider/name")


def resolve_profile(profile: Profile, fleet: Fleet, base_dir: Path) -> tuple[Model, ...]:
    """The candidates of a profile, in its order. Raises like `resolve_model`."""
    models = (resolve_model(name, fleet, base_dir) for name in profile.models)
    return tuple(replace(model, price=model.price or profile.price) for model in models)


def _described(entry: JsonObject, base_dir: Path) -> Model:
    provider = provider_name(fields.text(entry, "provider"))
    if not is_provider(provider):
        raise UsageFailed(f"unknown provider {provider!r}", hint=provider_hint(provider))
    wire_name = fields.text(entry, "name") or Path(fields.text(entry, "path")).stem
    if not wire_name:
        raise UsageFailed("a model needs a name", hint="add 'name': what the server calls it")
    return read_model(f"{provider}/{wire_name}", {**entry, "name": wire_name}, base_dir)


@lru_cache(maxsize=256)
def _on_the_wire(provider: str, wire_name: str, base_dir: Path) -> Model:
    entry = {"provider": provider, "name": wire_name}
    if provider == "llamacpp":
        entry["path"] = wire_name
    return read_model(f"{provider}/{wire_name}", entry, base_dir)


def _files(project: Path, user_dir: Path | None) -> Iterator[tuple[Path, Kind]]:
    if user_dir is not None:
        yield user_dir / MODELS, "models"
        yield user_dir / CONFIG, "config"
    yield project / MODELS, "models"
    yield project / ".llm-orc" / MODELS, "models"
    yield project / ".llm-orc" / CONFIG, "config"


class _Layers:
    """The fleet as it grows, and what is wrong with the files it comes from."""

    def __init__(self) -> None:
        self.fleet = Fleet(models={}, profiles={})
        self._reports: list[Report] = []
        self._unreadable: list[Problem] = []
        self._default_in: Report | None = None

    def problems(self) -> tuple[Problem, ...]:
        return (*self._unreadable, *(problem for report in self._reports for problem in report.problems))

    def add_embedded(self, file: Path) -> None:
        """Ours: held against the schema by a test, not by every run."""
        data = read(file).value
        assert isinstance(data, dict)
        self._take_models(data, file)

    def add(self, file: Path, kind: Kind) -> None:
        try:
            report = Report(read(file))
        except InvalidFile as error:
            self._unreadable.extend(error.problems)
            return
        self._reports.append(report)
        data, _ = check_schema(report, kind)
        if kind == "models":
            self._check_providers(report)
            self._take_models(data, file)
            if "default" in data:
                self._default_in = report
        self._take_profiles(data, "profiles" if kind == "models" else "model_profiles", report.document)

    def check_default(self) -> None:
        """Once every layer is known: an earlier one may name a model of a later one."""
        if self._default_in is None or self.fleet.default is None:
            return
        try:
            resolve_model(self.fleet.default, self.fleet, Path())
        except UsageFailed as error:
            self._default_in.add(("default",), error.message, error.hint)

    def _take_models(self, data: JsonObject, file: Path) -> None:
        new = {
            name: read_model(name, entry, file.parent)
            for name, entry in fields.mapping(data, "models").items()
            if isinstance(entry, dict)
        }
        default = fields.optional_text(data, "default") or self.fleet.default
        room = fields.room(data) if "vram_gb" in data else self.fleet.vram_gb
        models = {**self.fleet.models, **new}
        self.fleet = replace(self.fleet, models=models, default=default, vram_gb=room)

    def _take_profiles(self, data: JsonObject, section: str, document: Document) -> None:
        new = {
            name: read_profile(
                name, entry, f"{document.name}:{document.position((section, name), key=True)[0]}"
            )
            for name, entry in fields.mapping(data, section).items()
            if isinstance(entry, dict)
        }
        self.fleet = replace(self.fleet, profiles={**self.fleet.profiles, **new})

    def _check_providers(self, report: Report) -> None:
        raw = report.document.value
        for name, entry in fields.mapping(raw if isinstance(raw, dict) else {}, "models").items():
            provider = provider_name(fields.text(entry, "provider")) if isinstance(entry, dict) else ""
            if provider and not is_provider(provider):
                where = ("models", name, "provider")
                report.add(where, f"unknown provider {shown(provider)}", provider_hint(provider))
