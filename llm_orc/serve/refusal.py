"""Errors as the server's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_orc.domain.json import JsonValue
from llm_orc.errors import NotAvailable, NotFound, OrcError, UsageFailed

if TYPE_CHECKING:
    from starlette.responses import JSONResponse

_KINDS = {
    401: "token_needed", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
    421: "unknown_host", 429: "too_many", 500: "bug", 503: "too_many",
}  # fmt: skip
_NO_STORE = {"cache-control": "no-store"}


class Unclear(UsageFailed):
    """A parameter of a request that means nothing."""


def shape(status: int, message: str, hint: str = "") -> dict[str, JsonValue]:
    """`{"error": {"kind", "message", "hint"}}`."""
    return {"error": {"kind": _KINDS.get(status, "bad_request"), "message": message, "hint": hint}}


def refusal(status: int, message: str, hint: str = "") -> JSONResponse:
    """An error of the server's own."""
    from starlette.responses import JSONResponse

    return JSONResponse(shape(status, message, hint), status, _NO_STORE)


def failure(error: OrcError) -> JSONResponse:
    """An error of ours."""
    from starlette.responses import JSONResponse

    status = 500
    if isinstance(error, Unclear):
        return refusal(400, error.message, error.hint)
    if isinstance(error, UsageFailed):
        status = 404 if isinstance(error, NotFound) else 501 if isinstance(error, NotAvailable) else 409
    told = {"kind": error.kind, "message": error.message, "hint": error.hint}
    return JSONResponse({"error": told}, status, _NO_STORE)
