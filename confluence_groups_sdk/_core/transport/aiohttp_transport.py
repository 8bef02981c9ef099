"""An httpx transport that sends over aiohttp, whose connection pool stays fast with many tasks.

It sends the same bytes as httpx's own transport: it adds nothing to a request and sends nothing twice. Each failure is
raised as the httpx error that says whether the request may have arrived.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, MutableMapping
from functools import partial
from typing import Any

import aiohttp
from aiohttp.http import HttpProcessingError, StreamWriter

from ..._support.libraries.http import httpx
from .aiohttp_request import build_url, checked_headers
from .connections.aiohttp_connector import CONNECTING, EXTENSIONS, WatchedConnector, announce, poll

MAX_HEADER_BYTES = 100 * 1024  # of one header; httpx has the same limit for all headers together
MAX_HEADERS = 1000
POLL_INTERVAL_S = 0.5  # between checks of a silent connection
KEEPALIVE_S = 5.0  # httpx's default
CLOSED = "the httpx client was closed"

FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError, UnicodeError)
TRANSLATIONS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (  # the first match counts
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (UnicodeError, httpx.ConnectError),  # raised for a host name that cannot be looked up
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    # From here on there was a connection, and the request may have arrived.
    (aiohttp.SocketTimeoutError, httpx.ReadTimeout),
    (TimeoutError, httpx.WriteTimeout),  # raised by `_RequestBody`
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (HttpProcessingError, httpx.RemoteProtocolError),
    (Exception, httpx.ReadError),
)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends over aiohttp, in one event loop.

    Args:
        context: the TLS settings.
        max_connections: the maximum number of connections in use at once.
    """

    def __init__(self, context: ssl.SSLContext, max_connections: int) -> None:
        context.set_alpn_protocols(["http/1.1"])  # like httpx
        self._context = context
        self._slots = asyncio.Semaphore(max_connections)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            httpx.TransportError: no response came.
            RuntimeError: this transport is already used in another event loop.
        """
        try:
            if request.url.scheme not in ("http", "https") or not request.url.host:
                raise httpx.UnsupportedProtocol("the address lacks http:// or https://, or a host")
            session = self._session_of_this_loop()
            await self._acquire_slot(_timeout(request, "pool"))
            response = await self._send_in_slot(session, request)
        finally:
            del request  # here and below: error reporters show the variables of a frame, and it holds the token
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_ResponseBody(response, self._slots, session),
            extensions=_extensions(response),
        )

    async def _send_in_slot(self, session: aiohttp.ClientSession, request: httpx.Request) -> aiohttp.ClientResponse:
        """Send one request; release its slot if that fails."""
        try:
            if session.closed:  # while this waited
                raise httpx.ConnectError(CLOSED)
            await poll()  # the server may have closed a pooled connection while the loop was busy
            return await _send(session, request)
        except BaseException:
            self._slots.release()
            raise
        finally:
            del request

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _session_of_this_loop(self) -> aiohttp.ClientSession:
        """Return the aiohttp session, which the first call creates and which belongs to its event loop.

        Raises:
            RuntimeError: that was another event loop.
        """
        loop = asyncio.get_running_loop()
        if self._session is None:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=WatchedConnector(
                    ssl=self._context,
                    limit=0,  # limited by our semaphore, so that waiting and connecting have separate timeouts
                    keepalive_timeout=KEEPALIVE_S,
                    resolver=aiohttp.ThreadedResolver(),  # the system's resolver, even if aiodns is installed
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Content-Type"),
                auto_decompress=False,
                trust_env=False,  # no proxies, which httpx handles, and no passwords from .netrc
                max_line_size=MAX_HEADER_BYTES,
                max_field_size=MAX_HEADER_BYTES,
                max_headers=MAX_HEADERS,
            )
        if self._loop is not loop:
            raise RuntimeError(
                "this aiohttp_client() is already used in another event loop: create one in each, and close it"
            )
        return self._session

    async def _acquire_slot(self, seconds: float | None) -> None:
        try:
            async with asyncio.timeout(seconds):
                await self._slots.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are in use") from None


async def _send(session: aiohttp.ClientSession, request: httpx.Request) -> aiohttp.ClientResponse:
    """Send a request once.

    Raises:
        httpx.TransportError: no response came.
    """
    headers: list[tuple[str, str]] = []
    try:
        await announce(CONNECTING, request.extensions, request.method)
        content = await request.aread()
        headers += checked_headers(request.headers, content)
        return await session.request(
            request.method,
            build_url(request.url),
            data=_RequestBody(content, _timeout(request, "write")) if content else None,
            allow_redirects=False,
            timeout=aiohttp.ClientTimeout(connect=_timeout(request, "connect"), sock_read=_timeout(request, "read")),
            server_hostname=request.extensions.get("sni_hostname"),
            middlewares=[partial(_exactly_once, request.extensions, headers)],
        )
    finally:
        headers.clear()
        del request


async def _exactly_once(
    extensions: MutableMapping[str, Any],
    headers: list[tuple[str, str]],
    request: aiohttp.ClientRequest,
    send: aiohttp.ClientHandlerType,
) -> aiohttp.ClientResponse:
    """Send with these headers only, and keep aiohttp from sending again.

    For its own errors, aiohttp repeats a request on a reused connection, even a DELETE that must not be sent twice.
    It does not after other errors, so its errors are translated here.

    Raises:
        httpx.TransportError: no response came.
    """
    vars(request)[EXTENSIONS] = extensions
    request.headers.clear()
    request.headers.extend(headers)
    try:
        return await send(request)
    except FAILURES as failure:
        error = _translate(failure)
    finally:
        del request
    raise error  # outside of the except block: aiohttp's error holds the headers, and so the token


def _translate(failure: Exception) -> httpx.TransportError:
    """Return the httpx error with the same meaning."""
    kind = next(kind for original, kind in TRANSLATIONS if isinstance(failure, original))
    # The text of an error about a malformed response quotes the response, which may repeat the token.
    error = kind(type(failure).__name__ if kind is httpx.RemoteProtocolError else str(failure))
    if isinstance(failure, UnicodeError):
        error.__cause__ = failure
    elif isinstance(failure, aiohttp.ClientOSError):
        error.__cause__ = failure.__cause__  # of the system or of TLS; an untrusted certificate is recognised by it
    return error


def _timeout(request: httpx.Request, name: str) -> float | None:
    limit: float | None = request.extensions.get("timeout", {}).get(name)
    return limit


def _extensions(response: aiohttp.ClientResponse) -> dict[str, bytes]:
    version = response.version or aiohttp.HttpVersion11
    return {
        "http_version": f"HTTP/{version.major}.{version.minor}".encode("ascii"),
        "reason_phrase": (response.reason or "").encode("utf-8", "surrogateescape"),
    }


class _RequestBody(aiohttp.Payload):
    """The body of a request, with a write timeout, which aiohttp lacks."""

    def __init__(self, content: bytes, seconds: float | None) -> None:
        super().__init__(content)
        self._content = content
        self._seconds = seconds

    @property
    def size(self) -> int:
        """The number of bytes."""
        return len(self._content)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return the body as text."""
        return self._content.decode(encoding, errors)

    async def write(self, writer: aiohttp.abc.AbstractStreamWriter) -> None:
        """Write the body.

        Raises:
            TimeoutError: writing took too long.
        """
        connection = writer.transport if isinstance(writer, StreamWriter) else None
        try:
            async with asyncio.timeout(self._seconds):
                await writer.write(self._content)
        except BaseException:
            if connection is not None:
                connection.abort()  # aiohttp would close it, which continues to send
            raise


class _ResponseBody(httpx.AsyncByteStream):
    """The body of a response as it arrives. Closing it before its end also closes the connection."""

    def __init__(
        self, response: aiohttp.ClientResponse, slots: asyncio.Semaphore, session: aiohttp.ClientSession
    ) -> None:
        self._response: aiohttp.ClientResponse | None = response
        self._content = response.content
        self._session = session
        self._slots: asyncio.Semaphore | None = slots
        self._ends_with_connection = {"Content-Length", "Transfer-Encoding"}.isdisjoint(response.headers)
        self._connection = None if response.connection is None else response.connection.protocol

    async def __aiter__(self) -> AsyncIterator[bytes]:
        error: httpx.TransportError | None
        try:
            while part := await self._next_part():
                yield part
                part = b""  # error reporters show the variables of this frame while it waits for the next part
            error = self._connection_error() if self._ends_with_connection else None
        except FAILURES as failure:
            error = self._connection_error() or _translate(failure)
        if error is not None:
            await self.aclose()  # also drops aiohttp's response, which holds the token
            raise error

    async def _next_part(self) -> bytes:
        """Return the next part; empty at the end.

        If a response turns out to be malformed, aiohttp drops the connection without waking the reader. So the
        connection is checked at intervals.
        """
        while True:
            try:
                async with asyncio.timeout(POLL_INTERVAL_S):
                    return await self._content.readany()
            except aiohttp.ServerTimeoutError:
                raise
            except TimeoutError:
                reason = None if self._connection is None else self._connection.exception()
                if reason is not None:
                    raise reason from None

    def _connection_error(self) -> httpx.TransportError | None:
        """Return the error if the connection broke or was closed; aiohttp mistakes that for the end of the body."""
        if self._session.closed:
            return httpx.ReadError(CLOSED)
        reason = None if self._connection is None else self._connection.exception()
        return _translate(reason) if isinstance(reason, aiohttp.ClientOSError) else None

    async def aclose(self) -> None:
        """Close the connection, unless the body was read to its end."""
        if self._response is not None:
            self._response.close()
            self._response = None
        if self._slots is not None:
            self._slots.release()
            self._slots = None
