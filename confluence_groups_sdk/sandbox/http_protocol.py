"""The sandbox's side of a connection, which a fault can reset and other web pages cannot use.

A web page in a browser on this machine can send requests to the sandbox. The browser tells where they come from: `Host`
has the name by which it found the sandbox (a page may rebind the name of its own site to 127.0.0.1), `Origin` and
`Sec-Fetch-Site` (https://www.w3.org/TR/fetch-metadata/) tell of the page.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import sys
from contextlib import suppress
from typing import Any

from starlette.requests import HTTPConnection
from starlette.responses import HTMLResponse, PlainTextResponse, Response
from starlette.types import ASGIApp, Receive, Scope, Send
from uvicorn.protocols.http.h11_impl import H11Protocol

NO_LINGER = struct.pack("hh" if sys.platform == "win32" else "ii", 1, 0)  # SO_LINGER: on, for 0 seconds
LOOPBACK_NAMES = ("127.0.0.1", "localhost", "[::1]")
NAVIGATION = {"sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}  # a link, not a frame or a script
DEFAULT_PORT = 80


class ResettableProtocol(H11Protocol):
    """uvicorn's HTTP/1.1, with a function ``reset`` in the state of each request."""

    def __init__(self, *, app_state: dict[str, Any], **options: Any) -> None:
        super().__init__(app_state={**app_state, "reset": self.reset}, **options)

    def reset(self) -> None:
        """Reset the connection: the client sees a TCP reset, and nothing that was not sent yet."""
        if self.transport.is_closing():
            return
        self.transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, NO_LINGER)
        self.transport.abort()


class OriginCheck:
    """Passes requests on to an app, except those that another web page sends.

    Args:
        app: the app.
        url: the address of the sandbox.
        port: its port.
    """

    def __init__(self, app: ASGIApp, url: str, port: int) -> None:
        self._app = app
        self._url = url
        self._hosts = {f"{name}:{port}" for name in LOOPBACK_NAMES}
        if port == DEFAULT_PORT:
            self._hosts.update(LOOPBACK_NAMES)
        self._origins = {f"http://{host}" for host in self._hosts}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        app = self._refusal(HTTPConnection(scope)) or self._app
        with suppress(asyncio.CancelledError):  # the sandbox stops, and no longer waits for this call
            await app(scope, receive, send)

    def _refusal(self, request: HTTPConnection) -> Response | None:
        headers = request.headers
        hosts = headers.getlist("host")
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            refusal = f"Use the sandbox at {self._url}: the Host header has another name or port"
            return PlainTextResponse(refusal, 403)
        is_own = self._origins.issuperset(headers.getlist("origin"))
        is_near = {"same-origin", "none"}.issuperset(headers.getlist("sec-fetch-site"))
        if is_own and (is_near or _opens_consent_page(request)):
            return None
        return HTMLResponse("<html><body>XSRF check failed</body></html>", 403)


def _opens_consent_page(request: HTTPConnection) -> bool:
    """Check whether a user follows a link to the consent page, as to that of Atlassian."""
    is_navigation = all(request.headers.get(name) == value for name, value in NAVIGATION.items())
    return is_navigation and (request.scope["method"], request.scope["path"]) == ("GET", "/authorize")
