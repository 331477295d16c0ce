"""What a server said went wrong, as one of our errors: by its code, else by the status, else by its words."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime

from llm_orc.domain.json import JsonValue
from llm_orc.errors import (
    AuthenticationFailed,
    ContextTooLong,
    DeadlinePassed,
    InvalidRequest,
    MalformedReply,
    ModelMissing,
    ProviderFailed,
    RateLimited,
    Refused,
    ServerFailed,
)

LONGEST_QUOTE = 300

_BY_CODE: Mapping[str, type[ProviderFailed]] = {
    "context_length_exceeded": ContextTooLong,
    "exceed_context_size_error": ContextTooLong,
    "request_too_large": ContextTooLong,
    "model_not_found": ModelMissing,
    "invalid_api_key": AuthenticationFailed,
    "authentication_error": AuthenticationFailed,
    "permission_error": AuthenticationFailed,
    # A 429 that no waiting helps: the account is out of money.
    "insufficient_quota": Refused,
    "billing_error": Refused,
    "content_filter": Refused,
    "content_policy_violation": Refused,
    "rate_limit_exceeded": RateLimited,
    "rate_limit_error": RateLimited,
    "overloaded_error": ServerFailed,
    "timeout_error": ServerFailed,
    "api_error": ServerFailed,
}
_BY_STATUS: Mapping[int, type[ProviderFailed]] = {
    401: AuthenticationFailed,
    403: Refused,
    408: ServerFailed,
    413: ContextTooLong,
    429: RateLimited,
}
# Servers that have no code for it (Ollama, vLLM, Anthropic) say it in these words.
_TOO_LONG = (
    "exceeds the context length",
    "exceeds the available context size",
    "maximum context length",
    "prompt is too long",
)
_HINTS: Mapping[type[ProviderFailed], str] = {
    AuthenticationFailed: "check the API key and what it may be used for",
    ContextTooLong: "shorten the prompt, or use a model with a larger context",
    ModelMissing: "check the model's name against what the server has",
    RateLimited: "wait, or lower the model's concurrency",
    Refused: "change the prompt, or check what the account may do",
    ServerFailed: "try again later; the server's log may say more",
}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a call goes, for messages. `secret` is the API key: it is cut out of everything quoted."""

    provider: str
    host: str
    model: str = ""
    secret: str | None = field(default=None, repr=False)
    over_http: bool = True

    def __str__(self) -> str:
        return " ".join(part for part in (self.provider, self.model, f"at {self.host}") if part)

    def quote(self, text: str) -> str:
        """Foreign text fit for a one-line message."""
        if self.secret:
            text = text.replace(self.secret, "***")
        return one_line(text)

    def malformed(self, detail: str) -> MalformedReply:
        hint = "does base_url point at a server of this kind?" if self.over_http else ""
        return MalformedReply(f"{self}: the reply cannot be used: {self.quote(detail)}", hint=hint)

    def late(self, seconds: float, hint: str = "raise call_timeout_seconds") -> DeadlinePassed:
        return DeadlinePassed(f"{self}: no complete answer within {seconds:g} s", hint=hint)


def one_line(text: str) -> str:
    """Without control characters, and cut at `LONGEST_QUOTE`."""
    text = " ".join("".join(c if c.isprintable() else " " for c in text).split())
    return text if len(text) <= LONGEST_QUOTE else text[: LONGEST_QUOTE - 1] + "…"


def failure_of(
    place: Place, status: int, body: JsonValue, headers: Mapping[str, str] | None = None
) -> ProviderFailed:
    """The error for a reply that is one. `status` is 200 for those that come where an answer should be."""
    said, codes = _what_was_said(body)
    kind = _kind(status, said, codes)
    message = f"{place}: {_headline(kind)}"
    if place.over_http and status != 200:
        message += f" (HTTP {status})"
    if said:
        message += f": {place.quote(said)}"
    if kind is RateLimited:
        return RateLimited(message, hint=_HINTS[kind], retry_after=retry_after(headers or {}))
    hint = _HINTS.get(kind, "")
    if kind is ModelMissing and place.provider == "ollama":
        hint = f"get it with `ollama pull {place.model}`"
    elif kind is InvalidRequest and (status == 404 or 300 <= status < 400):
        hint = "check base_url: there is nothing at this address"
    return kind(message, hint=hint)


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait, from `retry-after-ms` or `Retry-After` (seconds or an HTTP date)."""
    exact, value = headers.get("retry-after-ms"), headers.get("retry-after")
    try:
        if exact is not None:
            return max(0.0, float(exact) / 1000)
        return None if value is None else max(0.0, float(value))
    except ValueError:
        pass
    try:
        return max(0.0, parsedate_to_datetime(value or "").timestamp() - time.time())
    except ValueError:
        return None


def _kind(status: int, said: str, codes: frozenset[str]) -> type[ProviderFailed]:
    for code, kind in _BY_CODE.items():
        if code in codes:
            return kind
    words = said.lower()
    if any(phrase in words for phrase in _TOO_LONG):
        return ContextTooLong
    if status == 403 and ("key" in words or "token" in words):
        return AuthenticationFailed
    if status == 404:
        return ModelMissing if "model" in words else InvalidRequest
    if status in _BY_STATUS:
        return _BY_STATUS[status]
    return ServerFailed if status == 200 or status >= 500 else InvalidRequest


def _headline(kind: type[ProviderFailed]) -> str:
    return {
        AuthenticationFailed: "the key was not accepted",
        ContextTooLong: "the prompt does not fit the context",
        ModelMissing: "the server does not have this model",
        RateLimited: "too many requests",
        Refused: "the request was declined",
        ServerFailed: "the server failed",
    }.get(kind, "the request was not accepted")


def _what_was_said(body: JsonValue) -> tuple[str, frozenset[str]]:
    """The server's own message, and its codes and types: every server nests them differently."""
    if isinstance(body, str):
        return ("an HTML page" if body.lstrip().startswith("<") else body), frozenset()
    if not isinstance(body, Mapping):
        return "", frozenset()
    inner = body.get("error")
    if isinstance(inner, str):
        return inner, _codes(body)
    if isinstance(inner, Mapping):
        return _what_was_said({**inner, "error": inner.get("message")})
    message = body.get("message") or body.get("detail")
    return (message if isinstance(message, str) else ""), _codes(body)


def _codes(body: Mapping[str, JsonValue]) -> frozenset[str]:
    return frozenset(code for key in ("code", "type") if isinstance(code := body.get(key), str))
