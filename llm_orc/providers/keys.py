"""API keys: from the environment, else from the system's keyring; never from a file, never shown."""

from __future__ import annotations

import os
from urllib.parse import urlsplit

from anyio import to_thread

from llm_orc.errors import AuthenticationFailed

KEYRING_SERVICE = "llm-orc"


class Key:
    """The key in one environment variable; `variable` is None where no key is sent."""

    def __init__(self, variable: str | None) -> None:
        self._variable = variable
        self._value: str | None = None

    async def find(self) -> str | None:
        """The key, looked up once. Raises `AuthenticationFailed` when there is none."""
        if self._variable is None or self._value is not None:
            return self._value
        value = os.environ.get(self._variable) or await to_thread.run_sync(
            _from_keyring, self._variable, abandon_on_cancel=True
        )
        if not value:
            raise AuthenticationFailed(
                f"no API key: the environment variable {self._variable} is not set",
                hint=f"export {self._variable}=…, or `keyring set {KEYRING_SERVICE} {self._variable}`",
            )
        self._value = _checked(value.strip(), self._variable)
        return self._value


def is_same_host(address: str, other: str) -> bool:
    """Whether two URLs name one host; an address that is no URL names none."""
    try:
        return urlsplit(address).hostname == urlsplit(other).hostname
    except ValueError:
        return False


def _checked(value: str, variable: str) -> str:
    """Anything else would be refused deep inside the HTTP library, by an error that quotes it."""
    if not (value.isascii() and value.isprintable()):
        raise AuthenticationFailed(
            f"the API key in {variable} holds characters that no key has",
            hint="was it copied with a line break or quotes?",
        )
    return value


def _from_keyring(variable: str) -> str | None:
    """Blocks: some keyrings ask the user first."""
    try:
        import keyring
        import keyring.errors
    except ImportError:
        return None
    try:
        value = keyring.get_password(KEYRING_SERVICE, variable)
    except keyring.errors.KeyringError:  # no keyring on this system, or a locked one
        return None
    return str(value) if value else None
