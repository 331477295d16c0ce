"""Model files to run in process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

import llm_orc
from llm_orc.domain.model import Model
from llm_orc.providers.llamacpp import LlamaCpp
from tests.providers.gguf_file import write_random_gguf


@pytest.fixture(scope="session")
def random_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A user's own file: it answers nonsense without end."""
    return write_random_gguf(tmp_path_factory.mktemp("models") / "random.gguf", context=65_536)


@pytest.fixture(scope="session")
def shipped_file(random_file: Path) -> Path:
    """The smallest model of the package."""
    shipped = (Path(llm_orc.__file__).parent / "embedded").glob("*.gguf")
    return min(shipped, key=lambda file: file.stat().st_size, default=random_file)


@pytest.fixture
def model(random_file: Path) -> Model:
    return Model(name="mine", provider="llamacpp", wire_name="mine", path=str(random_file), context=512)


@pytest.fixture
async def llamacpp() -> AsyncIterator[LlamaCpp]:
    opened = LlamaCpp()
    yield opened
    await opened.aclose()
