"""A small fleet, and ensemble files written for one test."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from llm_orc.domain.ensemble import Ensemble
from llm_orc.domain.model import Fleet, Model, Price, Profile, Sampling
from llm_orc.spec.ensemble_file import check_ensemble, load_ensemble

Write = Callable[[str], Path]
Load = Callable[[str], Ensemble]
Check = Callable[[str], list[str]]

PRICE = Price(input_per_million=1, output_per_million=1)


def _model(name: str, *supports: str) -> Model:
    return Model(name=name, provider="scripted", wire_name=name, supports=frozenset(supports))  # type: ignore[arg-type]


@pytest.fixture
def fleet() -> Fleet:
    profiles = [
        Profile(
            name="fast", models=("small",), system_prompt="Be quick.", timeout_seconds=9,
            sampling=Sampling(temperature=0.1, top_k=5), price=PRICE,
        ),
        Profile(name="round-a", models=("small",), fallback=("round-b",)),
        Profile(name="round-b", models=("small",), fallback=("round-a",)),
        Profile(name="safe", models=("small",), fallback=("large",)),
        Profile(name="odd", models=("google-gemini/pro",), source="config.yaml:7"),
        Profile(name="lost", models=("small",), fallback=("nowhere",)),
    ]  # fmt: skip
    return Fleet(
        models={
            "small": _model("small", "sampling"),
            "large": _model("large", "logprobs"),
            "mute": _model("mute"),
        },
        profiles={profile.name: profile for profile in profiles},
        default="large",
    )


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        file = tmp_path / "e.yaml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


@pytest.fixture
def load(write: Write, fleet: Fleet) -> Load:
    return lambda text: load_ensemble(write(text), fleet)


@pytest.fixture
def check(write: Write, fleet: Fleet, tmp_path: Path) -> Check:
    """The problems as users see them, without the folder."""
    return lambda text: [
        str(problem).replace(f"{tmp_path}/", "") for problem in check_ensemble(write(text), fleet)
    ]
