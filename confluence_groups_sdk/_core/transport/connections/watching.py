"""Watch connections of httpx, so that no bytes left on one are taken for the response to the next request.

httpx's trace extension (https://www.python-httpx.org/advanced/extensions/#trace) shows each new connection as an
`httpcore.NetworkStream`. That object gets a subclass of its class, which extends four methods of the interface. So
this works with every client, transport and proxy of httpx:

- ``read`` and ``write`` follow the responses. A request is not sent if bytes came before it. In synchronous clients,
  they also keep the deadline of the attempt.
- ``get_extra_info`` says that a connection with bytes left is readable. httpcore takes an idle connection that is
  readable for closed by the server, and does not use it again.
- ``start_tls`` remembers the connection below: TLS to a proxy may hold bytes of the TLS to the server.
"""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from functools import lru_cache
from typing import Any, TypeVar

from ...._support.libraries.http import httpx
from ...._support.libraries.http_core import httpcore
from .deadline import time_left
from .response_end import ResponseEnd

S = TypeVar("S", bound="httpcore.NetworkStream | httpcore.AsyncNetworkStream")

USUAL_REQUESTS = (b"DELETE /", b"GET /", b"POST /")
MAX_TLS_MESSAGES = 16  # to read before the first data, such as session tickets; a server sends two
TURNS = 20  # of the event loop, in which it hands over what has arrived
MAX_VISIBLE_BYTES = 32 * 1024  # of a response; anyio may hold what follows a longer one without showing it
UNEXPECTED = "the server sent something before the request, so nothing was sent"
HTTP2_PREFACE = b"PRI * HTTP/2.0"


class UnexpectedDataError(httpcore.ConnectError):
    """The server sent something before the request, so nothing of the request was sent.

    The first argument is the error of TLS if it was an alert: httpcore removes ``__cause__``.
    """


class _Watched:
    """What connections of both kinds of clients share.

    Attributes:
        _tls: encrypts outside of the socket, and so may hold decrypted data.
        _below: the connection that carries this one, if that is TLS to a proxy.
    """

    _end: ResponseEnd
    _used = False
    _tls: ssl.SSLObject | None
    _below: _Watched | None = None

    def give_up(self) -> None:
        """Keep the connection from being used again."""
        self._end.give_up()

    def _has_decrypted_data(self) -> bool:
        """Check whether TLS holds data that arrived together with an earlier message."""
        if (self._tls is None or not _can_read(self._tls)) and (
            self._below is None or not self._below._has_decrypted_data()
        ):
            return False
        self._end.give_up()
        return True


class WatchedStream(_Watched, httpcore.NetworkStream):
    """A connection of a synchronous client; see `watch`."""

    _deadline: float | None  # of the attempt that made the connection, by time.monotonic; for SOCKS only
    _read: Callable[..., bytes]  # the methods of the class that is extended; super() would be slow
    _write: Callable[..., None]
    _get_info: Callable[[str], Any]
    _start_tls: Callable[..., httpcore.NetworkStream]

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        deadline = getattr(timeout, "deadline", self._deadline)
        data = self._read(max_bytes, time_left(timeout, deadline, httpcore.ReadTimeout))
        self._end.feed(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        if not buffer:
            return
        end = self._end
        if (end.reached or end.is_given_up) and (method := request_method(buffer)):
            if end.is_given_up or (not self._used and self._has_data()):
                raise UnexpectedDataError(UNEXPECTED)
            self._used = True
            self._deadline = None
            end.expect(method)
            self._write(buffer, timeout)
        else:
            if buffer.startswith(HTTP2_PREFACE):
                self._deadline = None
            deadline = getattr(timeout, "deadline", self._deadline)
            self._write(buffer, time_left(timeout, deadline, httpcore.WriteTimeout))

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and (not self._end.reached or (self._tls and self._has_decrypted_data())):
            return True
        return self._get_info(info)

    def start_tls(self, *arguments: Any, **options: Any) -> httpcore.NetworkStream:
        return _note_below(self._start_tls(*arguments, **options), self)

    def _has_data(self) -> bool:
        """Check whether the server has sent data; messages of TLS, such as session tickets, are none.

        Raises:
            UnexpectedDataError: the server has ended TLS with an alert.
        """
        for _ in range(MAX_TLS_MESSAGES):
            if self._has_decrypted_data():
                return True
            if not self._get_info("is_readable"):
                return False
            try:
                self._read(1, 0)
                return True  # also at the end of the connection
            except (httpcore.ReadError, httpcore.ReadTimeout) as error:
                if _is_alert(error.__cause__):
                    raise UnexpectedDataError(error.__cause__) from None
                # There was a message of TLS, and no data yet.
        return True


class AsyncWatchedStream(_Watched, httpcore.AsyncNetworkStream):
    """A connection of an asynchronous client; see `watch`."""

    _received = 0  # bytes since the last request
    _alert: BaseException | None = None  # with which the server has ended TLS before the first request
    _read: Callable[..., Awaitable[bytes]]
    _write: Callable[..., Awaitable[None]]
    _get_info: Callable[[str], Any]
    _start_tls: Callable[..., Awaitable[httpcore.AsyncNetworkStream]]

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            data = await self._read(max_bytes, timeout)
        except ssl.SSLError as error:  # httpcore does not translate it here
            raise httpcore.ReadError(error) from error
        self._received += len(data)
        self._end.feed(data)
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        end = self._end
        if (end.reached or end.is_given_up) and (method := request_method(buffer)):
            if end.reached and (not self._used or self._received > MAX_VISIBLE_BYTES):
                await self._look_for_data()
            if not end.reached:
                raise UnexpectedDataError(self._alert or UNEXPECTED)
            self._used = True
            self._received = 0
            end.expect(method)
        try:
            await self._write(buffer, timeout)
        except ssl.SSLError as error:  # httpcore does not translate it here
            raise httpcore.WriteError(error) from error

    def get_extra_info(self, info: str) -> Any:
        if info == "is_readable" and (not self._end.reached or (self._tls and self._has_decrypted_data())):
            return True
        return self._get_info(info)

    async def start_tls(self, *arguments: Any, **options: Any) -> httpcore.AsyncNetworkStream:
        return _note_below(await self._start_tls(*arguments, **options), self)

    async def _look_for_data(self) -> None:
        """Look for data in the buffers of anyio and of the system."""
        reading = asyncio.ensure_future(self._read(1))
        try:
            for _ in range(TURNS):
                await asyncio.sleep(0)
        finally:
            reading.cancel()
            await asyncio.wait([reading])
        if not reading.cancelled():
            error = reading.exception()  # is retrieved, so that asyncio does not log it
            self._alert = error if _is_alert(error) else None
            self._end.give_up()


def _is_alert(error: BaseException | None) -> bool:
    return isinstance(error, ssl.SSLError) and not isinstance(error, ssl.SSLWantReadError)


WATCHED = (WatchedStream, AsyncWatchedStream)


def request_method(data: bytes) -> bytes:
    """Return the method of the HTTP/1.1 request that these bytes begin; empty if they begin none."""
    if data.startswith(USUAL_REQUESTS):
        return data[: data.find(b" ")]
    line = data[: data.find(b"\r\n")]
    return line[: line.find(b" ")] if line.endswith(b" HTTP/1.1") else b""


def watch(stream: httpcore.NetworkStream | httpcore.AsyncNetworkStream, deadline: float | None = None) -> None:
    """Watch a new connection from now on.

    Args:
        stream: the connection.
        deadline: of the attempt that made it, by `time.monotonic`; for synchronous clients only.
    """
    state = vars(stream)
    if "_end" in state:
        return
    state["_end"] = ResponseEnd()
    state["_deadline"] = deadline
    tls = stream.get_extra_info("ssl_object")
    state["_tls"] = tls if isinstance(tls, ssl.SSLObject) else None
    kind: Any = type(stream)
    stream.__class__ = _watched(kind)


def distrust(response: httpx.Response) -> None:
    """Keep an HTTP/1.1 connection that is not watched from being used again: a request that is not ours made it.

    Args:
        response: a response on this connection that is not read yet.
    """
    stream = response.extensions.get("network_stream")
    if isinstance(stream, WATCHED) or response.http_version != "HTTP/1.1":
        return
    if isinstance(stream, httpcore.NetworkStream | httpcore.AsyncNetworkStream):
        watch(stream)
        if isinstance(stream, WATCHED):
            stream.give_up()


def _can_read(tls: ssl.SSLObject) -> bool:
    """Check whether TLS holds data, or its end; a byte of it is lost."""
    try:
        tls.read(1)
    except ssl.SSLWantReadError:
        return False
    except ssl.SSLError:
        pass
    return True


def _note_below(stream: S, below: _Watched) -> S:
    if below._tls is not None:  # a socket's own TLS keeps the rest in the socket
        vars(stream)["_below"] = below
    return stream


@lru_cache(maxsize=16)
def _watched(kind: type[Any]) -> type[Any]:
    base = WatchedStream if issubclass(kind, httpcore.NetworkStream) else AsyncWatchedStream
    extended = {
        "_read": kind.read,
        "_write": kind.write,
        "_get_info": kind.get_extra_info,
        "_start_tls": kind.start_tls,
    }
    return type(f"Watched{kind.__name__}", (base, kind), extended)
