"""Answers of httpx, read as far as is safe; and its client, lent to the generated one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import httpx

from ._decoding import Decoder, UndecodableError
from ._exchange import Unreadable
from ._settings import Settings

if TYPE_CHECKING:
    from ._generated import AuthenticatedClient

MOST_BYTES = 16 * 1024 * 1024  # of an answer's body, decoded
UNDECODABLE = "the body cannot be decoded: it is not compressed as its header says"
ENCODED = (b"content-encoding", b"content-length", b"transfer-encoding")  # headers that are not true of a decoded body


class _Body:
    """The body of an answer while it is read: not too long, and not for too long."""

    def __init__(self, response: httpx.Response, settings: Settings, started: float) -> None:
        self._response = response
        self._clock = settings.clock
        self._deadline = None if settings.total is None else started + settings.total
        self._decoder: Decoder | None = None
        self._chunks: list[bytes] = []
        self._left = MOST_BYTES
        self._left_raw = MOST_BYTES

    @property
    def is_empty(self) -> bool:
        """Whether the headers say that there is none; a body in chunks has no length, whatever they say."""
        headers = self._response.headers
        return self._response.status_code == 204 or (
            headers.get("content-length") == "0" and "transfer-encoding" not in headers
        )

    def take(self, raw: bytes) -> bool:
        """Keep a part of it, as it came; say whether there may be more.

        Raises:
            httpx.ReadTimeout: the attempt has taken too long.
            UndecodableError: it is not compressed as its header says.
        """
        if self._deadline is not None and self._clock.monotonic() > self._deadline:
            raise httpx.ReadTimeout("the attempt has taken too long", request=self._response.request)
        if self._decoder is None:
            self._decoder = Decoder(self._response.headers)
        chunk = self._decoder.decode(raw, self._left + 1)
        self._chunks.append(chunk)
        self._left -= len(chunk)
        self._left_raw -= len(raw)
        return self._left >= 0 and self._left_raw >= 0

    def whole(self) -> httpx.Response | Unreadable:
        """Return the answer with its body, decoded.

        Raises:
            UndecodableError: it breaks off.
        """
        if self._left < 0 or self._left_raw < 0:
            return self.unreadable(f"the body is longer than {MOST_BYTES // 1024**2} MiB")
        if self._decoder is not None:
            self._decoder.end()
        return self._answer(b"".join(self._chunks))

    def read_already(self) -> httpx.Response | Unreadable:
        """Return the answer where somebody has read it: a hook of the caller's client, or a transport that is none."""
        if len(self._response.content) > MOST_BYTES:
            self._left = -1
        self._chunks = [self._response.content]
        return self.whole()

    def unreadable(self, problem: str) -> Unreadable:
        """Return the answer without its body, which is of no use."""
        return Unreadable(self._answer(b""), problem)

    def _answer(self, content: bytes) -> httpx.Response:
        headers = [(name, value) for name, value in self._response.headers.raw if name.lower() not in ENCODED]
        return httpx.Response(
            self._response.status_code, headers=headers, content=content, request=self._response.request
        )


def read_sync(response: httpx.Response, settings: Settings, started: float) -> httpx.Response | Unreadable:
    """Return an answer that was sent for as a stream, read and closed.

    Raises:
        httpx.TransportError: it broke off, or did not end in time.
    """
    body = _Body(response, settings, started)
    try:
        if body.is_empty:
            response.read()
            return response
        if response.is_stream_consumed:
            return body.read_already()
        for raw in response.iter_raw():
            if not body.take(raw):
                break
        return body.whole()
    except (UndecodableError, httpx.DecodingError):
        return body.unreadable(UNDECODABLE)
    finally:
        response.close()


async def read_async(response: httpx.Response, settings: Settings, started: float) -> httpx.Response | Unreadable:
    """Return an answer that was sent for as a stream, read and closed.

    Raises:
        httpx.TransportError: it broke off, or did not end in time.
    """
    body = _Body(response, settings, started)
    try:
        if body.is_empty:
            await response.aread()
            return response
        if response.is_stream_consumed:
            return body.read_already()
        async for raw in response.aiter_raw():
            if not body.take(raw):
                break
        return body.whole()
    except (UndecodableError, httpx.DecodingError):
        return body.unreadable(UNDECODABLE)
    finally:
        await response.aclose()


def raw_sync(settings: Settings, auth: httpx.Auth, http: httpx.Client) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    return _generated_client(settings, _Through(http, settings.base, auth))


def raw_async(settings: Settings, auth: httpx.Auth, http: httpx.AsyncClient) -> AuthenticatedClient:
    """Return the generated client, sending through ``http``."""
    return _generated_client(settings, _AsyncThrough(http, settings.base, auth))


class _Through(httpx.BaseTransport):
    """Sends through a client that somebody else owns, so that its pool, proxies and certificates serve us too.

    The credentials are added here, behind the check of the host: they may have a host of their own to ask.
    """

    def __init__(self, http: httpx.Client, base: str, auth: httpx.Auth) -> None:
        self._http = http
        self._base = httpx.URL(base)
        self._auth = auth

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        _admit(request, self._base)
        return self._http.send(request, auth=self._auth, follow_redirects=False, stream=True)


class _AsyncThrough(httpx.AsyncBaseTransport):
    """The same for tasks."""

    def __init__(self, http: httpx.AsyncClient, base: str, auth: httpx.Auth) -> None:
        self._http = http
        self._base = httpx.URL(base)
        self._auth = auth

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        _admit(request, self._base)
        return await self._http.send(request, auth=self._auth, follow_redirects=False, stream=True)


def _admit(request: httpx.Request, base: httpx.URL) -> None:
    """Keep the token at home, since it is added to every request that comes this way; send no cookies."""
    if (request.url.scheme, request.url.netloc) != (base.scheme, base.netloc):
        raise httpx.UnsupportedProtocol(f"this client sends to {base.host} alone")
    request.headers.pop("Cookie", None)


def _generated_client(
    settings: Settings, transport: httpx.BaseTransport | httpx.AsyncBaseTransport
) -> AuthenticatedClient:
    """Return a generated client whose copies (``with_headers`` and its like) keep credentials and transport, too.

    Its token is what goes into a header; ours go through the transport, so that header serves another purpose.
    """
    from ._generated import AuthenticatedClient

    return AuthenticatedClient(
        base_url=settings.base,
        headers={"Accept": "application/json", "User-Agent": settings.user_agent},
        timeout=httpx.Timeout(**settings.timeout),
        auth_header_name="X-Atlassian-Token",
        prefix="",
        token="no-check",
        httpx_args={"transport": transport},
    )
