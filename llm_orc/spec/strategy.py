"""From `strategy:` to a specification: settings, the models they name, and strategies within strategies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from llm_orc.domain.ensemble import StrategySpec
from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import Feature, Model
from llm_orc.spec import fields
from llm_orc.spec.agent_models import resolved, sampled
from llm_orc.spec.document import Where
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.redaction import shown
from llm_orc.spec.scope import Entry

_ONE_MODEL = ("judge", "aggregator", "critic", "verifier", "model")
_PARTS, _HANDED_ON = ("verify", "each"), ("subtask",)
_MAKES_SAMPLES = frozenset({"self_consistency", "best_of", "compare"})
_LOGPROBS = frozenset({"mean_logprob", "min_logprob", "sequence_probability", "perplexity", "entropy"})


def read_strategy(entry: Entry, models: tuple[Model, ...]) -> StrategySpec:
    """The agent's strategy; what is wrong with it is reported. `models` are the agent's own."""
    if entry.is_broken("strategy"):
        return StrategySpec()
    spec = _spec(entry, entry.merged.get("strategy", "single"), entry.place("strategy"))
    stakes = entry.scope.data.get("quality")
    if spec.type == "auto" and stakes is not None:
        spec = replace(spec, settings={"quality": stakes, **spec.settings})
    _check_models(entry, spec, models)
    return spec


def _spec(entry: Entry, value: JsonValue, where: Where) -> StrategySpec:
    if not isinstance(value, Mapping):
        return StrategySpec(type=str(value))
    settings = {key: item for key, item in value.items() if key != "type" and not key.startswith("x-")}
    parts = {key: _spec(entry, settings.pop(key), (*where, key)) for key in _PARTS if key in settings}
    given = {key: _spec(entry, settings.pop(key), (*where, key)) for key in _HANDED_ON if key in settings}
    models: dict[str, Model | tuple[Model, ...]] = {}
    for key in _ONE_MODEL:
        if key in settings:
            model = _model(entry, settings.pop(key), (*where, key))
            if model is not None:
                models[key] = model
    if "models" in settings:
        listed = fields.entries(settings, "models")
        settings.pop("models")
        found = [_model(entry, wanted, (*where, "models", i)) for i, wanted in enumerate(listed)]
        models["models"] = sampled(entry, [model for model in found if model is not None])
    if isinstance(settings.get("extract"), dict):
        settings["extract"] = _extract(entry, fields.mapping(settings, "extract"), (*where, "extract"))
    if "calibration" in settings or settings.get("confidence") == "calibrated":
        settings["calibration"] = _calibration(entry, fields.text(settings, "calibration"), where)
    return StrategySpec(
        type=fields.text(value, "type"), settings=settings, models=models, parts=parts, handed_on=given
    )


def _calibration(entry: Entry, name: str, where: Where) -> str:
    """Its absolute path; relative ones start from the ensemble's folder."""
    if not name:
        hint = "write the file with `llm-orc calibrate`, and name it"
        entry.scope.report.add((*where, "confidence"), "'calibrated' needs 'calibration'", hint)
        return ""
    file = entry.scope.folder / name
    if not file.is_file():
        hint = "write it with `llm-orc calibrate`"
        entry.scope.report.add((*where, "calibration"), f"there is no file {shown(name)}", hint)
    return str(file.absolute())


def _model(entry: Entry, wanted: JsonValue, where: Where) -> Model | None:
    if entry.scope.override is not None:
        return entry.scope.override
    return resolved(entry, wanted if isinstance(wanted, str | dict) else "", where)


def _extract(entry: Entry, extract: JsonObject, where: Where) -> JsonObject:
    """A pattern that can be used, and a function whose file is there, by its absolute path."""
    if len(extract) != 1:
        entry.scope.report.add(where, "extract is one of 'regex', 'json_path' and 'function'")
        return extract
    pattern = fields.optional_text(extract, "regex")
    if pattern is not None:
        try:
            re.compile(pattern)
        except re.error as error:
            entry.scope.report.add((*where, "regex"), f"this is not a regular expression: {error}")
    file, _, name = fields.text(extract, "function").rpartition(":")
    if not file.endswith(".py"):
        return extract
    found = next((p for p in (entry.scope.folder / file, entry.scope.project / file) if p.is_file()), None)
    if found is None:
        hint = "looked in the ensemble's folder and the project"
        entry.scope.report.add((*where, "function"), f"there is no file {shown(file)}", hint)
        return extract
    return {"function": f"{Path(found).absolute()}:{name}"}


def _check_models(entry: Entry, spec: StrategySpec, models: tuple[Model, ...]) -> None:
    """Report a strategy that none of the models it asks can serve, and weights of models without a vote."""
    if spec.settings.get("over") == "variants":
        _check_variants(entry, spec)
        return
    own = spec.models.get("models")
    models = own if isinstance(own, tuple) and own else models
    names = [model.name for model in models]
    for name in fields.mapping(spec.settings, "weights"):
        if names and name not in names and entry.scope.override is None:
            hint = did_you_mean(name, names, otherwise=listed(names, what="models that vote"))
            entry.add("strategy", f"strategy vote has a weight for {shown(name)}, which has no vote", hint)
    needed = _needs(spec)
    if needed is not None and models and not any(needed in model.supports for model in models):
        missing = "samples" if needed == "sampling" else needed
        entry.add("strategy", f"strategy {spec.type} needs {missing}, which {models[0].name!r} does not have")
    for part in (*spec.parts.values(), *spec.handed_on.values()):
        _check_models(entry, part, models)


def _check_variants(entry: Entry, spec: StrategySpec) -> None:
    """Report a vote of variants where there are none to vote, and weights of what is none."""
    listed_ones = [own for own in fields.entries(entry.own, "variants") if isinstance(own, dict)]
    names = [fields.text(own, "name") for own in listed_ones if own.get("weight") != 0]
    if spec.models:
        entry.add("strategy", "strategy vote is over variants or over models, not both", "remove 'models'")
    if len(names) < 2:
        entry.add("strategy", "strategy vote over variants needs at least two of them", "add 'variants'")
    for name in fields.mapping(spec.settings, "weights"):
        if name not in names:
            hint = did_you_mean(name, names, otherwise=listed(names, what="variants that vote"))
            entry.add("strategy", f"strategy vote has a weight for {shown(name)}, which has no vote", hint)


def _needs(spec: StrategySpec) -> Feature | None:
    if spec.settings.get("confidence") in _LOGPROBS:
        return "logprobs"
    return "sampling" if spec.type in _MAKES_SAMPLES else None
