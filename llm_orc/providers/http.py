"""JSON over HTTP to one address: pooled connections, deadlines, a size limit, our errors for all that fails.

What failed decides the error: no connection, or one cut before the reply was complete, is `Unreachable`;
a reply that came too late is `DeadlinePassed`; a complete reply that makes no sense is `MalformedReply`;
what the server itself calls an error is read in `faults`."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from ipaddress import ip_address
from typing import TYPE_CHECKING, TypeVar

import anyio

if TYPE_CHECKING:
    import httpx2 as httpx
else:
    try:
        import httpx2 as httpx
    except ImportError:  # the older library of the same interface
        import httpx

from llm_orc.domain.json import JsonObject, JsonValue
from llm_orc.domain.span import to_carry
from llm_orc.errors import InvalidRequest, OrcError, Unreachable
from llm_orc.providers.faults import Place, failure_of
from llm_orc.providers.keys import Key
from llm_orc.providers.shapes import WrongShape, parse_object

CONNECT_SECONDS = 10.0
# Of a whole call, where the request sets no timeout: a large local model may have to load first.
CALL_SECONDS = 600.0
LIST_SECONDS = 30.0
LARGEST_REPLY_BYTES = 64 * 2**20
CONNECTIONS = 256
CUT_HINT = "the server's log may say why"

T = TypeVar("T")


def bearer(secret: str | None) -> dict[str, str]:
    """The usual way to send a key."""
    return {} if secret is None else {"authorization": f"Bearer {secret}"}


class Wire:
    """One server. Use it within one event loop; `headers` makes a request's headers from the key."""

    def __init__(
        self,
        provider: str,
        base_url: str,
        *,
        key: Key,
        headers: Callable[[str | None], dict[str, str]] = bearer,
        start_hint: str = "is the server running, and is base_url right?",
    ) -> None:
        self._provider = provider
        self._base_url = base_url.rstrip("/")
        self._key = key
        self._headers = headers
        self._start_hint = start_hint
        self._client: httpx.AsyncClient | None = None
        self._host = base_url

    async def post(
        self,
        path: str,
        body: Mapping[str, JsonValue],
        read: Callable[[JsonObject], T],
        *,
        model: str = "",
        timeout_seconds: float | None = None,
    ) -> T:
        """Send JSON; what `read` makes of the reply. `read` raises `WrongShape`, which becomes our error."""
        return await self._call("POST", path, _encoded(body), read, model, timeout_seconds)

    async def get(self, path: str, read: Callable[[JsonObject], T]) -> T:
        """What `read` makes of the reply, which comes at once from a server that is well."""
        return await self._call("GET", path, None, read, "", LIST_SECONDS)

    async def stream(
        self,
        path: str,
        body: Mapping[str, JsonValue],
        read: Callable[[JsonObject], tuple[str, bool]],
        *,
        model: str = "",
        timeout_seconds: float | None = None,
    ) -> AsyncGenerator[str, None]:
        """A text as it comes, as server-sent events or one JSON object per line.

        `read` makes of an object its text, and whether the answer is complete with it. An answer that ends
        otherwise was cut. Close the iterator (`aclosing`) to stop the server early.
        """
        client, place = await self._opened(model)
        deadline = _Deadline(timeout_seconds or CALL_SECONDS, place)
        request = client.build_request(
            "POST", self._base_url + path, content=_encoded(body), headers=to_carry()
        )
        try:
            response = await deadline.wait(client.send(request, stream=True))
            try:
                if response.status_code != 200:
                    raise _error_reply(place, response, await deadline.wait(_whole(response, place)))
                complete = False
                async for line in _lines(response, deadline, place):
                    text, last = _read(_understood(line, place), read, place)
                    complete = complete or last
                    if text:
                        yield text
                if not complete:
                    raise Unreachable(f"{place}: the answer ended in the middle", hint=CUT_HINT)
            finally:
                with anyio.CancelScope(shield=True):
                    await response.aclose()
        except httpx.HTTPError as error:
            raise self._failure(error, place) from error

    async def ready(self) -> None:
        """Asks nobody. Raises `InvalidRequest` where the address or the proxy settings cannot be used."""
        await self._opened("")

    async def aclose(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            await client.aclose()

    async def _call(
        self,
        method: str,
        path: str,
        content: bytes | None,
        read: Callable[[JsonObject], T],
        model: str,
        timeout_seconds: float | None,
    ) -> T:
        client, place = await self._opened(model)
        seconds = timeout_seconds or CALL_SECONDS
        with anyio.move_on_after(seconds):
            try:
                async with client.stream(
                    method, self._base_url + path, content=content, headers=to_carry()
                ) as response:
                    data = await _whole(response, place)
            except httpx.HTTPError as error:
                raise self._failure(error, place) from error
            if response.status_code != 200:
                raise _error_reply(place, response, data)
            return _read(_understood(data, place), read, place)
        if method == "GET":
            raise place.late(seconds, "is the server busy or hanging?")
        raise place.late(seconds)

    async def _opened(self, model: str) -> tuple[httpx.AsyncClient, Place]:
        secret = await self._key.find()
        if self._client is None:
            self._client = self._open(secret)
        return self._client, Place(self._provider, self._host, model, secret)

    def _open(self, secret: str | None) -> httpx.AsyncClient:
        try:
            url = httpx.URL(self._base_url)
        except httpx.InvalidURL:
            url = httpx.URL()
        if url.scheme not in ("http", "https") or not url.host:
            raise InvalidRequest(
                f"{self._provider}: base_url is not an address", hint="write http://host:port or https://host"
            )
        self._host = url.netloc.decode("ascii")
        headers = {"content-type": "application/json", **self._headers(secret)}
        timeout = httpx.Timeout(None, connect=CONNECT_SECONDS)
        limits = httpx.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
        try:
            return httpx.AsyncClient(
                headers=headers,
                timeout=timeout,
                limits=limits,
                # A proxy cannot reach this machine's own servers.
                trust_env=not _is_loopback(url.host),
                # Loading the certificates takes 50 ms, and http:// has no use for them.
                verify=url.scheme == "https",
            )
        except (ValueError, ImportError, httpx.InvalidURL) as error:
            raise InvalidRequest(
                f"{self._provider} at {self._host}: the proxy settings cannot be used",
                hint="check HTTP_PROXY, HTTPS_PROXY and ALL_PROXY",
            ) from error

    def _failure(self, error: httpx.HTTPError, place: Place) -> OrcError:
        detail = place.quote(str(error)) or type(error).__name__
        if isinstance(error, httpx.DecodingError):
            return place.malformed(detail)
        if isinstance(error, httpx.LocalProtocolError | httpx.UnsupportedProtocol):
            return InvalidRequest(f"{place}: the request cannot be sent: {detail}")
        if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.ProxyError):
            return Unreachable(f"{place}: no connection: {detail}", hint=self._start_hint, was_sent=False)
        if isinstance(error, httpx.TimeoutException):
            return place.late(CALL_SECONDS)
        return Unreachable(f"{place}: the connection was cut: {detail}", hint=CUT_HINT)


class _Deadline:
    """One deadline over many waits: a cancel scope must not stay open while a generator is paused."""

    def __init__(self, seconds: float, place: Place) -> None:
        self._seconds = seconds
        self._place = place
        self._at = anyio.current_time() + seconds

    async def wait(self, work: Awaitable[T]) -> T:
        with anyio.CancelScope(deadline=self._at):
            return await work
        raise self._place.late(self._seconds)


async def _whole(response: httpx.Response, place: Place) -> bytes:
    data = bytearray()
    async for chunk in response.aiter_bytes():
        data += chunk
        _check_size(len(data), place)
    return bytes(data)


async def _lines(response: httpx.Response, deadline: _Deadline, place: Place) -> AsyncGenerator[bytes, None]:
    """Lines that hold JSON. httpx would also split at separators that may stand inside a JSON string."""
    rest = bytearray()
    chunks = response.aiter_bytes()
    while (chunk := await deadline.wait(anext(chunks, None))) is not None:
        rest += chunk
        _check_size(len(rest), place)
        if b"\n" not in chunk:
            continue
        *lines, rest = rest.split(b"\n")
        for line in lines:
            if payload := _payload(bytes(line)):
                yield payload
    if payload := _payload(bytes(rest)):
        yield payload


def _payload(line: bytes) -> bytes:
    """What stands behind `data:`; the line itself where it is not one of an event stream."""
    if line.startswith((b":", b"event:", b"id:", b"retry:")):
        return b""
    payload = line.removeprefix(b"data:").strip()
    return b"" if payload == b"[DONE]" else payload


def _check_size(size: int, place: Place) -> None:
    if size > LARGEST_REPLY_BYTES:
        raise place.malformed(f"it is longer than {LARGEST_REPLY_BYTES >> 20} MiB")


def _read(reply: JsonObject, read: Callable[[JsonObject], T], place: Place) -> T:
    try:
        return read(reply)
    except WrongShape as error:
        raise place.malformed(str(error)) from error


def _understood(data: bytes, place: Place) -> JsonObject:
    try:
        reply = parse_object(data)
    except WrongShape as error:
        raise place.malformed(f"{error}: {data[:200].decode(errors='replace')}") from error
    if reply.get("error"):
        raise failure_of(place, 200, reply)
    return reply


def _error_reply(place: Place, response: httpx.Response, data: bytes) -> OrcError:
    try:
        body: JsonValue = parse_object(data)
    except WrongShape:
        body = data[:2000].decode(errors="replace")
    return failure_of(place, response.status_code, body, response.headers)


def _encoded(body: Mapping[str, JsonValue]) -> bytes:
    # Frozen mappings are not dicts; `dict` is what the encoder asks to turn them into one.
    return json.dumps(body, default=dict).encode()


def _is_loopback(host: str) -> bool:
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified
