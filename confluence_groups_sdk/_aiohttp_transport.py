"""A transport for httpx that sends over aiohttp, whose pool is not slowed down by many tasks.

It behaves as httpx's own does, to the bytes that are sent: nothing is added to a request, nothing is sent twice, and
each failure is the httpx error that says whether the request may have arrived.
"""

from __future__ import annotations

import asyncio
import re
import ssl
from collections.abc import AsyncIterator
from functools import partial

import aiohttp
import httpx
from aiohttp.http import HttpProcessingError, StreamWriter
from yarl import URL

LONGEST_HEAD = 100 * 1024  # bytes of one header, as httpx has it for all together
MOST_HEADERS = 1000
LOOKED_AT = 0.5  # seconds between two looks at a connection that says nothing
KEEPALIVE = 5.0  # seconds that an idle connection is kept, as httpx has it

NAME = re.compile(rb"[-!#$%&'*+.^_`|~0-9A-Za-z]+")
VALUE = re.compile(rb"(?:[^\x00-\x20\x7f]+(?:[ \t]+[^\x00-\x20\x7f]+)*)?")

FAILURES = (aiohttp.ClientError, HttpProcessingError, OSError, UnicodeError)
MEANINGS: tuple[tuple[type[Exception], type[httpx.TransportError]], ...] = (  # the first that fits counts
    (aiohttp.ConnectionTimeoutError, httpx.ConnectTimeout),
    (aiohttp.ClientConnectorError, httpx.ConnectError),
    (UnicodeError, httpx.ConnectError),  # of a host that cannot be looked up
    (aiohttp.InvalidURL, httpx.UnsupportedProtocol),
    # From here on a connection was there, and what was sent may have arrived.
    (aiohttp.SocketTimeoutError, httpx.ReadTimeout),
    (TimeoutError, httpx.WriteTimeout),  # of `_Content`
    (aiohttp.ServerDisconnectedError, httpx.RemoteProtocolError),
    (aiohttp.ClientResponseError, httpx.RemoteProtocolError),
    (aiohttp.ClientPayloadError, httpx.RemoteProtocolError),
    (HttpProcessingError, httpx.RemoteProtocolError),
    (Exception, httpx.ReadError),
)


class AiohttpTransport(httpx.AsyncBaseTransport):
    """Sends over aiohttp, in one event loop.

    Args:
        context: for TLS.
        max_connections: that are in use at the same time.
    """

    def __init__(self, context: ssl.SSLContext, max_connections: int) -> None:
        context.set_alpn_protocols(["http/1.1"])  # as httpx does, too
        self._context = context
        self._places = asyncio.Semaphore(max_connections)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._session: aiohttp.ClientSession | None = None

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send one request.

        Raises:
            httpx.TransportError: no answer came.
            RuntimeError: this transport is used in another event loop already.
        """
        if request.url.scheme not in ("http", "https") or not request.url.host:
            raise httpx.UnsupportedProtocol("an address without http:// or https://, or without a host")
        content = await request.aread()
        headers = _checked(request.headers, content)
        session = self._in_this_loop()
        await self._take_place(request)
        try:
            # What a server closes while the loop is busy is known to be closed only once the loop has looked, which it
            # does behind what is ready already: it must not be taken from the pool for a connection that is open.
            await asyncio.sleep(0)
            await asyncio.sleep(0)
            response = await _send(session, request, headers, content)
        except BaseException:
            self._places.release()
            raise
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=_Body(response, self._places),
            extensions=_described(response),
        )

    async def aclose(self) -> None:
        """Close all connections."""
        if self._session is not None:
            await self._session.close()

    def _in_this_loop(self) -> aiohttp.ClientSession:
        """Return the session, made by the first call: it belongs to an event loop.

        Raises:
            RuntimeError: that loop was another.
        """
        loop = asyncio.get_running_loop()
        if self._session is None:
            self._loop = loop
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    ssl=self._context,
                    limit=0,  # counted here, where waiting is told from connecting
                    keepalive_timeout=KEEPALIVE,
                    resolver=aiohttp.ThreadedResolver(),  # the system's, even where aiodns is installed
                ),
                cookie_jar=aiohttp.DummyCookieJar(),
                skip_auto_headers=("User-Agent", "Content-Type"),
                auto_decompress=False,
                trust_env=False,  # no proxies, which httpx knows of, and no passwords out of .netrc
                max_line_size=LONGEST_HEAD,
                max_field_size=LONGEST_HEAD,
                max_headers=MOST_HEADERS,
            )
        if self._loop is not loop:
            raise RuntimeError("aiohttp_client() is used in another event loop already: make one in each, and close it")
        return self._session

    async def _take_place(self, request: httpx.Request) -> None:
        try:
            async with asyncio.timeout(_limit(request, "pool")):
                await self._places.acquire()
        except TimeoutError:
            raise httpx.PoolTimeout("all connections are in use") from None


async def _send(
    session: aiohttp.ClientSession, request: httpx.Request, headers: list[tuple[str, str]], content: bytes
) -> aiohttp.ClientResponse:
    """Send a request once.

    Raises:
        httpx.TransportError: no answer came.
    """
    host = request.url.raw_host.decode("ascii")
    url = URL.build(
        scheme=request.url.scheme,
        host=f"[{host}]" if ":" in host else host,
        port=request.url.port,
        path=request.url.raw_path.decode("ascii"),  # with the query: left as it is, nothing in it is written anew
        encoded=True,
    )
    return await session.request(
        request.method,
        url,
        data=_Content(content, _limit(request, "write")) if content else None,
        allow_redirects=False,
        timeout=aiohttp.ClientTimeout(connect=_limit(request, "connect"), sock_read=_limit(request, "read")),
        server_hostname=request.extensions.get("sni_hostname"),
        middlewares=[partial(_exactly_once, headers)],
    )


async def _exactly_once(
    headers: list[tuple[str, str]], request: aiohttp.ClientRequest, send: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Send with these headers and no others; and keep aiohttp from sending again, which it does for errors of its own.

    It would where a connection was used before, and for a DELETE, too: one that must not be sent twice.

    Raises:
        httpx.TransportError: no answer came.
    """
    request.headers.clear()
    request.headers.extend(headers)
    try:
        return await send(request)
    except FAILURES as failure:
        error = _translated(failure)
    raise error  # not while aiohttp's is handled, which knows the headers, and the token in them


def _translated(failure: Exception) -> httpx.TransportError:
    """Return the error of httpx that says the same."""
    error = next(kind for meaning, kind in MEANINGS if isinstance(failure, meaning))(str(failure))
    if isinstance(failure, aiohttp.ClientConnectorError):
        error.__cause__ = failure.__cause__  # the system's or that of TLS: a certificate that is refused is known by it
    return error


def _checked(headers: httpx.Headers, content: bytes) -> list[tuple[str, str]]:
    """Return the headers as aiohttp takes them; the length of the body in place of words on how it is cut.

    Raises:
        httpx.LocalProtocolError: one of them must not be sent, or cannot be.
    """
    checked: list[tuple[str, str]] = []
    for name, value in headers.raw:
        try:
            if not NAME.fullmatch(name) or not VALUE.fullmatch(value):
                raise ValueError
            checked.append((name.decode("ascii"), value.decode("utf-8")))
        except ValueError:  # the text of a UnicodeError would show the value
            break
        if name.lower() == b"transfer-encoding":
            checked[-1] = ("Content-Length", str(len(content)))
    else:
        return checked
    raise httpx.LocalProtocolError("a header with control characters, or not in UTF-8")


def _limit(request: httpx.Request, name: str) -> float | None:
    limit: float | None = request.extensions.get("timeout", {}).get(name)
    return limit


def _described(response: aiohttp.ClientResponse) -> dict[str, bytes]:
    version = response.version or aiohttp.HttpVersion11
    return {
        "http_version": f"HTTP/{version.major}.{version.minor}".encode("ascii"),
        "reason_phrase": (response.reason or "").encode("utf-8", "surrogateescape"),
    }


class _Content(aiohttp.Payload):
    """The body of a request, with a limit on the time that it takes to write; aiohttp has none."""

    def __init__(self, content: bytes, seconds: float | None) -> None:
        super().__init__(content)
        self._content = content
        self._seconds = seconds

    @property
    def size(self) -> int:
        """How many bytes there are."""
        return len(self._content)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """Return it as text."""
        return self._content.decode(encoding, errors)

    async def write(self, writer: aiohttp.abc.AbstractStreamWriter) -> None:
        """Write it.

        Raises:
            TimeoutError: it took too long.
        """
        connection = writer.transport if isinstance(writer, StreamWriter) else None
        try:
            async with asyncio.timeout(self._seconds):
                await writer.write(self._content)
        except BaseException:
            if connection is not None:
                connection.abort()  # closing it, as aiohttp does, goes on sending
            raise


class _Body(httpx.AsyncByteStream):
    """The body of an answer, as it comes; closed before its end, it takes the connection with it."""

    def __init__(self, response: aiohttp.ClientResponse, places: asyncio.Semaphore) -> None:
        self._response = response
        self._places: asyncio.Semaphore | None = places
        self._ends_with_connection = {"Content-Length", "Transfer-Encoding"}.isdisjoint(response.headers)
        self._connection = None if response.connection is None else response.connection.protocol

    async def __aiter__(self) -> AsyncIterator[bytes]:
        error: httpx.TransportError | None
        try:
            while part := await self._part():
                yield part
            error = self._lost() if self._ends_with_connection else None
        except FAILURES as failure:
            error = self._lost() or _translated(failure)
        if error is not None:
            raise error

    async def _part(self) -> bytes:
        """Return what comes next, nothing at the end.

        A connection whose answer turns out to be malformed is given up by aiohttp without a word to whoever waits for
        more of it, and without a limit on the time: so it is looked at now and then.
        """
        while True:
            try:
                async with asyncio.timeout(LOOKED_AT):
                    return await self._response.content.readany()
            except aiohttp.ServerTimeoutError:
                raise
            except TimeoutError:
                reason = None if self._connection is None else self._connection.exception()
                if reason is not None:
                    raise reason from None

    def _lost(self) -> httpx.ReadError | None:
        """Return the error, should the connection have been broken off: aiohttp takes that for the end of the body."""
        reason = None if self._connection is None else self._connection.exception()
        return httpx.ReadError(str(reason)) if isinstance(reason, aiohttp.ClientOSError) else None

    async def aclose(self) -> None:
        """Give the connection up, unless the body was read to its end."""
        self._response.close()
        if self._places is not None:
            self._places.release()
            self._places = None
