"""Let an auth flow read a response within the limits of any other response.

httpx reads the body of each response after which an auth flow sends another request, and the flow cannot replace the
response. So the flow replaces the stream of the body: httpx then reads the decoded body, or nothing if it is refused.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator

from .._core.transport.decompression import UndecodableError
from .._core.transport.replies import UnreadableResponse
from .._core.transport.response_reader import (
    BODY_PROBLEM,
    MAX_BODY_BYTES,
    TOO_LONG,
    UNDECODABLE,
    BoundedBodyReader,
)
from .._support.libraries.http import httpx


def limit_body(response: httpx.Response) -> None:
    """Limit what `Response.read` and `Response.aread` keep, and remove the reason phrase.

    If the body is refused, it is empty then, and `body_problem` says why.

    Args:
        response: the response, with its body still unread.
    """
    response.extensions.pop("reason_phrase", None)  # `repr` shows it, and it may hold a secret that the server echoes
    if response.is_stream_consumed:  # by a hook of the caller's client or by a test's transport
        if len(response.content) > MAX_BODY_BYTES:
            response.extensions[BODY_PROBLEM] = TOO_LONG
        return
    response.stream = _DecodedStream(response)
    response.headers.pop("Content-Encoding", None)


def body_problem(response: httpx.Response) -> str | None:
    """Return why the body of a response was refused; None if it was not."""
    problem: str | None = response.extensions.get(BODY_PROBLEM)
    return problem


class _DecodedStream(httpx.SyncByteStream, httpx.AsyncByteStream):
    """The decoded body of a response as a single part; empty if the body is refused.

    Args:
        response: the response.
    """

    def __init__(self, response: httpx.Response) -> None:
        self._stream = response.stream
        self._response = response
        encoded = httpx.Response(response.status_code, headers=response.headers, request=response.request)
        self._body = BoundedBodyReader(encoded, None)

    def __iter__(self) -> Iterator[bytes]:
        assert isinstance(self._stream, httpx.SyncByteStream), "httpx reads it with a client of the same kind"
        all(map(self._keep, self._stream))  # until it is False, and without a part in a variable
        yield self._finish()

    async def __aiter__(self) -> AsyncIterator[bytes]:
        assert isinstance(self._stream, httpx.AsyncByteStream), "httpx reads it with a client of the same kind"
        async for raw in self._stream:
            wanted = self._keep(raw)
            del raw  # as above
            if not wanted:
                break
        yield self._finish()

    def close(self) -> None:
        """Close the connection, unless the body was read to its end."""
        assert isinstance(self._stream, httpx.SyncByteStream), "httpx closes it with a client of the same kind"
        self._stream.close()

    async def aclose(self) -> None:
        """Close the connection, unless the body was read to its end."""
        assert isinstance(self._stream, httpx.AsyncByteStream), "httpx closes it with a client of the same kind"
        await self._stream.aclose()

    def _keep(self, raw: bytes) -> bool:
        """Decode and keep a part; return whether more is wanted."""
        try:
            return self._body.add(raw)
        except UndecodableError:
            self._refuse(UNDECODABLE)
            return False

    def _finish(self) -> bytes:
        """Return the body."""
        if body_problem(self._response):
            return b""
        try:
            reply = self._body.finish()
        except UndecodableError:
            self._refuse(UNDECODABLE)
            return b""
        if isinstance(reply, UnreadableResponse):
            self._refuse(reply.problem)
            return b""
        return reply.content

    def _refuse(self, problem: str) -> None:
        self._response.extensions[BODY_PROBLEM] = problem
