"""Which models an agent may ask, and the profile it takes its manner from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.model import UNSET, Model, Profile, Sampling
from llm_orc.errors import UsageFailed
from llm_orc.spec import fields
from llm_orc.spec.catalogue import resolve_model, resolve_profile
from llm_orc.spec.document import Where
from llm_orc.spec.nearest import did_you_mean, listed
from llm_orc.spec.providers import is_provider, provider_hint, provider_name
from llm_orc.spec.redaction import shown
from llm_orc.spec.scope import Entry

_MODEL_KEYS = ("model", "models", "provider")
_PROFILE_KEYS = ("model_profile", "profile")


@dataclass(frozen=True, slots=True)
class Choice:
    """What was found for one agent; no models where none is named or a name is wrong."""

    models: tuple[Model, ...] = ()
    profile: Profile | None = None
    fallbacks: tuple[Model, ...] = ()

    def sampled(self, entry: Entry) -> Choice:
        """The same models, each with the sampling that the agent asks it with."""
        base = self.profile.sampling if self.profile is not None else UNSET
        return replace(
            self, models=sampled(entry, self.models, base), fallbacks=sampled(entry, self.fallbacks)
        )


def sampled(entry: Entry, models: Iterable[Model], base: Sampling = UNSET) -> tuple[Model, ...]:
    """Each with the agent's own settings over the defaults', `base` and what the model itself has."""
    base = fields.sampling(entry.own).over(fields.sampling(entry.scope.defaults).over(base))
    if base is UNSET:
        return tuple(models)
    return tuple(replace(model, sampling=base.over(model.sampling)) for model in models)


def choose_models(entry: Entry) -> Choice:
    """The agent's own models first, then the defaults', the file's, and the fleet's default."""
    scope = entry.scope
    profile = _profile(entry)
    if scope.override is not None:
        return Choice((scope.override,), profile)
    if profile is not None:
        _check_fallbacks(entry, profile)
    _check_named_fallbacks(entry)
    return Choice(_models(entry, profile), profile, tuple(_fallbacks(entry, profile)))


def _models(entry: Entry, profile: Profile | None) -> tuple[Model, ...]:
    scope = entry.scope
    agent_wins = any(key in entry.own for key in _MODEL_KEYS)
    profile_wins = any(key in entry.own for key in _PROFILE_KEYS) and not agent_wins
    sources: list[tuple[JsonObject, Where]] = [
        (entry.own, entry.where()), (scope.defaults, ("defaults",)), (scope.data, ()),
    ]  # fmt: skip
    for data, where in sources:
        if any(scope.is_broken(*where, key) for key in _MODEL_KEYS):
            return ()
        if any(key in data for key in _MODEL_KEYS) and not (profile_wins and data is not entry.own):
            return _named(entry, data, where)
        if data is not scope.data and any(key in data for key in _PROFILE_KEYS):
            return _of_profile(entry, profile)
    return _of_strategy(entry) or _default(entry)


def _of_strategy(entry: Entry) -> tuple[Model, ...]:
    """The models that the strategy asks are the agent's where it names no others."""
    found = []
    for wanted in fields.entries(fields.mapping(entry.merged, "strategy"), "models"):
        # What cannot be resolved is reported with the strategy.
        with suppress(UsageFailed):
            if isinstance(wanted, str | dict):
                found.append(resolve_model(wanted, entry.scope.fleet, entry.scope.folder))
    return tuple(found)


def _named(entry: Entry, data: JsonObject, where: Where) -> tuple[Model, ...]:
    provider = fields.text(data, "provider")
    if provider:
        return _served_by(entry, provider, data, where)
    found: dict[str, Model] = {}
    for key in ("model", "models"):
        listing = data.get(key)
        for place, wanted in enumerate(fields.entries(data, key)):
            at = (*where, key, place) if isinstance(listing, list) else (*where, key)
            model = resolved(entry, wanted if isinstance(wanted, str | dict) else "", at)
            if model is not None:
                found.setdefault(model.name, model)
    return tuple(found.values())


def _served_by(entry: Entry, provider: str, data: JsonObject, where: Where) -> tuple[Model, ...]:
    """`provider` with `model` as the server's name for it."""
    report = entry.scope.report
    if not is_provider(provider_name(provider)):
        report.add((*where, "provider"), f"unknown provider {shown(provider)}", provider_hint(provider))
        return ()
    name = fields.text(data, "model")
    if not name:
        report.add((*where, "provider"), "'provider' needs 'model': the server's name for it", key=True)
        return ()
    known = entry.scope.fleet.models.get(name)
    if known is not None and known.provider == provider_name(provider):
        return (known,)
    model = resolved(entry, f"{provider}/{name}", (*where, "model"))
    return () if model is None else (model,)


def resolved(entry: Entry, wanted: str | JsonObject, where: Where) -> Model | None:
    """The model of that name, or the one written there; None for one that is nowhere, which is reported."""
    scope = entry.scope
    try:
        return resolve_model(wanted, scope.fleet, scope.folder)
    except UsageFailed as error:
        at = (*where, "provider") if isinstance(wanted, dict) and "provider" in error.message else where
        scope.report.add(at, error.message, error.hint)
        return None


def _default(entry: Entry) -> tuple[Model, ...]:
    scope = entry.scope
    if scope.fleet.default is not None:
        try:
            return (resolve_model(scope.fleet.default, scope.fleet, scope.project),)
        except UsageFailed as error:
            scope.report.add(entry.where("name"), f"the default model: {error.message}", error.hint)
    elif scope.need_models:
        hint = "set 'model:' here, or 'default:' in models.yaml, or pass --model"
        scope.report.add(entry.where("name"), f"agent {shown(entry.name)} has no model", hint)
    return ()


def _profile(entry: Entry) -> Profile | None:
    key = next((key for key in _PROFILE_KEYS if key in entry.own), None) or next(
        (key for key in _PROFILE_KEYS if key in entry.merged), None
    )
    name = fields.text(entry.merged, key) if key else ""
    if not key or not name:
        return None
    profiles = entry.scope.fleet.profiles
    if name not in profiles and entry.scope.override is None:
        hint = did_you_mean(name, profiles, otherwise=listed(profiles, what="profiles"))
        hint = hint or "define it under 'model_profiles' in .llm-orc/config.yaml"
        entry.add(key, f"unknown profile {shown(name)}", hint)
    return profiles.get(name)


def _of_profile(entry: Entry, profile: Profile | None) -> tuple[Model, ...]:
    if profile is None:
        return ()
    if not profile.models:
        return _default(entry)
    key = next(key for key in _PROFILE_KEYS if key in entry.merged)
    try:
        return resolve_profile(profile, entry.scope.fleet, entry.scope.project)
    except UsageFailed as error:
        entry.add(key, f"profile {shown(profile.name)}: {error.message}", _in(profile, error.hint))
        return ()


def _check_fallbacks(entry: Entry, profile: Profile) -> None:
    """Report fallbacks of a profile in use that are nowhere, and profiles that fall back in a circle."""
    key = next(key for key in _PROFILE_KEYS if key in entry.merged)
    fleet, path = entry.scope.fleet, [profile.name]
    pending = [(name, path) for name in profile.fallback]
    seen: set[str] = set()
    while pending:
        name, path = pending.pop()
        if name in path:
            circle = " -> ".join([*path[path.index(name) :], name])
            entry.add(
                key,
                f"the fallbacks of profile {shown(profile.name)} go in a circle: {circle}",
                _in(profile, ""),
            )
        elif name in fleet.profiles and name not in seen:
            seen.add(name)
            pending += ((following, [*path, name]) for following in fleet.profiles[name].fallback)
        elif name not in fleet.profiles:
            _check_fallback(entry, key, name, f"profile {shown(path[-1])}: ")


def _check_named_fallbacks(entry: Entry) -> None:
    for key in ("fallback", "fallback_model_profile"):
        for wanted in fields.entries(entry.merged, key):
            if isinstance(wanted, dict) or (
                isinstance(wanted, str) and wanted not in entry.scope.fleet.profiles
            ):
                _check_fallback(entry, key, wanted, "")


def _fallbacks(entry: Entry, profile: Profile | None) -> Iterator[Model]:
    """The agent's own fallbacks, else its profile's, each profile followed by its own."""
    fleet = entry.scope.fleet
    keys = ("fallback", "fallback_model_profile")
    named: list[JsonValue] = [each for key in keys for each in fields.entries(entry.merged, key)]
    pending = named or list[JsonValue](profile.fallback if profile else ())
    seen: list[JsonValue] = []
    while pending:
        name = pending.pop(0)
        if name in seen or not isinstance(name, str | dict):
            continue
        seen.append(name)
        # What cannot be resolved is reported by the checks.
        with suppress(UsageFailed):
            if isinstance(name, str) and name in fleet.profiles:
                profile_of = fleet.profiles[name]
                for model in resolve_profile(profile_of, fleet, entry.scope.project):
                    yield replace(model, sampling=profile_of.sampling.over(model.sampling))
                pending = [*profile_of.fallback, *pending]
            else:
                yield resolve_model(name, fleet, entry.scope.folder)


def _check_fallback(entry: Entry, key: str, name: str | JsonObject, who: str) -> None:
    try:
        resolve_model(name, entry.scope.fleet, entry.scope.folder)
    except UsageFailed as error:
        if not isinstance(name, str):
            entry.add(key, f"{who}fallback: {error.message}", error.hint)
            return
        hint = did_you_mean(name, entry.scope.fleet.profiles, otherwise=error.hint)
        entry.add(key, f"{who}unknown fallback {shown(name)}", hint)


def _in(profile: Profile, hint: str) -> str:
    where = f"defined in {profile.source}" if profile.source else ""
    return "; ".join(part for part in (hint, where) if part)
