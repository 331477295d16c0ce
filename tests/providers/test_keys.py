"""Where API keys come from."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from llm_orc.errors import AuthenticationFailed
from llm_orc.providers.keys import Key

KEYRING = """
def get_password(service, name):
    return {("llm-orc", "MY_KEY"): "from the keyring"}.get((service, name))
"""


@pytest.fixture
def keyring(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package of that name, in the place of the system's."""
    package = tmp_path / "keyring"
    package.mkdir()
    (package / "__init__.py").write_text(KEYRING, encoding="utf-8")
    (package / "errors.py").write_text("class KeyringError(Exception): ...\n", encoding="utf-8")
    for name in ("keyring", "keyring.errors"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.syspath_prepend(tmp_path)


async def test_the_environment_comes_first(keyring, monkeypatch):
    monkeypatch.setenv("MY_KEY", " from the environment\n")

    assert await Key("MY_KEY").find() == "from the environment"


async def test_the_keyring_comes_second(keyring, monkeypatch):
    monkeypatch.delenv("MY_KEY", raising=False)

    assert await Key("MY_KEY").find() == "from the keyring"


async def test_a_key_that_is_nowhere_names_its_variable(keyring, monkeypatch):
    monkeypatch.delenv("OTHER_KEY", raising=False)

    with pytest.raises(AuthenticationFailed, match="OTHER_KEY is not set"):
        await Key("OTHER_KEY").find()


async def test_where_no_key_is_sent_none_is_looked_up():
    assert await Key(None).find() is None
