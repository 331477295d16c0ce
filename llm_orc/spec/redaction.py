"""Secrets: what looks like one, and how to speak about a value without showing it."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from llm_orc.errors import UsageFailed

HIDDEN = "[redacted]"
SECRET_KEYS = frozenset({
    "api_key", "apikey", "api_token", "access_key", "access_token", "auth_token", "token", "bearer",
    "bearer_token", "secret", "secret_key", "client_secret", "password", "passwd", "authorization",
    "private_key",
})  # fmt: skip
_SHAPES = re.compile(
    r"""
      \bsk-(?=[\w-]*\d)[\w-]{20,}            # OpenAI, Anthropic and those who copied them
    | \A\s*sk-[\w-]{8,}\s*\Z
    | \b(?:ghp|gho|ghs|ghu|ghr)_[A-Za-z0-9]{30,}
    | \bgithub_pat_\w{30,}
    | \bhf_[A-Za-z0-9]{30,}
    | \bgsk_[A-Za-z0-9]{30,}
    | \bxox[abeoprs]-[\w-]{10,}
    | \bAKIA[0-9A-Z]{16}\b
    | \bAIza[\w-]{35}
    | \beyJ[\w-]{10,}\.eyJ[\w-]{10,}\.[\w-]{10,}
    | -----BEGIN[ A-Z]*PRIVATE[ ]KEY-----
    """,
    re.VERBOSE | re.ASCII,
)
_HINTS = re.compile(r"sk-|gh[opsur]_|github_pat_|hf_|gsk_|xox|AKIA|AIza|eyJ|-----BEGIN")
_BEARER = re.compile(r"\b(?:bearer|basic)\s+[\w.~+/-]{8,}=*", re.IGNORECASE)
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_NOT_A_WORD = re.compile(r"[^a-z0-9]+")


def is_secret_key(key: str) -> bool:
    """Whether a key of this name holds a secret: `api_key`, `apiKey` and `API-KEY` alike."""
    folded = key.lower()
    return folded in SECRET_KEYS or _NOT_A_WORD.sub("_", folded) in SECRET_KEYS


def has_secret(text: str) -> bool:
    """Whether the text contains what looks like a key or token."""
    return _HINTS.search(text) is not None and _SHAPES.search(text) is not None


def redacted(text: str) -> str:
    """The text without anything that looks like a secret."""
    return _SHAPES.sub(HIDDEN, text) if _HINTS.search(text) else text


def redactor(names: Sequence[str]) -> Callable[[str], str]:
    """A function that hides what is named: `keys`, `bearer_tokens`, `emails`, or what a regular expression
    finds. Raises `UsageFailed` for one that cannot be used."""
    hide: list[Callable[[str], str]] = []
    for name in names:
        if name == "keys":
            hide.append(redacted)
            continue
        try:
            pattern = {"bearer_tokens": _BEARER, "emails": _EMAIL}.get(name) or re.compile(name)
        except re.error as error:
            raise UsageFailed(
                f"trace_redact: {name!r} is no regular expression: {error}",
                hint="write keys, bearer_tokens, emails, or a regular expression",
            ) from error
        hide.append(partial(pattern.sub, HIDDEN))

    def hidden(text: str) -> str:
        for each in hide:
            text = each(text)
        return text

    return hidden


def shown(text: str, longest: int = 60) -> str:
    """The text in quotes for a message: on one line, short, and without secrets."""
    safe = redacted(text)
    return repr(safe if len(safe) <= longest else safe[: longest - 1] + "…")
