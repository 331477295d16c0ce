"""Where models are served when nobody says, and the names under which the limits of their hosts are set."""

from __future__ import annotations

import os
from collections.abc import Mapping
from urllib.parse import urlsplit

from llm_orc.domain.model import Model
from llm_orc.domain.policy import Limits

OPENAI = "https://api.openai.com/v1"
ANTHROPIC = "https://api.anthropic.com"
_OLLAMA_PORT = 11434


def ollama_address() -> str:
    """Where Ollama is when nobody says: `OLLAMA_HOST`, else this machine.

    `OLLAMA_HOST` may be a port, a host, both or a URL; it may say "every address" (0.0.0.0).
    """
    host = os.environ.get("OLLAMA_HOST", "")
    if not host:
        return f"http://localhost:{_OLLAMA_PORT}"
    if "://" in host:
        return host
    try:
        parts = urlsplit(f"http://{host}")
        name, port = parts.hostname or "localhost", parts.port or _OLLAMA_PORT
    except ValueError:  # the first call says that it is no address
        return f"http://{host}"
    if name in ("0.0.0.0", "::"):  # a client can only call one address
        name = "localhost"
    return f"http://{f'[{name}]' if ':' in name else name}:{port}"


def host_of(model: Model) -> str:
    """`api.openai.com`, `localhost:8000`; the provider's name where it has no address."""
    address = model.base_url or _usual(model.provider)
    return model.provider if address is None else _host(address)


def names_of(host: str) -> tuple[str, ...]:
    """What `limits` may call a host, the most exact name first: without its port, and by the provider whose
    usual address it is."""
    bare, _, port = host.rpartition(":")
    usual = [name for name in _USUAL if _host(_usual(name) or "") == host]
    return (host, *([bare] if bare and port.isdigit() else []), *usual)


def limits_of(host: str, limits: Mapping[str, Limits]) -> Limits:
    """Those of the most exact name that has some."""
    given = {name.lower(): each for name, each in limits.items()}
    return next((given[name] for name in names_of(host) if name in given), Limits())


def _usual(provider: str) -> str | None:
    return ollama_address() if provider == "ollama" else _USUAL.get(provider)


def _host(address: str) -> str:
    return address.partition("://")[2].partition("/")[0].rpartition("@")[2].lower()


_USUAL = {"openai": OPENAI, "anthropic": ANTHROPIC, "ollama": ""}
