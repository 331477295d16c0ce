"""Profiles that need not be written: fast, balanced, heavy, made of the models at hand."""

from __future__ import annotations

from dataclasses import replace

from llm_orc.domain.model import Fleet, Model, Profile

NAMES = ("fast", "balanced", "heavy")
_REAL_FROM_B = 0.1
_SOURCE = "a preset"


def with_presets(fleet: Fleet) -> Fleet:
    """The fleet with the presets that it does not define itself."""
    chosen = presets(fleet)
    made = {
        name: Profile(name=name, models=(model.name,), source=_SOURCE)
        for name, model in chosen.items()
        if name not in fleet.profiles
    }
    return replace(fleet, profiles={**made, **fleet.profiles}) if made else fleet


def presets(fleet: Fleet) -> dict[str, Model]:
    """The smallest, the middle and the largest model that fits, by parameters, then name.

    Models for one kind of task only are left out, and so are the embedded ones as soon as there are others.
    """
    sized = [m for m in fleet.models.values() if m.parameters_b and m.capabilities.get("reasoning") != 0]
    real = [model for model in sized if (model.parameters_b or 0) >= _REAL_FROM_B]
    room = max(fleet.vram_gb, default=None)
    fitting = [m for m in real or sized if room is None or (m.vram_gb or 0) <= room]
    fitting.sort(key=lambda model: (model.parameters_b or 0, model.name))
    if not fitting:
        return {}
    return {"fast": fitting[0], "balanced": fitting[(len(fitting) - 1) // 2], "heavy": fitting[-1]}
