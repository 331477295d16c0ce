"""Errors as the server's JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_orc.errors import NotAvailable, NotFound, OrcError, UsageFailed

if TYPE_CHECKING:
    from starlette.responses import JSONResponse

_KINDS = {
    401: "token_needed", 403: "forbidden", 404: "not_found", 405: "method_not_allowed", 413: "too_large",
    421: "unknown_host", 429: "too_many",
}  # fmt: skip
_NO_STORE = {"cache-control": "no-store"}


def refusal(status: int, message: str, hint: str = "") -> JSONResponse:
    """`{"error": {"kind", "message", "hint"}}`."""
    from starlette.responses import JSONResponse

    kind = _KINDS.get(status, "bad_request")
    return JSONResponse({"error": {"kind": kind, "message": message, "hint": hint}}, status, _NO_STORE)


def failure(error: OrcError) -> JSONResponse:
    """An error of ours."""
    from starlette.responses import JSONResponse

    status = 500
    if isinstance(error, UsageFailed):
        status = 404 if isinstance(error, NotFound) else 501 if isinstance(error, NotAvailable) else 409
    shape = {"kind": error.kind, "message": error.message, "hint": error.hint}
    return JSONResponse({"error": shape}, status, _NO_STORE)
