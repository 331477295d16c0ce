"""Who may talk to the server, and what a browser may do with its answers.

A page of another site can make a browser send requests here, and a name that it owns can be made to point
here (DNS rebinding). So the Host is checked always, and where a request comes from. Who may connect at all is
settled before (`connections`).
"""

from __future__ import annotations

import hashlib
import hmac
import ipaddress
import socket
from dataclasses import dataclass
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlencode, urlsplit

from llm_orc.serve.refusal import refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 64 * 1024
SHORTEST_TOKEN = 16
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_SAFE = frozenset({"GET", "HEAD"})

HEADERS = {
    "content-security-policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
        "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
        "require-trusted-types-for 'script'; trusted-types 'none'"
    ),
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}


def is_local(host: str) -> bool:
    """Whether only this machine can reach what listens there."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """Where the server listens, and the token that it asks for; None: for none."""

    host: str
    port: int
    token: str | None = None

    @property
    def cookie(self) -> str:
        """Its name: cookies are shared by all ports of a host."""
        return f"llm-orc-{self.port}"

    def knows_host(self, header: str) -> bool:
        """Whether a Host header means this server. An address cannot be rebound, a foreign name can."""
        name = _name(f"//{header}").removesuffix(".")
        if name in _LOCAL or name == self.host:
            return True
        if is_local(self.host):
            return False
        try:
            return bool(ipaddress.ip_address(name))
        except ValueError:
            return name in (socket.gethostname().lower(), socket.getfqdn().lower())

    def admits(self, given: str | None) -> bool:
        """Whether this is the token."""
        return self.token is None or (
            given is not None and hmac.compare_digest(given.encode(), self.token.encode())
        )

    def admits_cookie(self, header: str) -> bool:
        """Whether a Cookie header holds what `cookie_value` gave."""
        try:
            found = SimpleCookie(header).get(self.cookie)
        except CookieError:
            return False
        return found is not None and hmac.compare_digest(found.value.encode(), self.cookie_value.encode())

    @property
    def cookie_value(self) -> str:
        """Stands for the token in the browser, which need not keep the token itself."""
        return hmac.new((self.token or "").encode(), b"llm-orc page", hashlib.sha256).hexdigest()


class Guard:
    """Lets through what `Access` and the rules above allow, and puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                there = {name for name, _ in message["headers"]}
                added = [(n.encode(), v.encode()) for n, v in HEADERS.items() if n.encode() not in there]
                message = {**message, "headers": [*message["headers"], *added]}
            await send(message)

        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        answer = self._refused(scope, headers) or self._greeted(scope, headers)
        await (answer or self._app)(scope, _bounded(receive), with_headers)

    def _refused(self, scope: Scope, headers: dict[str, str]) -> ASGIApp | None:
        """The answer to what is not let through."""
        hosts = [value for name, value in scope["headers"] if name == b"host"]
        if len(hosts) != 1 or not self._access.knows_host(headers["host"]):
            return refusal(421, "this server is not known by that name", "use the address that serve printed")
        if not _same_origin(scope, headers):
            return refusal(403, "a page of another site asked for this")
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            return refusal(413, f"a body may have {LARGEST_BODY} bytes")
        return None

    def _greeted(self, scope: Scope, headers: dict[str, str]) -> ASGIApp | None:
        """With a token: a link that holds it becomes a cookie; who has neither is asked for it."""
        from starlette.responses import RedirectResponse

        access = self._access
        if access.token is None or scope["path"].startswith("/assets/"):
            return None
        query = parse_qs(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        given = query.pop("token", [None])[0]
        if given is not None and scope["method"] == "GET" and access.admits(given):
            rest = urlencode(query, doseq=True)
            # One slash: a path that begins with two would lead to another server.
            path = "/" + scope["path"].lstrip("/") + (f"?{rest}" if rest else "")
            answer = RedirectResponse(path, 303, {"cache-control": "no-store"})
            answer.set_cookie(access.cookie, access.cookie_value, httponly=True, samesite="strict")
            return answer
        bearer = headers.get("authorization", "").removeprefix("Bearer ")
        if (bearer and access.admits(bearer)) or access.admits_cookie(headers.get("cookie", "")):
            return None
        if scope["path"].startswith("/api/"):
            return refusal(401, "a token is needed", "open the link that serve printed")
        from starlette.responses import FileResponse

        from llm_orc.serve.bundle import PAGE

        return FileResponse(PAGE / "token.html", 401, {"cache-control": "no-store"})


def _same_origin(scope: Scope, headers: dict[str, str]) -> bool:
    """Browsers say where a request comes from; other programs say nothing and are not misled by pages."""
    origin = headers.get("origin")
    if origin is not None and origin.partition("://")[2].lower() != headers["host"].lower():
        return False
    if headers.get("sec-fetch-site", "none") in ("none", "same-origin"):
        return True
    # A link from elsewhere may lead to a page, in a window of its own, and to nothing else.
    return (
        scope["method"] in _SAFE
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest", "document") == "document"
        and not scope["path"].startswith(("/api/", "/assets/"))
    )


def _name(address: str) -> str:
    try:
        return urlsplit(address).hostname or ""
    except ValueError:
        return ""


def _bounded(receive: Receive) -> Receive:
    """A body whose length was not said is cut off where it grows too large."""
    seen = 0

    async def counted() -> Message:
        nonlocal seen
        message = await receive()
        seen += len(message.get("body", b""))
        return {"type": "http.disconnect"} if seen > LARGEST_BODY else message

    return counted
