"""Connections of aiohttp, of which none is used again with bytes left on it."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from functools import partial
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.connector import Connection
from attrs import frozen

from ...._support.libraries.http import httpx
from .response_end import ResponseEnd
from .watching import TURNS, UNEXPECTED, UnexpectedDataError

CONNECTING, SENDING = "connect_tcp.started", "send_request_headers.started"  # as httpx's own transport names them
EXTENSIONS = "httpx_extensions"  # the attribute of aiohttp's request that holds the extensions of httpx's request


class WatchedHandler(ResponseHandler):
    """One connection, whose responses are followed; aiohttp itself does not show all that is left after one."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.end = ResponseEnd()
        self.is_new = True

    def data_received(self, data: bytes) -> None:
        """Follow bytes that were received."""
        self.end.feed(data)
        super().data_received(data)

    def connection_lost(self, exc: BaseException | None) -> None:
        """Keep the cause, such as an alert of TLS, in the error that aiohttp raises to the next reader."""
        super().connection_lost(exc)
        error = self.exception()
        if error is not None and error is not exc and error.__cause__ is None:
            error.__cause__ = exc


class WatchedConnector(aiohttp.TCPConnector):
    """Gives out connections on which nothing has arrived, because that would be taken for the next response."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        vars(self)["_factory"] = partial(WatchedHandler, loop=self._loop)  # private: aiohttp has no option for it

    async def connect(
        self, req: aiohttp.ClientRequest, traces: list[aiohttp.tracing.Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """Return a connection, from the pool or new.

        Raises:
            httpx.ConnectError: something arrived over a new connection.
        """
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            assert isinstance(protocol, WatchedHandler), "made by the factory"
            is_new = protocol.is_new
            try:
                if is_new:
                    protocol.is_new = False
                    await poll(TURNS)
                if protocol.end.reached and not protocol.should_close:
                    protocol.end.expect(req.method.encode("ascii"))
                    await announce(SENDING, vars(req).get(EXTENSIONS, {}), req.method)
                    return connection
            except BaseException:  # such as a cancellation
                connection.close()
                raise
            lost = protocol.exception()
            connection.close()
            if is_new:
                raise httpx.ConnectError(UNEXPECTED) from UnexpectedDataError(lost or UNEXPECTED)


@frozen
class BegunRequest:
    """The parts of a request that a trace looks at; the whole request would show the token in our frames."""

    extensions: Mapping[str, Any]
    method: bytes


async def announce(event: str, extensions: Mapping[str, Any], method: str) -> None:
    """Tell the trace of a request, if there is one, that an event begins."""
    if trace := extensions.get("trace"):
        await trace(event, {"request": BegunRequest(extensions, method.encode("ascii"))})


async def poll(turns: int = 2) -> None:
    """Let the event loop handle what has arrived.

    Args:
        turns: of the event loop. It polls after all ready callbacks, so plain data takes two.
    """
    for _ in range(turns):
        await asyncio.sleep(0)
