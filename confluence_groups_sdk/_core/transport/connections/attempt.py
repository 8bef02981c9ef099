"""One attempt at sending a request, as httpx's trace shows it: whether it was sent, and over which new connections."""

from __future__ import annotations

import time
from collections.abc import Mapping, MutableMapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from ...._support.libraries.http import httpx
from ...._support.libraries.http_core import httpcore
from ..closing import CLOSED_UNSENT
from .deadline import limit_steps, time_left
from .watching import watch

if TYPE_CHECKING:
    from ..closing import Closing

SENDING = "send_request_headers.started"  # the end of an event's name, with HTTP/1.1 and HTTP/2
CONNECTING = ("connect_tcp.started", "start_tls.started")
CONNECTED = ("connect_tcp.complete", "start_tls.complete")


def attempt_timeout(*, sent: bool | None) -> httpx.TimeoutException:
    """Return the error for an attempt that took too long as a whole.

    Args:
        sent: whether a part of the request may have been sent; None if that is unknown.
    """
    kind = httpx.ConnectTimeout if sent is False else httpx.ReadTimeout
    return kind("the attempt has taken too long")


class _Attempt:
    """An attempt; the credentials may send other requests before and after its own.

    Args:
        request: the request, which is not sent yet.
        auth: its credentials; None for a request of the credentials themselves. If they send no other requests, nothing
            is traced after the request has begun: tracing takes time, and would show nothing more.

    Attributes:
        sent: whether a part of the request may have been sent since the last connection or other request was begun;
            None if the transport does not say.
        step: the event of httpcore that the last connection has come to; empty if the transport does not say.
        first_hop: the host and the port that it was made to: those of the server, or of a proxy.
        renewing: whether a request of the credentials has been sent since then, such as one for new tokens.
    """

    sent: bool | None = None
    step = ""
    first_hop: tuple[str, int] | None = None
    renewing = False
    _extensions: MutableMapping[str, Any]
    _sends_once: bool

    def _note_connecting(self, event: str, info: Mapping[str, Any]) -> None:
        self.sent = self.renewing = False
        self.step = event
        if "host" in info:
            self.first_hop = info["host"], info["port"]

    def _note_sending(self, request: httpcore.Request) -> None:
        # The CONNECT that makes a proxy's tunnel has the extensions of the request that needs it.
        own, tunnel = request.extensions is self._extensions, request.method == b"CONNECT"
        self.sent = own and not tunnel
        self.renewing = not own and not tunnel
        if self.sent and self._sends_once:
            self._extensions.pop("trace", None)


class Attempt(_Attempt):
    """An attempt of a synchronous client.

    Args:
        request, auth: see `_Attempt`.
        closing: ends the attempt when the client is closed; None if the httpx client is the caller's.
        seconds: the limit on the attempt as a whole; None for none.
    """

    def __init__(
        self, request: httpx.Request, auth: httpx.Auth | None, closing: Closing | None, seconds: float | None = None
    ) -> None:
        self._extensions = extensions = request.extensions
        self._sends_once = getattr(auth, "_sends_once", False)
        self._closing = closing
        self._deadline: float | None = None
        extensions["trace"] = self._trace
        if seconds is not None:
            self._deadline = time.monotonic() + seconds
            extensions["timeout"] = limit_steps(extensions["timeout"], seconds, self._deadline)

    def _trace(self, event: str, info: MutableMapping[str, Any]) -> None:
        """Follow an event, and end the attempt if the client is closed.

        Raises:
            httpx.ConnectError: the client is closed, and the request was not sent.
            httpcore.ConnectTimeout: the deadline has passed.
        """
        closing = self._closing
        if event.endswith(SENDING):
            if closing is not None and closing.closed:
                raise httpx.ConnectError(CLOSED_UNSENT)
            self._note_sending(info["request"])
        elif event.endswith(CONNECTING):
            self._note_connecting(event, info)
            if closing is not None and closing.closed:
                raise httpx.ConnectError(CLOSED_UNSENT)
            info["timeout"] = time_left(info["timeout"], self._deadline, httpcore.ConnectTimeout)
        elif event.endswith(CONNECTED):
            watch(info["return_value"], self._deadline)
            if closing is not None:
                closing.add_connection(info["return_value"])


class AsyncAttempt(_Attempt):
    """An attempt of an asynchronous client; see `_Attempt`."""

    def __init__(self, request: httpx.Request, auth: httpx.Auth | None) -> None:
        self._extensions = request.extensions
        self._sends_once = getattr(auth, "_sends_once", False)
        self._handshake: httpcore.AsyncNetworkStream | None = None  # a connection whose TLS handshake has not ended
        self._extensions["trace"] = self._trace

    async def _trace(self, event: str, info: MutableMapping[str, Any]) -> None:
        if event.endswith(SENDING):
            self._note_sending(info["request"])
            self._handshake = None
        elif event.endswith(CONNECTING):
            self._note_connecting(event, info)
        elif event.endswith(CONNECTED):
            self._handshake = info["return_value"]
            watch(info["return_value"])

    async def abandon(self) -> bool | None:
        """Close a connection that is not ready, which httpx would leave open; return whether the request was sent."""
        if self._handshake is not None:
            with suppress(Exception):
                await self._handshake.aclose()
        return self.sent
