"""The wheel carries everything, and works from another directory in an environment of its own."""

from __future__ import annotations

import json
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(target)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    return next(target.glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `llm-orc` of a fresh environment that has our wheel, and our dependencies but not our sources."""
    place = tmp_path_factory.mktemp("fresh")
    venv.create(place, with_pip=False)
    site = next(place.glob("lib/python*/site-packages"))
    # Packages are found there, but its .pth files (an editable install of ours) are not read.
    (site / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n", encoding="utf-8")
    pip = [sys.executable, "-m", "pip", "--python", str(place / "bin/python")]
    subprocess.run(
        [*pip, "install", "--no-index", "--no-deps", "--force-reinstall", "--quiet", str(wheel)],
        check=True,
        capture_output=True,
    )
    return place / "bin" / "llm-orc"


def test_the_wheel_holds_schemas_ensembles_models_and_types(wheel):
    names = set(zipfile.ZipFile(wheel).namelist())
    for file in [
        "schemas/ensemble.schema.json",
        "ensembles/quickstart.yaml",
        "ensembles/scripts/check_steps.py",
    ]:
        assert f"llm_orc/shipped/{file}" in names
    for model in ["small", "medium", "large", "extract", "classify"]:
        assert f"llm_orc/embedded/tiny-{model}.gguf" in names
    assert {"llm_orc/py.typed", "llm_orc/embedded/models.yaml"} <= names
    assert {
        f"llm_orc/serve/page/{file}" for file in ("index.html", "main.js", "style.css", "icon.svg")
    } <= names
    assert not [name for name in names if "tests/" in name or "checkpoints" in name]


def test_the_models_take_at_most_fifteen_megabytes(wheel):
    sizes = [info.file_size for info in zipfile.ZipFile(wheel).infolist() if info.filename.endswith(".gguf")]
    assert sum(sizes) <= 15_000_000


def test_the_installed_package_answers_from_another_directory(installed, tmp_path):
    command = [str(installed), "invoke", "quickstart", "--output-format", "json"]
    done = subprocess.run(
        command, cwd=tmp_path, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL
    )
    result = json.loads(done.stdout)
    assert result["status"] == "succeeded"
    assert {"extract", "solve", "check", "report"} <= result["agents"].keys()


def test_the_installed_package_prints_its_schema_and_lists_its_models(installed, tmp_path):
    schema = subprocess.run(
        [str(installed), "schema", "ensemble"], cwd=tmp_path, capture_output=True, check=True
    )
    assert json.loads(schema.stdout)["title"] == "llm-orc ensemble"
    models = subprocess.run(
        [str(installed), "models", "list", "--json"], cwd=tmp_path, capture_output=True, check=True
    )
    assert b"tiny-large" in models.stdout
