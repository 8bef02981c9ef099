"""Read responses within limits on their length and their time."""

from __future__ import annotations

from ..._support.clock import SystemClock
from ..._support.libraries.http import httpx
from ..config import ClientConfig
from .decompression import Decoder, UndecodableError
from .replies import UnreadableResponse

MAX_BODY_BYTES = 16 * 1024 * 1024  # before and after decompression
TOO_LONG = f"the body is longer than {MAX_BODY_BYTES // 1024**2} MiB"
UNDECODABLE = "the body cannot be decoded: it is not compressed as its header says"
BODY_PROBLEM = "confluence_groups.body_problem"  # the extension that says why an auth flow has refused the body
TRANSFER_HEADERS = (b"content-encoding", b"content-length", b"transfer-encoding")  # do not apply to a decoded body


def has_no_body(response: httpx.Response) -> bool:
    """Check whether status or headers say that there is no body; with chunks, Content-Length has no meaning.

    See RFC 9112 section 6.3.
    """
    headers = response.headers
    return response.status_code == 204 or (headers.get("content-length") == "0" and "transfer-encoding" not in headers)


def ends_with_connection(response: httpx.Response) -> bool:
    """Check whether only the end of the connection ends the body, so that a cut body looks complete."""
    return not (
        has_no_body(response) or "content-length" in response.headers or "transfer-encoding" in response.headers
    )


class BoundedBodyReader:
    """Collects the body of a response, up to a length and a time.

    Args:
        response: the response, not read yet.
        config: has the clock and the limit on the time; None for no limit, because the caller has one.
        started: when the attempt began, by that clock.
    """

    def __init__(self, response: httpx.Response, config: ClientConfig | None, started: float = 0.0) -> None:
        self._response = response
        self._clock = SystemClock() if config is None else config.clock
        total_s = None if config is None else config.total_timeout_s
        self._deadline = None if total_s is None else started + total_s
        self._decoder: Decoder | None = None
        self._chunks: list[bytes] = []
        self._bytes_left = MAX_BODY_BYTES
        self._raw_bytes_left = MAX_BODY_BYTES

    def add(self, raw: bytes) -> bool:
        """Decode and keep a part; return whether more is wanted.

        Raises:
            httpx.ReadTimeout: the attempt has taken too long.
            UndecodableError: the body is not compressed as its header says.
        """
        if self._decoder is None:
            self._decoder = Decoder(self._response.headers)
        chunk = self._decoder.decode(raw, self._bytes_left + 1)
        self._chunks.append(chunk)
        self._bytes_left -= len(chunk)
        self._raw_bytes_left -= len(raw)
        del raw, chunk  # the next lines may raise, and error reporters show the variables of this frame
        if self._deadline is not None and self._clock.monotonic() > self._deadline:
            raise httpx.ReadTimeout("the attempt has taken too long", request=self._response.request)
        return self._bytes_left >= 0 and self._raw_bytes_left >= 0

    def finish(self) -> httpx.Response | UnreadableResponse:
        """Return the response with its decoded body.

        Raises:
            UndecodableError: the compressed body is incomplete.
        """
        if self._bytes_left < 0 or self._raw_bytes_left < 0:
            return unreadable(self._response, TOO_LONG)
        if self._decoder is not None:
            self._decoder.finish()
        return _with_body(self._response, b"".join(self._chunks))

    def finish_preloaded(self) -> httpx.Response | UnreadableResponse:
        """Return a response that was already read, by an auth flow, a hook of the caller's client or a test."""
        if problem := self._response.extensions.get(BODY_PROBLEM):
            return unreadable(self._response, problem)
        if len(self._response.content) > MAX_BODY_BYTES:
            self._bytes_left = -1
        self._chunks = [self._response.content]
        return self.finish()


def unreadable(response: httpx.Response, problem: str) -> UnreadableResponse:
    """Return the response without its body."""
    return UnreadableResponse(_with_body(response, b""), problem)


def _with_body(response: httpx.Response, content: bytes) -> httpx.Response:
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in TRANSFER_HEADERS]
    return httpx.Response(response.status_code, headers=headers, content=content, request=response.request)


def read_sync(response: httpx.Response, config: ClientConfig, started: float) -> httpx.Response | UnreadableResponse:
    """Read and close a response that was requested as a stream.

    Raises:
        httpx.TransportError: the response broke off, or did not end in time.
    """
    response.extensions.pop("reason_phrase", None)  # `repr` shows it, and it may repeat the token
    try:
        if has_no_body(response):
            response.read()
            return response
        return _read_body(response, BoundedBodyReader(response, config, started))
    except (UndecodableError, httpx.DecodingError):
        return unreadable(response, UNDECODABLE)
    finally:
        response.close()


def _read_body(response: httpx.Response, body: BoundedBodyReader) -> httpx.Response | UnreadableResponse:
    if response.is_stream_consumed:
        return body.finish_preloaded()
    all(map(body.add, response.iter_raw()))  # until it is False, and without a part in a variable
    return body.finish()


async def read_async(
    response: httpx.Response, config: ClientConfig, started: float
) -> httpx.Response | UnreadableResponse:
    """Read and close a response that was requested as a stream.

    Raises:
        httpx.TransportError: the response broke off, or did not end in time.
    """
    response.extensions.pop("reason_phrase", None)  # as above
    try:
        if has_no_body(response):
            await response.aread()
            return response
        return await _read_body_async(response, BoundedBodyReader(response, config, started))
    except (UndecodableError, httpx.DecodingError):
        return unreadable(response, UNDECODABLE)
    finally:
        await response.aclose()


async def _read_body_async(response: httpx.Response, body: BoundedBodyReader) -> httpx.Response | UnreadableResponse:
    if response.is_stream_consumed:
        return body.finish_preloaded()
    async for raw in response.aiter_raw():
        wanted = body.add(raw)
        del raw  # as above
        if not wanted:
            break
    return body.finish()
